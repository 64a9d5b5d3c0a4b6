package tools

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// What services answer, and files that are handed in.

// FuzzBenchAnswers: what the bench reads of a service's answers counts no more
// than there is in them, and nothing that it is sent ends it otherwise than by
// saying so.
func FuzzBenchAnswers(f *testing.F) {
	for _, s := range []string{
		"status,x\nrecorded,1\nrejected,2\n", "a,b\nstatus\n", "nhs_number,team\n1,a\n1,b\n2,c\n", "\"",
		`{"people":[{},{}],"ended":[1]}`, `{"seq":4,"notified":[{"ods":"A"},{"ods":"B","sameAttendance":true}]}`,
		`{"data":{"notifications":[{"id":4},{"id":4}]}}`,
		"event: ready\ndata: {}\n\nevent: notifications\ndata: [{\"id\":5,\"state\":\"queued\"}]\n\n",
		"e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"org":"RXX"}`)) + ".AA",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lines := bytes.Count(b, []byte("\n")) + bytes.Count(b, []byte("\r")) + 1
		accepted, rejected, _ := countRows(bytes.NewReader(b))
		require.LessOrEqual(t, accepted+rejected, lines)
		if people, err := peopleOf(b, "text/csv"); err == nil {
			require.Less(t, people, lines)
		}
		if people, err := peopleOf(b, "application/json"); err == nil {
			require.LessOrEqual(t, people, len(b))
		}
		if rows, err := benchEnrolments(b, "100000"); err == nil {
			require.True(t, bytes.HasPrefix(rows, []byte("nhs_number,school,from\n")))
		}
		e := &ears{heard: map[uint64][]time.Time{}}
		ready := make(chan struct{}, lines)
		_ = e.follow(bytes.NewReader(b), ready)
		_ = e.take(b)
		for _, at := range e.heard {
			require.NotEmpty(t, at)
		}
		var m madeLookup
		if m.read(bytes.NewReader(b)) == nil {
			require.LessOrEqual(t, len(m.told), len(b))
		}
		if org := organisationOf(string(b)); org != "" {
			payload := strings.Split(string(b), ".")[1]
			raw, err := base64.RawURLEncoding.DecodeString(payload)
			require.NoError(t, err)
			require.True(t, json.Valid(raw))
		}
		require.LessOrEqual(t, len(problemCode(b)), 40)
	})
}

// FuzzKeysOfFiles: a key that is read is of a kind that signs what it is asked to;
// an actor that is read from its digits is written with them.
func FuzzKeysOfFiles(f *testing.F) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(f, err)
	der, err := x509.MarshalPKCS8PrivateKey(ed)
	require.NoError(f, err)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	f.Add([]byte("log.test/one+00000000+AQ=="))
	f.Add([]byte(strings.Repeat("0a", 16)))
	f.Add([]byte("https://issuer somebody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := parseSigningKey(b); err == nil {
			switch k.(type) {
			case *ecdsa.PrivateKey, ed25519.PrivateKey:
			default:
				require.Fail(t, "a key of another kind")
			}
		} else {
			require.Equal(t, errSigningKey, err)
		}
		if v, text, err := readVerifier(string(b)); err == nil {
			require.Equal(t, strings.TrimSpace(string(b)), text)
			require.NotEmpty(t, v.Name())
		}
		if a, err := parseActor(string(b)); err == nil && !bytes.Contains(b, []byte(" ")) {
			require.Equal(t, strings.ToLower(string(b)), hex.EncodeToString(a[:]))
		}
		for _, l := range splitLines(b) {
			require.Equal(t, strings.TrimSpace(l), l)
			require.NotEmpty(t, l)
		}
	})
}

// FuzzRowsOfFiles: an authority's own file is read row by row or refused, whatever
// its family; rows that are read are the same when they are written and read again.
func FuzzRowsOfFiles(f *testing.F) {
	f.Add([]byte("nhs_number,family_name,team\n9990000018,Otterwick,\"a\nb\"\n"))
	f.Add([]byte("\ufeff[{\"nhsNumber\":\"1\"},{\"end\":\"x\"}]"))
	f.Add([]byte(`{"rows":[{"team":"a"}]}`))
	f.Add([]byte(`<File xmlns="urn:hl7-org:v3"><creationTime value="2026"/><id extension="1"/></File>`))
	f.Add([]byte("nhs_number;family_name;team\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := newRows(bytes.NewReader(b))
		if err != nil {
			return
		}
		if r.family == familyXML {
			u, err := readRecords(r.xml)
			if err == nil {
				require.LessOrEqual(t, len(u.records)+len(u.defects), len(b))
			}
			return
		}
		rows, err := r.all()
		if err != nil {
			return
		}
		require.Equal(t, len(rows), r.n)
		if len(rows) == 0 || !utf8.Valid(b) {
			return // JSON has no bytes that are no text
		}
		text, err := json.Marshal(rows)
		require.NoError(t, err)
		again, err := newRows(bytes.NewReader(text))
		require.NoError(t, err)
		same, err := again.all()
		require.NoError(t, err)
		require.Equal(t, rows, same)
	})
}

// FuzzAttendances: each site of a file of attendances stands once, with a number
// of people from 1; and a demo's file of its own is read as it is.
func FuzzAttendances(f *testing.F) {
	f.Add([]byte("ods,attendances\nRXX,10\nRYY, 3\n"))
	f.Add([]byte("attendances,ods\n0,RXX\n"))
	f.Add([]byte("ods,attendances\nRXX\n"))
	f.Add([]byte("attendances,ods\n0\"")) // a row that breaks in its first field
	f.Add([]byte("export CUSTOS_URL=\"http://x,http://y\"\nA='b'\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		file := filepath.Join(dir, "env")
		require.NoError(t, os.WriteFile(file, b, 0o600))
		if a, err := readAttendances(file); err == nil {
			require.Len(t, a.of, len(a.order))
			for _, ods := range a.order {
				require.NotEmpty(t, ods)
				require.Positive(t, a.of[ods])
			}
		}
		if env, err := readDemoEnv(dir); err == nil {
			for name := range env {
				require.NotContains(t, name, "=")
				require.NotContains(t, env.list(name), "")
			}
		}
	})
}

// FuzzTileArchive: out of whatever is called an archive of tiles comes no more
// than a tile can hold, and nothing that the archive does not have.
func FuzzTileArchive(f *testing.F) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{"checkpoint": "c", "tile/entries/000.p/1": "\x00\x01x", "../out": "y", "tile/0/000.p/1": strings.Repeat("h", 32)} {
		w, err := z.Create(name)
		require.NoError(f, err)
		_, err = w.Write([]byte(content))
		require.NoError(f, err)
	}
	require.NoError(f, z.Close())
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	file := filepath.Join(f.TempDir(), "log.zip")
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, os.WriteFile(file, b, 0o600))
		s, done, err := openTiles(file)
		if err != nil {
			return
		}
		defer done()
		for _, path := range []string{"/checkpoint", "/v1/entries/0", "/../out", "/tile/entries/000.p/1", "/tile/0/000.p/1"} {
			got, err := s.get(t.Context(), path)
			require.LessOrEqual(t, len(got), tileMost)
			if path == "/../out" {
				require.Error(t, err, "no name leads out of an archive")
			}
		}
	})
}
