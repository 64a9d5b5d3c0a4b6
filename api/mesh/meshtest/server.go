package meshtest

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options say what kind of MESH to start.
type Options struct {
	SharedKey string           // the environment's; needed
	Addr      string           // where to listen; empty: 127.0.0.1, any port
	TLS       *tls.Config      // nil: plain HTTP. See [Authority.Server] for mutual TLS
	Now       func() time.Time // nil: time.Now
	Workflows []string         // the only workflow ids that are registered; empty: all are
	// Forget keeps of what is sent its sizes and digests alone, so that a test can
	// send much and measure memory.
	Forget bool
	// Squeeze compresses on the way out what was not compressed on the way in, as
	// version 2 of MESH does.
	Squeeze bool
}

// Server is a running MESH.
type Server struct {
	o    Options
	http *http.Server
	addr string
	done chan struct{} // closed by Close, for what hangs

	close sync.Once

	mu       sync.Mutex
	boxes    map[string]string // mailbox -> password
	messages []*Message        // in the order they came
	seen     map[string]time.Time
	faults   []*Fault
	requests []Request
	count    int
}

// Request is what a server was asked. A refused request is there too.
type Request struct {
	Step      string // handshake, inbox, count, download, acknowledge, send, chunk, track, find
	Mailbox   string
	MessageID string
	Chunk     int // 1 for send and for a download's first
}

// Start listens and serves until Close.
func Start(o Options) (*Server, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, addr: l.Addr().String(), done: make(chan struct{}), boxes: map[string]string{}, seen: map[string]time.Time{}}
	if o.TLS != nil {
		l = tls.NewListener(l, o.TLS)
	}
	// What goes wrong at a handshake is for the test to see, not for a log.
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.http.Serve(l) }() // ends with Close
	return s, nil
}

// URL is the server's address, for mesh.Config.
func (s *Server) URL() string {
	if s.o.TLS != nil {
		return "https://" + s.addr
	}
	return "http://" + s.addr
}

// Close ends all connections.
func (s *Server) Close() error {
	s.close.Do(func() { close(s.done) })
	return s.http.Close()
}

// AddMailbox opens a mailbox.
func (s *Server) AddMailbox(id, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boxes[id] = password
}

// Requests returns what was asked so far, and forgets it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	const box = "/messageexchange/{mailbox}"
	mux.Handle("POST "+box, s.route("handshake", s.handshake))
	mux.Handle("GET "+box, s.route("handshake", s.handshake))
	mux.Handle("GET "+box+"/inbox", s.route("inbox", s.inbox))
	mux.Handle("GET "+box+"/count", s.route("count", s.inboxCount))
	mux.Handle("GET "+box+"/inbox/{message}", s.route("download", s.download))
	mux.Handle("GET "+box+"/inbox/{message}/{chunk}", s.route("download", s.download))
	mux.Handle("PUT "+box+"/inbox/{message}/status/acknowledged", s.route("acknowledge", s.acknowledge))
	mux.Handle("POST "+box+"/outbox", s.route("send", s.send))
	mux.Handle("POST "+box+"/outbox/{message}/{chunk}", s.route("chunk", s.sendChunk))
	mux.Handle("GET "+box+"/outbox/tracking", s.route("track", s.track))
	mux.Handle("GET "+box+"/outbox/tracking/{local}", s.route("find", s.find))
	return mux
}

// asked is a request whose sender is known.
type asked struct {
	*http.Request
	mailbox string
	id      string
	chunk   int
	fault   *Fault // what a fault does to it that only its handler can
}

// route notes a request, breaks it where that was asked for, and lets it
// through if its Authorization header is right.
func (s *Server) route(step string, handle func(http.ResponseWriter, *asked)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &asked{Request: r, mailbox: r.PathValue("mailbox"), id: r.PathValue("message")}
		a.chunk = number(r.PathValue("chunk"))
		if r.PathValue("chunk") == "" && (step == "send" || step == "download") {
			a.chunk = 1
		}
		f := s.note(step, a)
		if why := s.authorise(a.mailbox, r.Header.Get("Authorization")); why != "" {
			refuse(w, http.StatusForbidden, "", why)
			return
		}
		if strings.Contains(r.Header.Get("Accept"), "vnd.mesh") && !strings.Contains(r.Header.Get("Accept"), "vnd.mesh.v2+json") {
			refuse(w, http.StatusBadRequest, "", "this MESH speaks version 2")
			return
		}
		s.serve(w, a, f, handle)
	})
}

func (s *Server) note(step string, a *asked) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{Step: step, Mailbox: a.mailbox, MessageID: a.id, Chunk: a.chunk})
	return s.fault(step, a.chunk)
}

func (s *Server) handshake(w http.ResponseWriter, a *asked) {
	for _, h := range []string{"Mex-ClientVersion", "Mex-OSName", "Mex-OSVersion"} {
		if a.Header.Get(h) == "" {
			refuse(w, http.StatusBadRequest, "", h+" is missing")
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

// answer writes a document.
func answer(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/vnd.mesh.v2+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // the client is gone
}

// refuse writes MESH's error document, version 2.
func refuse(w http.ResponseWriter, status int, code, says string) {
	answer(w, status, map[string]any{
		"internal_id": "meshtest",
		"detail":      []map[string]string{{"event": "SEND", "code": code, "msg": says}},
	})
}
