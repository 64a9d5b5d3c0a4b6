package openapitest

import (
	"io"
	"net/http"
)

// kept is how much of a body is looked at. A longer one of the same operation
// has nothing that a shorter one cannot have.
const kept = 512 << 10

// exchange is one request with its answer.
type exchange struct {
	r       *http.Request
	sent    body
	status  int
	header  http.Header // as it was when the answer began
	got     body
	aborted bool // the connection was cut: there is no answer
}

// body is the beginning of a body, and whether there was more.
type body struct {
	text []byte
	more bool
}

func (b *body) add(p []byte) {
	if room := kept - len(b.text); len(p) > room {
		p, b.more = p[:room], true
	}
	b.text = append(b.text, p...)
}

// watch has h answer, and hands over what was asked and answered.
func watch(h http.Handler, done func(*exchange)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &exchange{r: r, aborted: true}
		defer func() { done(e) }() // also where the handler panics
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &reading{r.Body, &e.sent}
		}
		h.ServeHTTP(&writing{w, e}, r)
		if e.status == 0 {
			e.begin(http.StatusOK, w.Header())
		}
		e.aborted = false
	})
}

func (e *exchange) begin(status int, h http.Header) {
	if e.status == 0 && status >= http.StatusOK {
		e.status, e.header = status, h.Clone()
	}
}

type reading struct {
	io.ReadCloser
	to *body
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.to.add(p[:n])
	return n, err
}

type writing struct {
	http.ResponseWriter
	e *exchange
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status and the header as it is sent.
func (w *writing) WriteHeader(status int) {
	w.e.begin(status, w.Header())
	w.ResponseWriter.WriteHeader(status)
}

// Write notes what is written.
func (w *writing) Write(p []byte) (int, error) {
	w.e.begin(http.StatusOK, w.Header())
	w.e.got.add(p)
	return w.ResponseWriter.Write(p)
}
