package cpis

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// The order of message 02 is the schema's, whatever the caller does.
func TestThePartsOfAnAcknowledgementComeInOrder(t *testing.T) {
	h := usualResponse().ResponseHeader
	h.Failed = 1
	records := usualRecords()
	var b bytes.Buffer
	w, err := NewResponseWriter(&b, h)
	require.NoError(t, err)
	require.NoError(t, w.Valid(records[0].Subjects))
	require.ErrorIs(t, w.Outcome(h.Outcomes[0]), ErrOrder, "outcomes stand before records")
	require.NoError(t, w.Invalid(&records[1]))
	require.ErrorIs(t, w.Close(0), ErrOrder, "more were returned than were loaded")
	require.NoError(t, w.Close(1))
	require.ErrorIs(t, w.Close(1), ErrOrder)
	require.ErrorIs(t, w.Valid(records[0].Subjects), ErrOrder)
	_, err = DecodeResponse(&b, Limits{})
	require.NoError(t, err)
	w, err = NewResponseWriter(&b, ResponseHeader{Created: "2026", Sequence: 1, Receiver: fable, Codes: []FileCode{FileLoaded}})
	require.NoError(t, err)
	require.NoError(t, w.Invalid(&records[1]))
	require.ErrorIs(t, w.Close(0), ErrOrder, "more were rejected than were counted")
}

// What is not of the published lists is not written, and not read.
func TestAcknowledgementCodes(t *testing.T) {
	base := usualResponse()
	for want, change := range map[Detail]func(*ResponseHeader){
		AcknowledgementCode: func(h *ResponseHeader) { h.Codes = []FileCode{"CPF07"} },
		SequenceNumber:      func(h *ResponseHeader) { h.Sequence = -2 },
		QuantityFormat:      func(h *ResponseHeader) { h.Quantity = -2 },
		TimeFormat:          func(h *ResponseHeader) { h.Created = "" },
		ElementMissing:      func(h *ResponseHeader) { h.Outcomes = []Outcome{{Code: RecordLoaded}} },
	} {
		h := base.ResponseHeader
		change(&h)
		var refused *ValueError
		_, err := NewResponseWriter(&bytes.Buffer{}, h)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, want, refused.Detail)
	}
	for _, o := range []Outcome{{Code: "CPR08", Place: "/"}, {Code: RecordRejected, Detail: "never-heard-of", Place: "/"}} {
		h := base.ResponseHeader
		h.Outcomes = []Outcome{o}
		_, err := NewResponseWriter(&bytes.Buffer{}, h)
		require.Error(t, err)
	}
	file := messages(t)[Acknowledgement]
	for _, change := range [][2]string{{`"CPF03"`, `"CPF02"`}, {"Partial File Upload", "Partly"}, {`"CPR06"`, `"CPR08"`}, {"end-before-start", "ended"}} {
		var broken *FileError
		_, err := DecodeResponse(bytes.NewReader(bytes.Replace(file, []byte(change[0]), []byte(change[1]), 1)), Limits{})
		require.ErrorAs(t, err, &broken)
		require.Equal(t, AcknowledgementCode, broken.Detail)
	}
}

// The codes of a file that was read follow from what became of its records.
func TestFileCodes(t *testing.T) {
	require.Equal(t, FileLoaded, FileCodeOf(3, 0))
	require.Equal(t, FilePartly, FileCodeOf(3, 1))
	require.Equal(t, FileNotLoaded, FileCodeOf(0, 4))
	for _, c := range []FileCode{FileBroken, FileLoaded, FilePartly, FileNotLoaded, FileNoRegister, FileUnsupported} {
		r := Response{ResponseHeader: ResponseHeader{Created: "2026", Sequence: Undetermined, Quantity: Undetermined, Receiver: fable, Codes: []FileCode{c}}}
		var b bytes.Buffer
		same(t, r, nil, r.Write(&b), func(_ io.Reader, l Limits) (*Response, error) { return DecodeResponse(&b, l) })
	}
	for _, c := range []RecordCode{RecordNoMatch, RecordSensitive, RecordUnverified, RecordFormat, RecordSuperseded, RecordLoaded, RecordRejected} {
		r := usualResponse()
		r.Outcomes = []Outcome{{Code: c, Place: "/File/record[1]"}}
		var b bytes.Buffer
		same(t, r, nil, r.Write(&b), func(_ io.Reader, l Limits) (*Response, error) { return DecodeResponse(&b, l) })
	}
}

// What messages 03 to 06 must have is told when it is missing.
func TestTheOtherMessagesAreStrict(t *testing.T) {
	all := messages(t)
	for _, c := range []struct {
		kind     Kind
		detail   Detail
		old, new string
	}{
		{QueryMessage, MessageID, someID, "7d616840-ae1a-11db-973a-b18e1e0994cd"},
		{QueryMessage, AuthorID, oidUser, oidSystem},
		{QueryMessage, NHSNumberCheckDigit, number(0), "9990000019"},
		{QueryMessage, ContentID, "COCT_TP145102GB01#", "COCT_TP145104GB01#"},
		{QueryMessage, NameMissing, "<prefix>Mrs</prefix><given>Nell</given><family>Quillwick</family>", ""},
		{QueryMessage, ElementUnexpected, "<prefix>Mrs</prefix>", "<prefix>Mrs</prefix><title>x</title>"},
		{AnswerMessage, QuantityMismatch, `ChildRecords><value value="2"/>`, `ChildRecords><value value="3"/>`},
		{AnswerMessage, QuantityMismatch, `AccessRecords><value value="2"/>`, `AccessRecords><value value="0"/>`},
		{AnswerMessage, ContentID, "COCT_TP146105GB01", "COCT_TP146101GB01"},
		{AnswerMessage, AuthorID, `extension="555000000201"`, `extension="55500000020"`},
		{AccessMessage, QuantityMismatch, `<value value="2"/>`, `<value value="1"/>`},
		{AccessMessage, ElementMissing, "<reference>", "<referral>"},
		{AccessMessage, ContentID, "COCT_TP145103GB01#IntendedRecipient", "COCT_TP145103GB01#Recipient"},
		{InactiveMessage, NHSNumberCheckDigit, `<newVersion><id extension="` + number(5), `<newVersion><id extension="9990000019`},
		{InactiveMessage, AttributeMissing, `<value extension="17"/>`, `<value extension=""/>`},
	} {
		require.Contains(t, string(all[c.kind]), c.old)
		doc := bytes.NewReader(bytes.Replace(all[c.kind], []byte(c.old), []byte(c.new), 1))
		var err error
		switch c.kind {
		case QueryMessage:
			_, err = DecodeQuery(doc, Limits{})
		case AnswerMessage:
			_, err = DecodeAnswer(doc, Limits{})
		case AccessMessage:
			_, err = DecodeNotification(doc, Limits{})
		case InactiveMessage:
			_, err = DecodeInactive(doc, Limits{})
		}
		var broken *FileError
		require.ErrorAs(t, err, &broken, "%s", c.old)
		require.Equal(t, c.detail, broken.Detail, "%v", broken)
		quiet(t, err)
	}
	_, _, err := Identify(bytes.NewReader([]byte(`<html/>`)))
	require.Error(t, err)
}
