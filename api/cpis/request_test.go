package cpis

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fromSpine is message 03 as Spine's synchronous pattern has it, typed by hand:
// other prefixes, and headers and authors of which nothing is taken.
const fromSpine = `<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:hl7="urn:hl7-org:v3">
 <SOAP-ENV:Header>
  <wsa:MessageID>uuid:DBB01BA2-0BCC-49A9-8E8C-0B2B6AE4D5F1</wsa:MessageID>
  <wsa:Action>urn:nhs:names:services:cpisquery/QUPC_IN000006GB01</wsa:Action>
  <wsa:To SOAP-ENV:mustUnderstand="1">https://custos.example/v1/queries</wsa:To>
  <wsa:From><wsa:Address>192.0.2.1</wsa:Address></wsa:From>
  <hl7:communicationFunctionRcv typeCode="RCV"><hl7:device><hl7:id root="1.2.826.0.1285.0.2.0.107" extension="200000000222"/></hl7:device></hl7:communicationFunctionRcv>
  <wsa:ReplyTo><wsa:Address>192.0.2.1</wsa:Address></wsa:ReplyTo>
  <vendor:trace xmlns:vendor="urn:vendor" level="3">kept <b>out</b></vendor:trace>
 </SOAP-ENV:Header>
 <SOAP-ENV:Body>
  <QUPC_IN000006GB01 xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation">
   <id root="DBB01BA2-0BCC-49A9-8E8C-0B2B6AE4D5F1"/>
   <creationTime value="20260303141500"/>
   <versionCode code="V3NPfIT3.1.10"/>
   <interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="QUPC_IN000006GB01"/>
   <processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/>
   <communicationFunctionRcv><device><id root="1.2.826.0.1285.0.2.0.107" extension="200000000222"/></device></communicationFunctionRcv>
   <communicationFunctionSnd><device><id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/></device></communicationFunctionSnd>
   <ControlActEvent classCode="CACT" moodCode="EVN">
    <author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT"><agentSystemSDS classCode="DEV" determinerCode="INSTANCE">
     <id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/></agentSystemSDS></AgentSystemSDS></author1>
    <subject typeCode="SUBJ">
     <CP-ISQueryStub>
      <cP-ISNHSQuery>
       <effectiveTime value="20260303141500+0000"/>
       <id root="7D616840-AE1A-11DB-973A-B18E1E0994CD"/>
       <author>
        <npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145102GB01#AssignedAuthor"/>
        <COCT_TP145102GB01.AssignedAuthor>
         <code code="R0670" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" displayName="Midwife - Sister/Charge Nurse"/>
         <id root="1.2.826.0.1285.0.2.0.65" extension="555000000201"/>
         <assignedAuthorPerson><name><prefix>Mrs</prefix><given>Nell</given><family>Quillwick</family></name></assignedAuthorPerson>
         <representedOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="RXX01"/><name>Emergency Department</name></representedOrganization>
        </COCT_TP145102GB01.AssignedAuthor>
       </author>
       <queryByParameter><person.NHSnumber><value extension="%s"/></person.NHSnumber></queryByParameter>
      </cP-ISNHSQuery>
     </CP-ISQueryStub>
    </subject>
   </ControlActEvent>
  </QUPC_IN000006GB01>
 </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
`

func spineQuery() string { return fmt.Sprintf(fromSpine, number(0)) }

// inner is the part of a document from one tag to its end.
func inner(doc, name string) string {
	from, to := strings.Index(doc, "<"+name), strings.Index(doc, "</"+name+">")
	out := doc[from : to+len(name)+3]
	if !strings.Contains(out, "xmlns=") {
		out = strings.Replace(out, "<"+name, `<`+name+` xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation"`, 1)
	}
	return out
}

