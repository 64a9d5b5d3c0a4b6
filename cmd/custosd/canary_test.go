package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/tools/synthetic"
)

// canaries are what must never be found in clear, by the shape in which a
// search meets it.
type canaries struct {
	numbers map[string]bool // ten digits in a row
	words   map[string]bool // letters in a row
	dates   map[string]bool // YYYY-MM-DD
	texts   []string        // anything else, whole
}

// find returns the first canary in b.
func (c *canaries) find(b []byte) string {
	digits, word := 0, 0
	for i := 0; i <= len(b); i++ {
		var x byte
		if i < len(b) {
			x = b[i]
		}
		if x >= '0' && x <= '9' {
			if digits++; digits >= 10 && c.numbers[string(b[i-9:i+1])] {
				return string(b[i-9 : i+1])
			}
			if i >= 9 && b[i-2] == '-' && b[i-5] == '-' && c.dates[string(b[i-9:i+1])] {
				return string(b[i-9 : i+1])
			}
		} else {
			digits = 0
		}
		if x|0x20 >= 'a' && x|0x20 <= 'z' {
			continue
		}
		if i > word && c.words[string(b[word:i])] {
			return string(b[word:i])
		}
		word = i + 1
	}
	for _, t := range c.texts {
		if bytes.Contains(b, []byte(t)) {
			return t
		}
	}
	return ""
}

// A demo's data folder and its log, after 90 days of uploads, lookups,
// caseloads and bad requests, hold no number, name, birth date, note or token
// in clear: not in entries, rows, views, Raft's log or tables of any of them.
func TestNothingPersonalLiesInClear(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	d := &demo{dir: filepath.Join(t.TempDir(), "demo"), shown: "demo", listen: "127.0.0.1:0", out: io.Discard, clock: &demoClock{}}
	require.NoError(t, d.create(ctx, 1))
	data, err := synthetic.Generate(synthetic.GenConfig{Seed: demoSeed, Today: d.state.Today})
	require.NoError(t, err)
	c := canariesOf(data)

	d.configs[0].LogLevel = "debug"
	d.clock.real()
	nodes, err := d.start()
	require.NoError(t, err)
	require.NoError(t, d.waitReady(ctx))
	tokens, err := newTokenMaker(d.dir)
	require.NoError(t, err)
	for i := range d.state.People {
		token, err := tokens.issue(&d.state.People[i], time.Now())
		require.NoError(t, err)
		c.texts = append(c.texts, token)
		c.badRequests(ctx, t, d.configs[0].PublicURL, token, data)
	}
	require.NoError(t, closeAll(nodes))

	searched, clear := 0, false
	search := func(p string) {
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		searched += len(b)
		require.Emptyf(t, c.find(b), "%s holds it in clear", filepath.Base(p))
		clear = clear || bytes.Contains(b, []byte(data.Authorities[0].Name))
	}
	search(d.path("n1.log"))
	require.NoError(t, filepath.WalkDir(d.path("n1"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			search(p)
		}
		return err
	}))
	require.Greater(t, searched, 1<<20, "there is a ledger to search")
	register, err := os.Stat(d.path("secrets", "register.csv"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), register.Mode().Perm(), "the register of people is in clear, and nobody else's to read")
	require.True(t, clear, "what is in clear is found, so the files are not compressed and the search sees into them")
}

func canariesOf(data *synthetic.Synthetic) *canaries {
	c := &canaries{numbers: map[string]bool{}, words: map[string]bool{}, dates: map[string]bool{}}
	public := map[string]bool{}
	for _, o := range data.Organisations {
		for _, w := range strings.Fields(o.Name) {
			public[w] = true
		}
	}
	word := func(text string) {
		for _, w := range strings.Fields(text) {
			if len(w) > 3 && !public[w] {
				c.words[w] = true
			}
		}
	}
	for i := range data.People {
		p := &data.People[i]
		c.numbers[p.NHSNumber], c.dates[p.Birth.String()] = true, true
		word(p.Family)
		word(p.Given)
		for j := range p.Plans {
			word(p.Plans[j].Worker)
			if len(p.Plans[j].LocalID) > 5 {
				c.texts = append(c.texts, p.Plans[j].LocalID)
			}
		}
	}
	for _, n := range data.Strangers {
		c.numbers[n] = true
	}
	c.texts = c.texts[:min(len(c.texts), 40)] // each costs a pass over everything
	// What the bad requests below are made of.
	c.words["Canarysong"], c.numbers["9990001112"], c.dates["1987-12-31"] = true, true, true
	return c
}

// badRequests sends what a confused or hostile client would, as everybody.
func (c *canaries) badRequests(ctx context.Context, t *testing.T, url, token string, data *synthetic.Synthetic) {
	t.Helper()
	child := data.People[data.Known.CPP]
	for _, q := range []struct{ method, path, media, body string }{
		{"POST", "/v1/lookups", "application/json", `{"nhsNumber":"` + child.NHSNumber + `","reason":"Canarysong","attendance":"Canarysong"}`},
		{"POST", "/v1/lookups", "application/json", `{"nhsNumber":"` + child.NHSNumber + `","dateOfBirth":"1987-12-31"}`},
		{"POST", "/v1/lookups", "application/json", `{"nhsNumber":"9990001112"}`},
		{"POST", "/v1/lookups", "application/json", `{"nhsNumber":"` + child.NHSNumber + `","Canarysong":"1987-12-31"}`},
		{"POST", "/v1/lookups", "application/json", `{"nhsNumber":"9990001112","nhsNumber":"Canarysong"`},
		{"POST", "/v1/lookups", "text/plain", "Canarysong"},
		{"GET", "/v1/lookups/9990001112", "", ""},
		{"GET", "/v1/notifications?state=Canarysong", "", ""},
		{"POST", "/v1/uploads?sequence=Canarysong", "text/csv", "Canarysong,9990001112\n"},
		{"POST", "/v1/uploads?dry-run=true", "text/csv", "nhs_number,family_name,given_names,date_of_birth,plan_type,start,end,delete,local_id\n" +
			"9990001112,Canarysong,Canarysong,1987-12-31,Canarysong,1987-12-31,,,Canarysong\n"},
		{"POST", "/v1/uploads?dry-run=true", "application/xml", `<File xmlns="urn:hl7-org:v3" Canarysong="9990001112"><id extension="Canarysong"/></File>`},
		{"POST", "/v1/trails", "application/json", `{"nhsNumber":"` + child.NHSNumber + `","reason":"Canarysong"}`},
		{"POST", "/v1/missed-appointments", "application/json", `{"nhsNumber":"` + child.NHSNumber + `","appointmentAt":"` + ledger.Of(time.Now()).String() + `","service":"Canarysong"}`},
	} {
		r, err := http.NewRequestWithContext(ctx, q.method, url+q.path, strings.NewReader(q.body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("User-Agent", "Canarysong 9990001112")
		if q.media != "" {
			r.Header.Set("Content-Type", q.media)
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		b, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		if answer.StatusCode >= 400 {
			require.Emptyf(t, c.find(b), "%s %s answers %d and repeats what was sent", q.method, q.path, answer.StatusCode)
			require.NotContains(t, string(b), "Canarysong")
		}
	}
}
