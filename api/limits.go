package api

import (
	"io"
	"log"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
)

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 60 * time.Second
	writeTimeout  = 30 * time.Second // more than a commit may take
	headerBytes   = 16 << 10

	bodyGrace = 10 * time.Second // what any body may take
	bodyRate  = 32 << 10         // bytes per second a longer one must then keep up

	jsonBody   = 64 << 10
	uploadBody = 256 << 20
)

// anyMethod is every method that some route may answer.
var anyMethod = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// inFlight bounds how many of something are under way. Whoever comes beyond it is sent away at once, for
// a queue here would only hide an overload from the caller's own retry.
type inFlight struct{ most, now atomic.Int64 }

func newInFlight(most int) *inFlight {
	f := &inFlight{}
	f.most.Store(int64(most))
	return f
}

// acquire takes a place, to be given back with release, or says "busy".
func (f *inFlight) acquire() *Problem {
	if f.now.Add(1) > f.most.Load() {
		f.now.Add(-1)
		return problem("busy")
	}
	return nil
}

func (f *inFlight) release() { f.now.Add(-1) }

// routePolicy is what a route accepts.
type routePolicy struct {
	body  int64     // the largest body; zero: none
	types []string  // media types of a body, without parameters
	long  bool      // an upload or a stream: no limit on the whole answer, one on each write
	slots *inFlight // nil: no bound of its own. A route that asks for a token bounds what follows that instead.
}

// edge is the outermost handler. It wraps the router rather than being its middleware, since mux runs
// middleware for matched routes alone, and probing traffic matches none.
type edge struct {
	router *mux.Router
	log    *slog.Logger
	grace  time.Duration
	rate   int64
}

func newEdge(logger *slog.Logger) *edge {
	e := &edge{router: mux.NewRouter().SkipClean(true), log: logger, grace: bodyGrace, rate: bodyRate}
	// mux 1.8.1 mixes 404 and 405 up, and gives no Allow: one handler settles both.
	e.router.NotFoundHandler = http.HandlerFunc(e.unmatched)
	e.router.MethodNotAllowedHandler = e.router.NotFoundHandler
	return e
}

// handle registers one method of one flat route. Routes that were registered first are tried first.
func (e *edge) handle(method, template string, p routePolicy, h http.HandlerFunc) {
	e.router.HandleFunc(spellings.Replace(template), func(w http.ResponseWriter, r *http.Request) {
		i := requestInfoOf(r)
		i.route = template
		if p.slots != nil {
			if full := p.slots.acquire(); full != nil {
				writeProblem(w, r, full)
				return
			}
			defer p.slots.release()
		}
		if refused := p.admit(r); refused != nil {
			writeProblem(w, r, refused)
			return
		}
		if p.long {
			i.paced = true
			_ = http.NewResponseController(i.ResponseWriter).SetWriteDeadline(time.Time{}) // a test's writer has none
		}
		if b, ok := r.Body.(*pacedBody); ok {
			b.left = p.body
		}
		h(w, r)
	}).Methods(method)
}

// admit looks at what the headers say of the body.
func (p *routePolicy) admit(r *http.Request) *Problem {
	if enc := r.Header["Content-Encoding"]; len(enc) > 1 || len(enc) == 1 && enc[0] != "identity" {
		return problem("content-encoding")
	}
	if r.ContentLength == 0 {
		return nil
	}
	if r.ContentLength > p.body || p.body == 0 {
		return problem("body-too-large")
	}
	given := r.Header["Content-Type"]
	if len(given) != 1 {
		return problem("content-type")
	}
	for _, t := range p.types {
		if given[0] == t {
			return nil
		}
	}
	media, params, err := mime.ParseMediaType(given[0])
	if err != nil {
		return problem("content-type")
	}
	for name, value := range params {
		// header=present is RFC 4180's own parameter.
		if !(name == "charset" && strings.EqualFold(value, "utf-8")) && name != "header" {
			return problem("content-type")
		}
	}
	for _, t := range p.types {
		if media == t {
			return nil
		}
	}
	return problem("content-type")
}