// enveloped puts something in an envelope without a header.
func enveloped(body string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` + body + `</s:Body></s:Envelope>`
}

func request(t require.TestingT, doc string) *Request {
	q, err := DecodeRequest(strings.NewReader(doc), Limits{})
	require.NoError(t, err)
	return q
}

// A query is the same, whatever is around it, and comes back in the same.
func TestARequestInEveryForm(t *testing.T) {
	whole := spineQuery()
	want := request(t, whole)
	require.Equal(t, &Interaction{ID: "DBB01BA2-0BCC-49A9-8E8C-0B2B6AE4D5F1", Receiver: "200000000222", Sender: "200000000115"}, want.Interaction)
	require.Equal(t, "uuid:DBB01BA2-0BCC-49A9-8E8C-0B2B6AE4D5F1", want.MessageID)
	require.Equal(t, number(0), want.Query.NHSNumber)
	require.Equal(t, "Mrs Nell Quillwick", want.Query.Author.Staff.Name.Full())
	bare, wrapped := inner(whole, queryStub), inner(whole, askInteraction)
	for name, c := range map[string]struct {
		doc                  string
		enveloped, interacts bool
	}{
		"bare": {bare, false, false}, "in its interaction": {wrapped, false, true},
		"bare, in an envelope": {enveloped(bare), true, false}, "in its interaction, in an envelope": {enveloped(wrapped), true, true},
	} {
		q := request(t, c.doc)
		require.Equal(t, want.Query, q.Query, name)
		require.Equal(t, c.enveloped, q.Enveloped, name)
		require.Equal(t, c.interacts, q.Interaction != nil, name)
	}
}

// accessEventType has no published place: it is found wherever it may be meant.
func TestTheAccessEventTypeIsFound(t *testing.T) {
	bare := inner(spineQuery(), queryStub)
	put := func(old, new string) string {
		require.Contains(t, bare, old)
		return strings.Replace(bare, old, new, 1)
	}
	places := func(said string) []string {
		element := `<accessEventType value="` + said + `"/>`
		return []string{
			put("<CP-ISQueryStub", `<CP-ISQueryStub accessEventType="`+said+`"`),
			put("<cP-ISNHSQuery>", `<cP-ISNHSQuery accessEventType="`+said+`">`),
			put("<effectiveTime", element+"<effectiveTime"), put("<id root=\"7D", element+"<id root=\"7D"), put("<author>", element+"<author>"),
			put("<queryByParameter>", element+"<queryByParameter>"), put("</queryByParameter>", "</queryByParameter>"+element),
			put("<author>", `<accessEventType>`+said+`</accessEventType><author>`),
		}
	}
	require.Equal(t, EventNotSaid, request(t, bare).Query.Event)
	for _, doc := range places("true") {
		require.Equal(t, EventUnscheduled, request(t, doc).Query.Event, doc)
	}
	for _, doc := range places("false") {
		q := request(t, doc)
		require.Equal(t, EventScheduled, q.Query.Event, doc)
		b, err := q.Query.Append(nil)
		require.NoError(t, err)
		require.NotContains(t, string(b), "accessEventType", "it is never written")
	}
	twice := strings.Replace(places("true")[0], "<author>", `<accessEventType value="false"/><author>`, 1)
	for _, doc := range append(append(places("maybe"), places("")...), twice) {
		_, err := DecodeRequest(strings.NewReader(doc), Limits{})
		var broken *FileError
		require.ErrorAs(t, err, &broken, doc)
		require.Contains(t, []Detail{AccessEventType, AttributeMissing}, broken.Detail, doc)
		quiet(t, err)
	}
}

func TestRequestsAreStrict(t *testing.T) {
	whole := spineQuery()
	for _, c := range []struct {
		detail   Detail
		old, new string
	}{
		{RootUnknown, "xmlsoap.org/soap/envelope", "xmlsoap.org/soap/other"},
		{RootUnknown, "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"},
		{EnvelopeHeader, `level="3"`, `SOAP-ENV:mustUnderstand="1"`},
		{EnvelopeHeader, `level="3"`, `SOAP-ENV:mustUnderstand="true"`},
		{InteractionID, `extension="QUPC_IN000006GB01"`, `extension="QUPC_IN000005GB01"`},
		{ElementMissing, `<versionCode code="V3NPfIT3.1.10"/>`, ""},
		{ElementMissing, `<processingModeCode code="T"/>`, ""},
		{AuthorID, `extension="200000000222"/></device></communicationFunctionRcv>`, `extension="20000000022"/></device></communicationFunctionRcv>`},
		{MessageID, `   <id root="DBB01BA2`, `   <id root="dbb01ba2`},
		{ElementUnexpected, "</CP-ISQueryStub>", "</CP-ISQueryStub><CP-ISQueryStub/>"},
		{ElementUnexpected, "</QUPC_IN000006GB01>", "</QUPC_IN000006GB01><QUPC_IN000006GB01/>"},
		{ElementUnexpected, "</SOAP-ENV:Body>", "</SOAP-ENV:Body><SOAP-ENV:Body/>"},
		{NHSNumberCheckDigit, number(0), "9990000019"},
		{NHSNumberFormat, number(0), "ABC"},
		{DocumentType, "<SOAP-ENV:Envelope", "<!DOCTYPE x><SOAP-ENV:Envelope"},
		{Truncated, "</SOAP-ENV:Envelope>", ""},
		{FieldTooLong, "uuid:DBB01BA2", "uuid:" + strings.Repeat("x", 200) + "DBB01BA2"},
		{TooDeep, "kept", strings.Repeat("<c>", 40)},
	} {
		require.Contains(t, whole, c.old)
		q, err := DecodeRequest(strings.NewReader(strings.Replace(whole, c.old, c.new, 1)), Limits{})
		var broken *FileError
		require.ErrorAs(t, err, &broken, "%s %s", c.detail, c.old)
		require.Equal(t, c.detail, broken.Detail, "%v", broken)
		require.Equal(t, c.detail != RootUnknown && c.detail != DocumentType, q.Enveloped, "%v", broken)
		quiet(t, err)
	}
}

// replies are one of each sort.
func replies(t testing.TB) map[string]*Reply {
	a, err := DecodeAnswer(bytes.NewReader(messages(t)[AnswerMessage]), Limits{})
	require.NoError(t, err)
	with := func(a *Answer, f *Refusal) *Reply {
		return &Reply{Time: "20260303141501+0000", ID: someID, Answer: a, Refusal: f}
	}
	return map[string]*Reply{
		"found": with(a, nil), "no record": with(nil, nil),
		"refused": with(nil, &Refusal{Code: "role-not-permitted", Words: "Your role may not do this", Client: true, Status: 403}),
		"failed":  with(nil, &Refusal{Code: "unavailable", Words: `No record can be made "now" & nothing is disclosed`, Status: 503}),
	}
}

// Every reply is XML, says what became of the query, and validates against the
// published schemas as far as there are any: SOAP's envelope is taken off.
func TestRepliesValidate(t *testing.T) {
	whole := spineQuery()
	bare := inner(whole, queryStub)
	said := map[string]string{"found": `queryResponseCode code="OK"`, "no record": `queryResponseCode code="NF"`,
		"refused": `queryResponseCode code="QE"`, "failed": `queryResponseCode code="AE"`}
	var folder string
	t.Run("schemas", func(t *testing.T) { folder = schemaFolder(t) })
	for form, doc := range map[string]string{"bare": bare, "interaction": inner(whole, askInteraction), "envelope": enveloped(bare), "both": whole} {
		q := request(t, doc)
		for name, r := range replies(t) {
			b, err := r.Append(nil, q)
			require.NoError(t, err)
			require.NoError(t, xml.Unmarshal(b, new(struct{})), "%s", b)
			root := answerRoot
			switch {
			case r.Refusal != nil && q.Enveloped:
				root = ""
				require.Contains(t, string(b), "<soap:Fault>")
				require.Contains(t, string(b), "<code>"+r.Refusal.Code+"</code>")
			case q.Interaction != nil:
				root = r.action()
			case r.Answer == nil:
				root = "ControlActEvent"
			}
			if root == "" {
				continue
			}
			if root != answerRoot {
				require.Contains(t, string(b), said[name], "%s %s", form, name)
			}
			if q.MessageID != "" {
				require.Contains(t, string(b), "<wsa:RelatesTo>"+q.MessageID+"<")
			}
			if folder == "" {
				continue
			}
			schema := map[string]string{answerRoot: "REPC_MT000007GB01", "ControlActEvent": "QUQI_MT030101UK03"}[root]
			if schema == "" {
				schema = root
			}
			file := filepath.Join(t.TempDir(), "reply.xml")
			require.NoError(t, os.WriteFile(file, []byte(inner(string(b), root)), 0o600))
			out, err := exec.Command("xmllint", "--noout", "--nonet", "--schema", filepath.Join(folder, "Schemas", schema+".xsd"), file).CombinedOutput()
			require.NoError(t, err, "%s %s: %s\n%s", form, name, out, b)
		}
	}
}

// Whatever a request is, reading it ends, repeats nothing, and what was read can
// be answered.
func FuzzRequest(f *testing.F) {
	whole := spineQuery()
	for _, doc := range []string{whole, inner(whole, queryStub), inner(whole, askInteraction), enveloped(inner(whole, queryStub)),
		strings.Replace(whole, "<author>", `<accessEventType value="false"/><author>`, 1)} {
		f.Add([]byte(doc))
	}
	all := replies(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		q, err := DecodeRequest(bytes.NewReader(doc), Limits{})
		quiet(t, err)
		if err != nil {
			return
		}
		for _, r := range all {
			b, err := r.Append(nil, q)
			require.NoError(t, err)
			d := xml.NewDecoder(bytes.NewReader(b))
			for err == nil {
				_, err = d.Token()
			}
			require.ErrorIs(t, err, io.EOF)
		}
		again, err := q.Query.Append(nil)
		require.NoError(t, err)
		read, err := DecodeRequest(bytes.NewReader(again), Limits{})
		require.NoError(t, err)
		q.Query.Event = EventNotSaid
		require.Equal(t, q.Query, read.Query)
	})
}
