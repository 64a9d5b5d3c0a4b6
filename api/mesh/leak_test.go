package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"custos/api/mesh/meshtest"

	"github.com/stretchr/testify/require"
)

// canary stands in every place that is somebody else's word or a secret.
const canary = "CANARY"

// chain is an error as anybody may print it, with all that it wraps.
func chain(err error) string {
	var b strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&b, "%s | %+v | %v\n", err, err, err)
	}
	return b.String()
}

// Whatever goes wrong, no error holds content, names, local ids, credentials,
// or MESH's own words.
func TestNoErrorRepeatsAnything(t *testing.T) {
	content := []byte(strings.Repeat(canary, piece/2))
	var seen []error
	for step, faults := range map[string][]meshtest.Fault{
		"":         {{Do: meshtest.Status, N: 503, Times: -1}, {Do: meshtest.Status, N: 403, Times: -1}, {Do: meshtest.Status, N: 418, Times: -1}, {Do: meshtest.CutAnswer, Times: -1}, {Do: meshtest.Hang, Times: -1}, {Do: meshtest.Garble, Times: -1}},
		"chunk":    {{Do: meshtest.CutRequest, N: 100, Times: -1}, {Do: meshtest.Status, N: 404}, {Do: meshtest.Status, N: 423}},
		"download": {{Do: meshtest.CutAnswer, N: 100, Times: -1}, {Do: meshtest.Status, N: 410}},
		"none":     {{}},
	} {
		for _, f := range faults {
			w := start(t, meshtest.Options{})
			w.mesh.AddMailbox(service, canary+" password")
			us := w.client(service, func(c *Config) {
				rewrite(t, c.PasswordFile, canary+" password")
				c.Attempts = 2
			})
			id := w.mesh.Put(meshtest.Message{From: authority, To: service, Workflow: "A WORKFLOW OF " + canary, LocalID: canary, Subject: canary, FileName: canary + ".xml",
				ContentType: canary, Checksum: canary, Chunks: []meshtest.Chunk{meshtest.Bytes(content)}})
			f.Step, f.Hung = step, impatient(us)
			w.mesh.Break(f)
			ctx := context.Background()
			note := func(_ any, err error) { seen = append(seen, err) }
			note(nil, us.Handshake(ctx))
			note(us.Inbox(ctx, Ask{From: canary, Workflow: canary}))
			note(us.Download(ctx, id, io.Discard))
			note(us.Download(ctx, "../"+canary, io.Discard))
			note(nil, us.Acknowledge(ctx, canary+"/.."))
			note(us.Count(ctx))
			note(us.Track(ctx, "20200529155357895317_3573F8"))
			note(us.Find(ctx, canary))
			o := Outgoing{To: authority, Workflow: upload, LocalID: canary, Subject: canary, FileName: canary, Body: bytes.NewReader(content), Size: int64(len(content))}
			note(us.Send(ctx, o))
			o.Subject = "\x00" + canary
			note(us.Send(ctx, o))
			pass, err := us.Drain(ctx, func(_ context.Context, m *Message) error {
				var log bytes.Buffer
				slog.New(slog.NewJSONHandler(&log, nil)).Info("message", "message", m)
				fmt.Fprintf(&log, "%v %+v %#v %s %q", m, m, m, m, m)
				require.NotContains(t, log.String(), canary)
				_, err := io.Copy(io.Discard, m.Body)
				return err
			})
			note(nil, err)
			for _, f := range pass.Failures {
				note(nil, f.Err)
				require.NotContains(t, f.Workflow, canary)
			}
			require.NotContains(t, fmt.Sprintf("%v %+v", us.c, us.c), canary)
			w.mesh.Close()
			note(us.Find(ctx, canary))
		}
	}
	failed := 0
	for _, err := range seen {
		if err == nil {
			continue
		}
		failed++
		require.NotContains(t, chain(err), canary)
		require.NotContains(t, chain(err), "http", "an address names mailboxes and local ids")
	}
	require.Greater(t, failed, 80)
}

