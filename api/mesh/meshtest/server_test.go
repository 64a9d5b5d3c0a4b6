package meshtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const nonce = "66eef28b-e097-421d-998d-ea0c92c2c2fb"

func sign(mailbox, nonce, count, password, stamp, key string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(strings.Join([]string{mailbox, nonce, count, password, stamp}, ":")))
	return "NHSMESH " + strings.Join([]string{mailbox, nonce, count, stamp, hex.EncodeToString(h.Sum(nil))}, ":")
}

// A header is right to the letter, of its time, and new; or it is refused.
func TestAuthorise(t *testing.T) {
	now := time.Date(2026, 6, 4, 17, 18, 0, 0, time.UTC)
	s, err := Start(Options{SharedKey: "key", Now: func() time.Time { return now }})
	require.NoError(t, err)
	defer s.Close()
	s.AddMailbox("BOX1", "pw")
	s.AddMailbox("BOX2", "pw")
	stamp := now.Format("200601021504")
	good := sign("BOX1", nonce, "1", "pw", stamp, "key")
	require.Empty(t, s.authorise("BOX1", good))
	require.NotEmpty(t, s.authorise("BOX1", good), "again")
	require.Empty(t, s.authorise("BOX1", sign("BOX1", nonce, "2", "pw", stamp, "key")), "the same nonce with another count")
	for name, header := range map[string]string{
		"none":         "",
		"lower case":   strings.Replace(sign("BOX1", nonce, "3", "pw", stamp, "key"), "NHSMESH", "nhsmesh", 1),
		"two spaces":   strings.Replace(sign("BOX1", nonce, "3", "pw", stamp, "key"), " ", "  ", 1),
		"capital hex":  strings.ToUpper(sign("BOX1", nonce, "3", "pw", stamp, "key")),
		"a space more": sign("BOX1", nonce, "3", "pw", stamp, "key") + " ",
		"six parts":    sign("BOX1", nonce, "3", "pw", stamp, "key") + ":",
		"password":     sign("BOX1", nonce, "3", "other", stamp, "key"),
		"key":          sign("BOX1", nonce, "3", "pw", stamp, "other"),
		"mailbox":      sign("BOX2", nonce, "3", "pw", stamp, "key"),
		"no nonce":     sign("BOX1", "", "3", "pw", stamp, "key"),
		"no count":     sign("BOX1", nonce, "x", "pw", stamp, "key"),
		"early":        sign("BOX1", nonce, "3", "pw", now.Add(121*time.Minute).Format("200601021504"), "key"),
		"late":         sign("BOX1", nonce, "3", "pw", now.Add(-121*time.Minute).Format("200601021504"), "key"),
		"no time":      sign("BOX1", nonce, "3", "pw", "202613041718", "key"),
	} {
		require.NotEmpty(t, s.authorise("BOX1", header), name)
	}
	require.NotEmpty(t, s.authorise("NOBOX", sign("NOBOX", nonce, "3", "pw", stamp, "key")))

	// What is too old to be taken need not be remembered.
	now = now.Add(5 * time.Hour)
	require.NotEmpty(t, s.authorise("BOX1", good))
	require.Empty(t, s.authorise("BOX1", sign("BOX1", nonce, "9", "pw", now.Format("200601021504"), "key")))
	require.Len(t, s.seen, 1)
}

func TestMatches(t *testing.T) {
	for filter, want := range map[string]bool{"": true, "FLOW_ACK": true, "FLOW": false, "!FLOW": true, "!FLOW_ACK": false, "FL*": true, "!FL*": false,
		"*_ACK*": true, "!*_ACK*": false, "*X*": false} {
		require.Equal(t, want, matches("FLOW_ACK", filter), filter)
	}
}

