package witness

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/ledger"
)

func TestAskBelievesOnlyWhatVerifies(t *testing.T) {
	l, s, other := newLog(t, 9), testSigner(t, "witness.test/w"), testSigner(t, "witness.test/x")
	var say func(http.ResponseWriter, *http.Request)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { say(w, r) }))
	defer srv.Close()
	w := Witness{Name: "w", URL: srv.URL, Verifier: s.Verifier()}
	ask := func(f func(http.ResponseWriter, *http.Request)) ([]byte, error) {
		say = f
		return w.Ask(context.Background(), srv.Client(), l.request(0, 5))
	}
	lines := func(n int, by ...note.Signer) []byte {
		b, err := note.Sign(&note.Note{Text: ledger.CheckpointText(origin, l.trees[n])}, by...)
		require.NoError(t, err)
		return Signatures(b)
	}
	write := func(status int, media string, b []byte) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = w.Write(b)
		}
	}
	both := lines(5, other, s)
	got, err := ask(write(200, "text/plain", both))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(got), "\n"), "only its own line is kept")
	require.Contains(t, string(both), string(got))
	for _, bad := range [][]byte{lines(6, s), lines(5, other), nil, []byte("— x y\n")} {
		_, err = ask(write(200, "text/plain", bad))
		require.ErrorIs(t, err, ErrAnswer)
	}
	_, err = ask(write(409, "text/x.tlog.size", []byte("17\n")))
	var size *SizeError
	require.ErrorAs(t, err, &size)
	require.EqualValues(t, 17, size.Size)
	for _, bad := range []string{"-1\n", "017\n", "x", ""} {
		_, err = ask(write(409, "text/x.tlog.size", []byte(bad)))
		require.ErrorIs(t, err, ErrAnswer)
	}
	_, err = ask(write(409, "text/x.tlog.size", []byte("0\n")))
	require.ErrorIs(t, err, ErrNotConsistent, "the old size was its own")
	_, err = ask(write(409, "text/plain", []byte("17\n")))
	require.ErrorIs(t, err, ErrAnswer)
	_, err = ask(write(422, "text/plain", nil))
	require.ErrorIs(t, err, ErrNotConsistent)
	_, err = ask(write(500, "text/plain", nil))
	require.ErrorIs(t, err, ErrAnswer)
}

// FuzzParseRequest: what is accepted has one spelling, and a witness survives whatever it is sent.
func FuzzParseRequest(f *testing.F) {
	h := base64.StdEncoding.EncodeToString(make([]byte, 32))
	f.Add([]byte("old 0\n\nlog.test/one\n1\n" + h + "\n\n— x y\n"))
	f.Add([]byte("old 10\n" + h + "\n" + h + "\n\nrest"))
	f.Add([]byte("old 010\n\n"))
	f.Add([]byte("old 1\n" + h + "\r\n\nx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := ParseRequest(b)
		if err != nil {
			return
		}
		require.Equal(t, string(b), string(q.Format()))
	})
}
