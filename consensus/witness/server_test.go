package witness

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

const origin = "log.test/one"

// testLog is a log of hashes, which can have a second history.
type testLog struct {
	t        *testing.T
	signer   note.Signer
	verifier note.Verifier
	vkey     string
	hashes   tlogHashes
	trees    []tlog.Tree // by size
}

type tlogHashes []tlog.Hash

func (h tlogHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		out[i] = h[n]
	}
	return out, nil
}

func newLog(t *testing.T, size int) *testLog {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	require.NoError(t, err)
	l := &testLog{t: t, vkey: vkey}
	l.signer, err = note.NewSigner(skey)
	require.NoError(t, err)
	l.verifier, err = note.NewVerifier(vkey)
	require.NoError(t, err)
	l.grow(size, "a")
	return l
}

// grow makes a history of size entries; another salt makes another one.
func (l *testLog) grow(size int, salt string) {
	l.hashes, l.trees = nil, []tlog.Tree{{Hash: sha256.Sum256(nil)}}
	for i := range size {
		h, err := tlog.StoredHashes(int64(i), []byte(salt), l.hashes)
		require.NoError(l.t, err)
		l.hashes = append(l.hashes, h...)
		root, err := tlog.TreeHash(int64(i)+1, l.hashes)
		require.NoError(l.t, err)
		l.trees = append(l.trees, tlog.Tree{N: int64(i) + 1, Hash: root})
	}
}

func (l *testLog) signed(n int) []byte {
	b, err := ledger.SignCheckpoint(origin, l.trees[n], l.signer)
	require.NoError(l.t, err)
	return b
}

func (l *testLog) request(old, n int) Request {
	q := Request{Old: int64(old), Checkpoint: l.signed(n)}
	if 0 < old && old < n {
		var err error
		q.Proof, err = tlog.ProveTree(int64(n), int64(old), l.hashes)
		require.NoError(l.t, err)
	}
	return q
}

func testSigner(t *testing.T, name string) *torchwood.CosignatureSigner {
	t.Helper()
	secret, verifier, err := GenerateKey(rand.Reader, name)
	require.NoError(t, err)
	s, err := ParseKey(secret)
	require.NoError(t, err)
	require.Equal(t, verifier, s.Verifier().String())
	return s
}

func openAt(t *testing.T, fs vfs.FS, s *torchwood.CosignatureSigner, logs ...note.Verifier) *Server {
	t.Helper()
	require.NoError(t, fs.MkdirAll("w", 0o700))
	w, err := Open(Config{Dir: "w", FS: fs, Signer: s, Logs: logs})
	require.NoError(t, err)
	return w
}

type answer struct {
	status int
	body   string
	media  string
}

func post(h http.Handler, body []byte) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/add-checkpoint", bytes.NewReader(body)))
	return answer{w.Code, w.Body.String(), w.Header().Get("Content-Type")}
}