// Requests that no client of ours makes.
func TestRefusals(t *testing.T) {
	s, err := Start(Options{SharedKey: "key"})
	require.NoError(t, err)
	defer s.Close()
	s.AddMailbox("BOX1", "pw")
	count := 0
	ask := func(method, path string, h map[string]string, body string) int {
		count++
		r, err := http.NewRequest(method, s.URL()+"/messageexchange/BOX1"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", sign("BOX1", nonce, strconv.Itoa(count), "pw", time.Now().UTC().Format("200601021504"), "key"))
		for n, v := range h {
			r.Header.Set(n, v)
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		return resp.StatusCode
	}
	require.Equal(t, 400, ask("POST", "", nil, ""), "a handshake without its headers")
	require.Equal(t, 400, ask("GET", "/inbox", map[string]string{"Accept": "application/vnd.mesh.v3+json"}, ""))
	require.Equal(t, 400, ask("GET", "/inbox?max_results=9", nil, ""))
	require.Equal(t, 400, ask("GET", "/inbox?continue_from=x", nil, ""))
	require.Equal(t, 404, ask("GET", "/inbox/none", nil, ""))
	send := map[string]string{"Mex-To": "BOX1", "Mex-WorkflowID": "FLOW", "Mex-Chunk-Range": "1:3"}
	with := func(name, value string) map[string]string {
		h := map[string]string{}
		for n, v := range send {
			h[n] = v
		}
		h[name] = value
		return h
	}
	require.Equal(t, 417, ask("POST", "/outbox", with("Mex-From", "BOX2"), "x"))
	require.Equal(t, 417, ask("POST", "/outbox", with("Mex-To", ""), "x"))
	require.Equal(t, 417, ask("POST", "/outbox", with("Mex-Chunk-Range", "2:3"), "x"))
	require.Equal(t, 422, ask("POST", "/outbox", with("Content-Encoding", "zip"), "x"))
	require.Equal(t, 417, ask("POST", "/outbox", with("Content-Encoding", "gzip"), "no gzip"))
	require.Empty(t, s.Messages())
	require.Equal(t, 202, ask("POST", "/outbox", send, "x"))
	id := s.Messages()[0].ID
	require.Equal(t, 404, ask("GET", "/inbox/"+id, nil, ""), "it is still being sent")
	require.Equal(t, 417, ask("POST", "/outbox/"+id+"/3", map[string]string{"Mex-Chunk-Range": "3:3"}, "z"), "the second is missing")
	require.Equal(t, 417, ask("POST", "/outbox/"+id+"/2", map[string]string{"Mex-Chunk-Range": "2:4"}, "y"))
	require.Equal(t, 417, ask("POST", "/outbox/"+id+"/2", map[string]string{"Mex-Chunk-Range": "3:3"}, "y"))
	require.Equal(t, 417, ask("POST", "/outbox/"+id+"/2", map[string]string{"Mex-Chunk-Range": "2:3", "Content-Encoding": "gzip"}, "y"))
	require.Equal(t, 202, ask("POST", "/outbox/"+id+"/2", map[string]string{"Mex-Chunk-Range": "2:3"}, "y"))
	require.Equal(t, 202, ask("POST", "/outbox/"+id+"/3", map[string]string{"Mex-Chunk-Range": "3:3"}, "z"))
	require.Equal(t, 423, ask("POST", "/outbox/"+id+"/3", map[string]string{"Mex-Chunk-Range": "3:3"}, "z"))
	require.Equal(t, 404, ask("GET", "/inbox/"+id+"/4", nil, ""))
	require.Equal(t, 206, ask("GET", "/inbox/"+id+"/2", nil, ""))
	require.Equal(t, 200, ask("GET", "/inbox/"+id+"/3", nil, ""))
	require.Equal(t, 404, ask("GET", "/outbox/tracking?messageID=none", nil, ""))
}

func FuzzToken(f *testing.F) {
	f.Add(sign("BOX1", nonce, "1", "pw", "202006041718", "key"))
	f.Add("NHSMESH :::::")
	f.Fuzz(func(t *testing.T, header string) {
		k, ok := parseToken(header)
		if ok {
			require.Equal(t, header, "NHSMESH "+strings.Join([]string{k.mailbox, k.nonce, k.count, k.stamp, k.hash}, ":"))
		}
	})
}
