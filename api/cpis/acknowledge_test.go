package cpis

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// An upload's acknowledgement lists what was rejected, by the reader or by
// whoever loads it, returns what can be returned, and validates.
func TestAcknowledge(t *testing.T) {
	file := usualFile(t)
	file = bytes.Replace(file, []byte(`"202511300000"/></cPPEndDate>`), []byte(`"202408310000"/></cPPEndDate>`), 1) // record 2
	file = bytes.Replace(file, []byte("<given>Zoë</given>"), nil, 1)                                                // record 5
	acknowledge := func(file []byte) (*Response, []byte) {
		var b bytes.Buffer
		asked := 0
		err := Acknowledge(&b, "20260302140500+0000", fable, func() (*Reader, error) { return NewReader(bytes.NewReader(file), Options{}) },
			func(n int, r *Record) Outcome {
				asked++
				if n == 3 {
					return Outcome{Code: RecordSuperseded}
				}
				return Outcome{Code: RecordLoaded}
			})
		require.NoError(t, err)
		raw := bytes.Clone(b.Bytes())
		got, err := DecodeResponse(&b, Limits{})
		require.NoError(t, err)
		return got, raw
	}
	got, raw := acknowledge(file)
	records := usualRecords()
	records[1].Plans[1].End = 202408310000
	require.Equal(t, &Response{
		ResponseHeader: ResponseHeader{Created: "20260302140500+0000", Sequence: 17, Quantity: 5, Receiver: fable, Codes: []FileCode{FilePartly}, Failed: 3, Outcomes: []Outcome{
			{RecordRejected, EndBeforeStart, "/File/record[2]/CP-ISRecord/pertinentInformation[2]/COCT_TP146101GB01.CPPInformation/component1/cPPEndDate/value/@value"},
			{RecordSuperseded, "", "/File/record[3]"},
			{RecordRejected, ElementMissing, "/File/record[5]/CP-ISRecord/subject[1]/COCT_TP145101GB01.Child/childPerson/name/given"},
		}},
		Returned: []Returned{
			{true, Record{Subjects: records[0].Subjects}}, {false, records[1]}, {false, records[2]}, {true, Record{Subjects: records[3].Subjects}},
		},
		Successful: 2,
	}, got)

	broken, cut := acknowledge(file[:len(file)-10])
	require.Equal(t, &Response{ResponseHeader: ResponseHeader{Created: "20260302140500+0000", Sequence: 17, Quantity: 5, Receiver: fable, Codes: []FileCode{FileBroken}}}, broken)
	unread, none := acknowledge([]byte("nothing"))
	require.Equal(t, &Response{ResponseHeader: ResponseHeader{Created: "20260302140500+0000", Sequence: Undetermined, Quantity: Undetermined, Receiver: fable,
		Codes: []FileCode{FileBroken}}}, unread)

	gone := errors.New("the file is gone")
	require.ErrorIs(t, Acknowledge(&bytes.Buffer{}, "2026", fable, func() (*Reader, error) { return nil, gone }, nil), gone)

	complaints, ok := validate(t, schemaFolder(t), Acknowledgement, raw, cut, none)
	require.True(t, ok, complaints)
}
