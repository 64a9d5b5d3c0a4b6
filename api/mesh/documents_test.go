package mesh

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The documents are those that MESH's specification shows.
func TestDocumentsOfTheSpecification(t *testing.T) {
	page, err := parsePage([]byte(`{"messages": ["20220228174323222_ABCDEF", "20220228174323333_ABCDEF"], "links": {
		"self": "/messageexchange/mb12345/inbox?max_results=10",
		"next": "/messageexchange/mb12345/inbox?max_results=10&continue_from=eyJwayI6ICJNQiNNU0cjTUIjMTIzNEhDMTIzNCMiLCAic2siOiAiTUIjTVNHIzIwMjIwMjI4MTc0MzIzMTIzX0FDREVEMSMifQ%3D%3D"},
		"approx_inbox_count": 100}`))
	require.NoError(t, err)
	require.Equal(t, Page{IDs: []string{"20220228174323222_ABCDEF", "20220228174323333_ABCDEF"}, Rest: 100,
		Next: "eyJwayI6ICJNQiNNU0cjTUIjMTIzNEhDMTIzNCMiLCAic2siOiAiTUIjTVNHIzIwMjIwMjI4MTc0MzIzMTIzX0FDREVEMSMifQ=="}, page)
	page, err = parsePage([]byte(`{"messages" : ["20200529155357895317_3573F8"]}`))
	require.NoError(t, err)
	require.Equal(t, Page{IDs: []string{"20200529155357895317_3573F8"}, Rest: -1}, page)

	for _, b := range []string{`{"message_id": "20200529155357895317_3573F8"}`, `{"messageID": "20200529155357895317_3573F8"}`} {
		id, err := parseSent([]byte(b))
		require.NoError(t, err)
		require.Equal(t, "20200529155357895317_3573F8", id)
	}
	for _, b := range []string{`{"message_id":"20220228174323222_ABCDEF","internal_id":"x","detail":[{"event":"SEND","code":"12","msg":"m"}]}`,
		`{"messageID":"20220228174323222_ABCDEF","errorEvent":"SEND","errorCode":"12","errorDescription":"m"}`} {
		code, id := parseRefusal([]byte(b))
		require.Equal(t, "12", code)
		require.Equal(t, "20220228174323222_ABCDEF", id)
	}
	want := Tracking{MessageID: "20210311101813838554_1B8F53", LocalID: "api-docs-bob", State: Accepted, Code: "01", At: time.Date(2020, 6, 1, 12, 21, 52, 0, time.UTC)}
	got, err := parseTracking([]byte(`{"message_id":"20210311101813838554_1B8F53","local_id":"api-docs-bob","filename":"message.txt.gz","status_success":true,
		"status":"accepted","status_timestamp":"2020-06-01T12:21:52","status_code":"01"}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = parseTracking([]byte(`{"dtsId":"20210311101813838554_1B8F53","messageId":"20210311101813838554_1B8F53","localId":"api-docs-bob","fileSize":187,
		"status":"Accepted","statusCode":"01","statusTimestamp":"20200601122152","statusSuccess":null}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
	n, err := parseCount([]byte(`{"count": 1234, "internalID": "x", "allResultsIncluded": true}`))
	require.NoError(t, err)
	require.Equal(t, 1234, n)
}

func TestHeadersOfAMessage(t *testing.T) {
	const id = "20200601122152994285_D59900"
	good := map[string]string{"Mex-MessageID": id, "Mex-From": "X26HC006", "Mex-To": "X26HC005", "Mex-WorkflowID": "API-DOCS-TEST",
		"Mex-MessageType": "DATA", "Mex-Chunk-Range": "1:2", "Mex-Content-Compressed": "Y"}
	headers := func(name, value string) http.Header {
		h := http.Header{}
		for n, v := range good {
			h.Set(n, v)
		}
		h.Set(name, value)
		return h
	}
	m, err := parseMessage(id, 206, headers("", ""))
	require.NoError(t, err)
	require.Equal(t, 2, m.Chunks)
	require.True(t, m.Compressed)
	for name, value := range map[string]string{"Mex-MessageID": "another", "Mex-From": "", "Mex-MessageType": "OTHER", "Mex-Chunk-Range": "2:2"} {
		_, err := parseMessage(id, 206, headers(name, value))
		require.Equal(t, BadAnswer, code(err), name)
	}
	for _, r := range []string{"1:1", "1:0", "0:2", "3:2", "1", "1:2:3", "a:b", "1:-2", "1:100000", "+1:2", "01:2", ""} {
		_, err := parseMessage(id, 206, headers("Mex-Chunk-Range", r))
		require.Equal(t, BadAnswer, code(err), r)
	}
	_, err = parseMessage(id, 200, headers("", ""))
	require.Equal(t, BadAnswer, code(err), "the last of two, with the number of the first")
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"messages":["20220228174323222_ABCDEF"],"links":{"next":"/x?continue_from=abc"},"approx_inbox_count":1}`))
	f.Add([]byte(`{"messages":[],"links":{"next":"https://elsewhere/?continue_from=%"}}`))
	f.Add([]byte(`{"messages":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePage(b)
		if err != nil {
			require.ErrorIs(t, err, BadAnswer)
			return
		}
		for _, id := range p.IDs {
			require.False(t, strings.ContainsAny(id, "/.%? "), "an id is one step of a path")
			require.NotEmpty(t, id)
		}
		require.LessOrEqual(t, len(p.Next), 1000)
		require.GreaterOrEqual(t, p.Rest, -1)
		require.ElementsMatch(t, p.IDs, inOrder(p.IDs))
	})
}

