package witness

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"filippo.io/torchwood"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// Config is what a witness needs.
type Config struct {
	// Dir is its folder, which exists; FS the file system, nil for the real one.
	Dir string
	FS  vfs.FS
	// Signer is its own key; Logs are the verifier keys of the logs it watches, whose names are their origins.
	Signer *torchwood.CosignatureSigner
	Logs   []note.Verifier
	Logger *slog.Logger // nil discards
}

// Server is a witness. Its methods may be called from any goroutine.
type Server struct {
	signer *torchwood.CosignatureSigner
	memory *memory
	logs   map[string]*watched
	log    *slog.Logger
	mux    *http.ServeMux
}

// watched is one log. Its lock is held from the comparison with what was signed until the new memory is durable, so
// that of two requests at once one sees the other's result.
type watched struct {
	origin string
	key    note.Verifier

	mu       sync.Mutex
	tree     tlog.Tree
	cosigned []byte // signed note; nil: nothing was cosigned yet
	broken   bool   // a write failed: what is on disk is not known, and nothing more is signed by this process
}

// Open starts a witness on its folder, with what it cosigned before.
func Open(c Config) (*Server, error) {
	if c.Signer == nil || c.Dir == "" || len(c.Logs) == 0 {
		return nil, errors.New("a witness needs a folder, a key and a log to watch")
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := openMemory(c.FS, c.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{signer: c.Signer, memory: m, logs: map[string]*watched{}, log: c.Logger, mux: http.NewServeMux()}
	for _, v := range c.Logs {
		if err := s.watch(v); err != nil {
			return nil, errors.Join(err, m.close())
		}
	}
	s.mux.HandleFunc("POST /add-checkpoint", s.addCheckpoint)
	s.mux.HandleFunc("GET /{log}/checkpoint", s.getCheckpoint)
	return s, nil
}

func (s *Server) watch(v note.Verifier) error {
	w := &watched{origin: v.Name(), key: v}
	switch {
	case s.logs[w.origin] != nil:
		return fmt.Errorf("the log %s is given twice", w.origin)
	case w.origin == s.signer.Name():
		return errors.New("a witness must not have a log's name")
	}
	var err error
	w.cosigned, w.tree, err = s.memory.read(w.origin, v, s.signer.Verifier())
	s.logs[w.origin] = w
	return err
}

// Close lets another process use the folder. No request may be under way.
func (s *Server) Close() error { return s.memory.close() }

// ServeHTTP answers POST /add-checkpoint and GET /<sha256 of an origin>/checkpoint.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// refusal is an answer that is no signature.
type refusal struct {
	status int
	why    string
	size   int64 // with 409: the size that was cosigned last
}

func refuse(status int, why string) *refusal { return &refusal{status: status, why: why} }

func (s *Server) addCheckpoint(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	if err != nil {
		http.Error(w, "the request is too long or ended early", http.StatusBadRequest)
		return
	}
	lines, no := s.add(body)
	switch {
	case no == nil:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(lines) // who reads no more asks again
	case no.status == http.StatusConflict:
		w.Header().Set("Content-Type", sizeType)
		w.WriteHeader(no.status)
		_, _ = w.Write(strconv.AppendInt(nil, no.size, 10))
		_, _ = w.Write([]byte("\n"))
	default:
		http.Error(w, no.why, no.status)
	}
}

// sizeType is the media type of a 409's body.
const sizeType = "text/x.tlog.size"

// add decides a request and returns the witness's signature lines.
func (s *Server) add(body []byte) ([]byte, *refusal) {
	q, err := ParseRequest(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the request is malformed")
	}
	w := s.logs[originOf(q.Checkpoint)]
	if w == nil {
		return nil, refuse(http.StatusNotFound, "the log is not known here")
	}
	n, err := note.Open(q.Checkpoint, note.VerifierList(w.key))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified), errors.As(err, &invalid):
		return nil, refuse(http.StatusForbidden, "the checkpoint is not signed by the log's key")
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the checkpoint is malformed")
	}
	tree, err := ledger.ParseCheckpointText(n.Text, w.origin)
	if err != nil || q.Old > tree.N {
		return nil, refuse(http.StatusBadRequest, "the checkpoint is malformed, or smaller than the old size")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return nil, refuse(http.StatusInternalServerError, "the witness cannot keep what it signs")
	}
	if q.Old != w.tree.N {
		return nil, &refusal{status: http.StatusConflict, size: w.tree.N}
	}
	if !w.follows(tree, q.Proof) {
		s.log.Error("a signed checkpoint does not go on from what was cosigned", "log", w.origin, "cosigned", w.tree.N, "size", tree.N)
		return nil, refuse(http.StatusUnprocessableEntity, "the checkpoint does not go on from the last one")
	}
	return s.cosign(w, n, tree)
}

// follows reports whether a tree goes on from the one that was cosigned.
func (w *watched) follows(next tlog.Tree, proof tlog.TreeProof) bool {
	switch {
	case next.N == 0:
		return len(proof) == 0 && next.Hash == sha256.Sum256(nil)
	case w.tree.N == 0:
		return len(proof) == 0 // every tree goes on from nothing
	case w.tree.N == next.N:
		return len(proof) == 0 && w.tree.Hash == next.Hash
	}
	return tlog.CheckTree(proof, next.N, next.Hash, w.tree.N, w.tree.Hash) == nil
}

// cosign signs a tree that follows, and lets the signature out once the memory of it is durable. The lock is held.
func (s *Server) cosign(w *watched, n *note.Note, tree tlog.Tree) ([]byte, *refusal) {
	own, err := note.Sign(&note.Note{Text: n.Text}, s.signer)
	if err != nil {
		s.log.Error("cosigning", "error", err)
		return nil, refuse(http.StatusInternalServerError, "the witness cannot sign")
	}
	lines := Signatures(own)
	if w.cosigned != nil && tree.N == w.tree.N {
		return lines, nil // remembered already; only the time is new
	}
	// Only the signature that was verified is kept, whatever other lines came with it.
	signed, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err == nil {
		signed = append(signed, lines...)
		err = s.memory.write(w.origin, signed)
	}
	if err != nil {
		w.broken = true
		s.log.Error("a cosigned checkpoint could not be kept: nothing more is signed until a restart", "log", w.origin, "error", err)
		return nil, refuse(http.StatusInternalServerError, "the witness cannot keep what it signs")
	}
	w.tree, w.cosigned = tree, signed
	return lines, nil
}

// getCheckpoint shows what was cosigned last for a log, so that anybody can compare.
func (s *Server) getCheckpoint(rw http.ResponseWriter, r *http.Request) {
	for origin, w := range s.logs {
		if r.PathValue("log") != logName(origin) {
			continue
		}
		w.mu.Lock()
		b := bytes.Clone(w.cosigned)
		w.mu.Unlock()
		if b == nil {
			break
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write(b) // who reads no more needs no error
		return
	}
	http.NotFound(rw, r)
}