// MESH's own words, in each status, header and form of error.
func TestNoErrorRepeatsWhatMESHSays(t *testing.T) {
	for _, status := range []int{200, 202, 206, 300, 301, 400, 401, 403, 404, 406, 410, 413, 417, 422, 423, 429, 500, 503} {
		for _, body := range []string{
			`{"errorCode":"CANARY","errorDescription":"CANARY","messageID":"CANARY/x"}`,
			`{"detail":[{"code":"CANARY","msg":"CANARY"}],"message_id":"CANARY x","internal_id":"CANARY"}`,
			`{"detail":"CANARY"}`, `{"detail":[{"loc":["CANARY"]}],"body":"CANARY"}`, "CANARY", `"CANARY`,
			`{"message_id":"CANARY CANARY"}`, `{"messages":["CANARY "]}`, `{"messages":[],"links":{"next":"CANARY://%zz"}}`, `{"count":"CANARY"}`,
			`{"message_id":"a","status":"CANARY"}`,
		} {
			c := raw(t, func(w http.ResponseWriter, _ *http.Request) {
				for _, h := range []string{"Mex-Chunk-Range", "Mex-MessageID", "Mex-From", "Mex-MessageType", "Content-Encoding", "Retry-After", "Date", "Location"} {
					w.Header().Set(h, canary)
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
			ctx := context.Background()
			_, e1 := c.Inbox(ctx, Ask{})
			_, e2 := c.Download(ctx, "a", io.Discard)
			_, e3 := c.Send(ctx, outgoing([]byte("x")))
			_, e4 := c.Track(ctx, "a")
			_, e5 := c.Count(ctx)
			for _, err := range []error{e1, e2, e3, e4, e5, c.Acknowledge(ctx, "a"), c.Handshake(ctx)} {
				require.NotContains(t, chain(err), canary, "%d %s", status, body)
			}
			require.Error(t, e2)
			if status > 299 {
				require.Error(t, e3)
			}
		}
	}
}

// A configuration that is wrong is told by its field.
func TestConfiguration(t *testing.T) {
	good := config(t, "http://127.0.0.1:1", service)
	_, err := New(good)
	require.NoError(t, err)
	for field, change := range map[string]func(*Config){
		"url":                   func(c *Config) { c.URL = "https://" + canary + "/path" },
		"https":                 func(c *Config) { c.URL = "http://msg.example" },
		"a client certificate":  func(c *Config) { c.URL = "https://msg.example" },
		"mailbox":               func(c *Config) { c.Mailbox = "canary " + canary },
		"keyFile":               func(c *Config) { c.CertificateFile = canary },
		"are not a certificate": func(c *Config) { c.CertificateFile, c.KeyFile = canary, canary },
		"authorityFile":         func(c *Config) { c.AuthorityFile = canary },
		"holds no certificate":  func(c *Config) { c.AuthorityFile = c.PasswordFile },
		"passwordFile":          func(c *Config) { c.PasswordFile = canary },
		"sharedKeyFile":         func(c *Config) { c.SharedKeyFile = "" },
		"is empty":              func(c *Config) { rewrite(t, c.SharedKeyFile, "\n") },
		"chmod 600":             func(c *Config) { require.NoError(t, os.Chmod(c.PasswordFile, 0o640)) },
		"workflows.upload":      func(c *Config) { c.Workflows.Upload = canary + " " },
		"every":                 func(c *Config) { c.Every = -1 },
		"five minutes": func(c *Config) {
			c.URL, c.CertificateFile, c.KeyFile, c.Every = "https://msg.example", "a", "a", Duration(time.Minute)
		},
		"chunkSize": func(c *Config) { c.ChunkSize = biggestChunk + 1 },
		"maxSize":   func(c *Config) { c.MaxSize = -1 },
		"silence":   func(c *Config) { c.Silence = -1 },
		"attempts":  func(c *Config) { c.Attempts = 21 },
		"version":   func(c *Config) { c.Version = "a\nb" },
	} {
		c := config(t, "http://127.0.0.1:1", service)
		change(&c)
		_, err := New(c)
		require.Equal(t, Misconfigured, code(err), field)
		require.ErrorContains(t, err, field)
		require.NotContains(t, err.Error(), canary)
	}
	var d Duration
	require.NoError(t, d.UnmarshalText([]byte("1h5m")))
	b, err := d.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "1h5m0s", string(b))
	require.Equal(t, Misconfigured, code(d.UnmarshalText([]byte(canary))))
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 100; n++ {
		var most time.Duration
		for range 200 {
			d := backoff(n, time.Second)
			require.GreaterOrEqual(t, d, time.Second)
			most = max(most, d-time.Second)
		}
		require.LessOrEqual(t, most, min(longestWait, firstWait<<min(n-1, 10)))
		require.Greater(t, most, min(longestWait, firstWait<<min(n-1, 10))/2, "it is spread over the whole limit")
	}
}

// Every code is in docs/MESH.md.
func TestEveryCodeIsDocumented(t *testing.T) {
	source, err := os.ReadFile("errors.go")
	require.NoError(t, err)
	docs, err := os.ReadFile("../../docs/MESH.md")
	require.NoError(t, err)
	codes := regexp.MustCompile(`Code = "(mesh-[a-z-]+)"`).FindAllSubmatch(source, -1)
	require.Greater(t, len(codes), 20)
	for _, c := range codes {
		require.Contains(t, string(docs), "`"+string(c[1])+"`")
	}
}