func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`{"message_id":"a","status":"accepted","status_timestamp":"2020-06-01T12:21:52"}`))
	f.Add([]byte(`{"messageId":"a","localId":"b","status":"Acknowledged","downloadTimestamp":"20200601122152"}`))
	f.Add([]byte(`{"errorCode":"EPL-150","messageID":"a","count":3}`))
	f.Add([]byte(`{"detail":[{"code":"06"}],"message_id":"a"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := parseTracking(b); err == nil {
			require.True(t, messageID.MatchString(got.MessageID))
			require.True(t, got.LocalID == "" || localID(got.LocalID))
			require.NotEmpty(t, got.State)
		} else {
			require.ErrorIs(t, err, BadAnswer)
		}
		if id, err := parseSent(b); err == nil {
			require.True(t, messageID.MatchString(id))
		}
		code, id := parseRefusal(b)
		require.True(t, code == "" || meshCode.MatchString(code))
		require.True(t, id == "" || messageID.MatchString(id))
		if n, err := parseCount(b); err == nil {
			require.GreaterOrEqual(t, n, 0)
		}
	})
}

func FuzzMessageHeaders(f *testing.F) {
	f.Add(206, "1:2", "DATA", "X26HC006", "FLOW", "a", "00")
	f.Add(200, "1:1", "REPORT", "", "FLOW", "20200601122152994285_D59900", "14")
	f.Fuzz(func(t *testing.T, status int, span, kind, from, workflow, linked, code string) {
		h := http.Header{}
		for name, v := range map[string]string{"Mex-Chunk-Range": span, "Mex-MessageType": kind, "Mex-From": from, "Mex-WorkflowID": workflow, "Mex-LinkedMsgID": linked, "Mex-StatusCode": code} {
			h.Set(name, v)
		}
		m, err := parseMessage("a", status, h)
		if err != nil {
			require.True(t, errors.Is(err, BadAnswer))
			return
		}
		require.GreaterOrEqual(t, m.Chunks, 1)
		require.Less(t, m.Chunks, 100_000)
		require.Equal(t, m.Chunks > 1, status == http.StatusPartialContent)
		require.True(t, m.Workflow == "" || workflowForm.MatchString(m.Workflow))
		if m.Report == nil {
			require.True(t, mailboxForm.MatchString(m.From))
		} else {
			require.True(t, m.Report.MessageID == "" || messageID.MatchString(m.Report.MessageID))
		}
	})
}