// Every answer of the specification, in one witness's life.
func TestAddCheckpoint(t *testing.T) {
	l, s := newLog(t, 300), testSigner(t, "witness.test/w")
	w := openAt(t, vfs.NewMem(), s, l.verifier)
	fork := newLog(t, 0)
	fork.signer = l.signer
	fork.grow(300, "b")
	stranger := newLog(t, 10) // the same origin, and another key
	bad := l.request(5, 200)
	bad.Proof = bad.Proof[1:]
	empty, err := ledger.SignCheckpoint(origin, tlog.Tree{Hash: tlog.Hash{1}}, l.signer)
	require.NoError(t, err)
	extended, err := note.Sign(&note.Note{Text: ledger.CheckpointText(origin, l.trees[6]) + "more\n"}, l.signer)
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		body   []byte
		status int
	}{
		{"no request", []byte("hello"), 400},
		{"an unknown log", bytes.ReplaceAll(l.request(0, 5).Format(), []byte(origin), []byte("log.test/two")), 404},
		{"another key", stranger.request(0, 5).Format(), 403},
		{"no signature that holds", bytes.Replace(l.request(0, 5).Format(), []byte("\n5\n"), []byte("\n6\n"), 1), 403},
		{"nothing was signed yet", l.request(3, 5).Format(), 409},
		{"the empty tree with another root", Request{Checkpoint: empty}.Format(), 422},
		{"the empty tree", l.request(0, 0).Format(), 200},
		{"a proof where there is none", Request{Proof: tlog.TreeProof{{1}}, Checkpoint: l.signed(5)}.Format(), 422},
		{"the first", l.request(0, 5).Format(), 200},
		{"the same again", l.request(5, 5).Format(), 200},
		{"the first again", l.request(0, 5).Format(), 409},
		{"smaller than the old size", l.request(5, 4).Format(), 400},
		{"back", l.request(0, 4).Format(), 409},
		{"another root of the same size", fork.request(5, 5).Format(), 422},
		{"another history", fork.request(5, 200).Format(), 422},
		{"a hash of the proof is missing", bad.Format(), 422},
		{"extension lines", Request{Old: 5, Checkpoint: extended}.Format(), 400},
		{"64 hashes", Request{Old: 5, Proof: make(tlog.TreeProof, 64), Checkpoint: l.signed(7)}.Format(), 400},
		{"too long", append(l.request(5, 200).Format(), make([]byte, MaxRequest)...), 400},
		{"on from it", l.request(5, 200).Format(), 200},
		{"on from before it", l.request(5, 300).Format(), 409},
	} {
		a := post(w, c.body)
		require.Equal(t, c.status, a.status, "%s: %s", c.name, a.body)
		switch c.status {
		case 200:
			q, err := ParseRequest(c.body)
			require.NoError(t, err)
			_, err = note.Open(append(bytes.Clone(q.Checkpoint), a.body...), note.VerifierList(s.Verifier()))
			require.NoError(t, err, c.name)
		case 409:
			require.Equal(t, "text/x.tlog.size", a.media)
			require.Regexp(t, `^(0|5|200)\n$`, a.body)
		default:
			require.NotContains(t, a.body, "—")
		}
	}
	get := httptest.NewRecorder()
	w.ServeHTTP(get, httptest.NewRequest(http.MethodGet, "/"+logName(origin)+"/checkpoint", nil))
	tree, err := ledger.OpenCheckpoint(get.Body.Bytes(), origin, note.VerifierList(s.Verifier()))
	require.NoError(t, err)
	require.Equal(t, l.trees[200], tree)
	require.NoError(t, w.Close())
}

// A signature that left is remembered after a power cut at that very moment, and none leaves when it could not be kept.
func TestASignatureLeavesAfterItIsDurable(t *testing.T) {
	l, s := newLog(t, 40), testSigner(t, "witness.test/w")
	fs := vfs.NewCrashableMem()
	require.NoError(t, fs.MkdirAll("w", 0o700))
	root, err := fs.OpenDir("/")
	require.NoError(t, err)
	require.NoError(t, root.Sync())
	w := openAt(t, fs, s, l.verifier)
	for n := 1; n <= 40; n++ {
		require.Equal(t, 200, post(w, l.request(n-1, n).Format()).status)
		again := openAt(t, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0}), s, l.verifier)
		a := post(again, l.request(0, n).Format())
		require.Equal(t, answer{409, again.size(n), sizeType}, a)
	}
	require.NoError(t, w.Close())
}

func (s *Server) size(n int) string {
	if s.logs[origin].tree.N != int64(n) {
		return "forgotten"
	}
	return string(Request{Old: int64(n)}.Format())[len("old ") : len(Request{Old: int64(n)}.Format())-1]
}

// failing is a file system on which a kind of call fails when told.
type failing struct {
	vfs.FS
	rename, create bool
}

func (f *failing) Rename(a, b string) error {
	if f.rename {
		return io.ErrShortWrite
	}
	return f.FS.Rename(a, b)
}

func (f *failing) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.create {
		return nil, io.ErrShortWrite
	}
	return f.FS.Create(name, c)
}