// Shared header values: net/http does not change them.
var (
	noStore    = []string{"no-store"}
	noSniff    = []string{"nosniff"}
	noFrames   = []string{"default-src 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
	keepTLS    = []string{"max-age=31536000; includeSubDomains"}
)

// ServeHTTP gives every answer its constant headers and its line in the log, whatever becomes of it.
// X-HTTP-Method-Override, X-Forwarded-* and the like are read by nothing.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h := w.Header()
	h["Cache-Control"], h["X-Content-Type-Options"], h["Content-Security-Policy"], h["Referrer-Policy"] = noStore, noSniff, noFrames, noReferrer
	if r.TLS != nil {
		h["Strict-Transport-Security"] = keepTLS
	}
	info, r, p := begin(w, r)
	defer info.finish(e.log, r, start)
	if r.ContentLength != 0 {
		// Set before anything is refused: the server reads on, for a while, after an early answer.
		b := &pacedBody{ReadCloser: r.Body, to: http.NewResponseController(w), start: start, grace: e.grace, rate: e.rate}
		b.extend()
		r.Body = b
	}
	switch {
	case p != nil:
		writeProblem(info, r, p)
	case r.Method == http.MethodConnect:
		writeProblem(info, r, problem("method-not-allowed"))
	case !plainPath(r):
		writeProblem(info, r, problem("not-found"))
	default:
		e.router.ServeHTTP(info, r)
	}
}

// unmatched tells a wrong method from a wrong path, by asking for the path with each method.
func (e *edge) unmatched(w http.ResponseWriter, r *http.Request) {
	var allow []string
	for _, m := range anyMethod {
		other := *r
		other.Method = m
		var match mux.RouteMatch
		if e.router.Match(&other, &match) && match.MatchErr == nil && match.Route != nil {
			allow = append(allow, m)
		}
	}
	if len(allow) == 0 {
		writeProblem(w, r, problem("not-found"))
		return
	}
	p := problem("method-not-allowed")
	p.Allow = strings.Join(allow, ", ")
	writeProblem(w, r, p)
}

// plainPath tells whether a path is spelled in the one way our routes are: nothing encoded, no empty or
// dotted segment, no parameter. All else is not found, and never redirected to what it might have meant.
func plainPath(r *http.Request) bool {
	path := r.URL.Path
	if r.URL.RawPath != "" || path == "" || path[0] != '/' || !madeOf(path, "/._-$") || strings.Contains(path, "//") {
		return false
	}
	return !strings.Contains(path+"/", "/./") && !strings.Contains(path+"/", "/../")
}

// pacedBody reads a request body that must keep moving: bodyGrace for any, and the rate beyond that. It
// sets the connection's read deadline ahead of itself; net/http takes it away where the body ends.
type pacedBody struct {
	io.ReadCloser
	to    *http.ResponseController
	start time.Time
	grace time.Duration
	rate  int64
	read  int64
	next  int64 // extend again once so much was read
	left  int64
}

func (b *pacedBody) extend() {
	_ = b.to.SetReadDeadline(b.start.Add(b.grace + time.Duration(b.read/b.rate)*time.Second)) // a test's writer has none
	b.next = b.read + b.rate
}

// Read fails with os.ErrDeadlineExceeded when the body is too slow, and with a *Problem when it is longer
// than the route accepts, whatever Content-Length said.
func (b *pacedBody) Read(buf []byte) (int, error) {
	if int64(len(buf)) > b.left+1 { // one more than allowed, to notice it; none once it was
		buf = buf[:b.left+1]
	}
	n, err := b.ReadCloser.Read(buf)
	b.read += int64(n)
	if b.left -= int64(n); b.left < 0 {
		return 0, problem("body-too-large")
	}
	if err == nil && b.read >= b.next {
		b.extend()
	}
	return n, err
}

// newServer is an http.Server with its limits set. It never says what it is made of, and its own
// messages go to logger by kind alone.
func newServer(addr string, h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h,
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: writeTimeout, MaxHeaderBytes: headerBytes,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is answered like any other
		ErrorLog:                     serverLog(logger),
		ConnContext:                  withConn,
	}
}

// serverLog passes on what kind of thing net/http reports and nothing more: its report of a panic would
// quote the panic's value.
func serverLog(logger *slog.Logger) *log.Logger { return log.New(eventKind{logger}, "", 0) }

type eventKind struct{ to *slog.Logger }

// Write logs the kind of one report.
func (k eventKind) Write(b []byte) (int, error) {
	kind := "connection error"
	for _, known := range []string{"TLS handshake error", "Accept error", "panic serving", "superfluous response.WriteHeader"} {
		if strings.Contains(string(b), known) {
			kind = known
		}
	}
	k.to.Warn("http server", "event", kind)
	return len(b), nil
}