func TestWhatCannotBeKeptIsNotSigned(t *testing.T) {
	l, s := newLog(t, 9), testSigner(t, "witness.test/w")
	for _, fs := range []*failing{{FS: vfs.NewMem(), rename: true}, {FS: vfs.NewMem(), create: true}} {
		w := openAt(t, fs, s, l.verifier)
		require.Equal(t, 500, post(w, l.request(0, 5).Format()).status)
		fs.rename, fs.create = false, false
		require.Equal(t, 500, post(w, l.request(0, 5).Format()).status, "what is on disk is not known")
		require.NoError(t, w.Close())
		w = openAt(t, fs, s, l.verifier)
		require.Equal(t, 200, post(w, l.request(0, 5).Format()).status)
		require.NoError(t, w.Close())
	}
}

func TestTwoSubmissionsAtOnce(t *testing.T) {
	l, s := newLog(t, 60), testSigner(t, "witness.test/w")
	fork := newLog(t, 0)
	fork.signer = l.signer
	fork.grow(60, "b")
	w := openAt(t, vfs.NewMem(), s, l.verifier)
	signed := map[int64]map[tlog.Hash]bool{}
	var mu sync.Mutex
	for n := 1; n < 60; n++ {
		var wait sync.WaitGroup
		answers := make([]answer, 6)
		for i := range answers {
			from := l
			if i%2 == 1 {
				from = fork
			}
			q := from.request(n-1, n)
			wait.Go(func() {
				if answers[i] = post(w, q.Format()); answers[i].status != 200 {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if signed[int64(n)] == nil {
					signed[int64(n)] = map[tlog.Hash]bool{}
				}
				signed[int64(n)][from.trees[n].Hash] = true
			})
		}
		wait.Wait()
		require.Len(t, signed[int64(n)], 1, "one root of size %d, and no more", n)
		if n == 1 && signed[1][fork.trees[1].Hash] {
			l, fork = fork, l // the other history came first
		}
		for _, a := range answers {
			require.Contains(t, []int{200, 409, 422}, a.status)
		}
	}
}

func TestMemoryThatIsNotItsOwnStopsAStart(t *testing.T) {
	l, s := newLog(t, 9), testSigner(t, "witness.test/w")
	fs := vfs.NewMem()
	w := openAt(t, fs, s, l.verifier)
	_, err := Open(Config{Dir: "w", FS: fs, Signer: s, Logs: []note.Verifier{l.verifier}})
	require.Error(t, err, "one process at a time")
	require.Equal(t, 200, post(w, l.request(0, 5).Format()).status)
	kept := bytes.Clone(w.logs[origin].cosigned)
	require.NoError(t, w.Close())
	for name, b := range map[string][]byte{
		"cut":         kept[:len(kept)-9],
		"edited":      bytes.Replace(kept, []byte("\n5\n"), []byte("\n4\n"), 1),
		"by no log":   append([]byte(ledger.CheckpointText(origin, l.trees[5])+"\n"), kept[bytes.LastIndex(kept, []byte("— ")):]...),
		"not by us":   l.signed(5),
		"nothing":     {},
		"a newer log": newLog(t, 6).signed(6),
	} {
		require.NoError(t, w.memory.write(origin, b))
		_, err := Open(Config{Dir: "w", FS: fs, Signer: s, Logs: []note.Verifier{l.verifier}})
		require.Error(t, err, name)
	}
	require.NoError(t, w.memory.write(origin, kept))
	w = openAt(t, fs, s, l.verifier)
	require.NoError(t, w.Close())
	_, err = Open(Config{Dir: "w", FS: fs, Signer: testSigner(t, origin), Logs: []note.Verifier{l.verifier}})
	require.ErrorContains(t, err, "must not have a log's name")
	_, err = Open(Config{Dir: "w", FS: fs, Signer: s, Logs: []note.Verifier{l.verifier, l.verifier}})
	require.ErrorContains(t, err, "twice")
}
