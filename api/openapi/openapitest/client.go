package openapitest

import (
	"bytes"
	"io"
	"net/http"
)

// Transport has next carry requests, and tells t of every answer of a described
// operation that is not as described. What is not described is not looked at: a
// program's tests also ask others. Streams are left alone.
func (d *Document) Transport(t Reporter, next http.RoundTripper) http.RoundTripper {
	return transport{d, t, next}
}

type transport struct {
	d    *Document
	t    Reporter
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (x transport) RoundTrip(r *http.Request) (*http.Response, error) {
	o := x.d.find(r, true)
	e := &exchange{r: r}
	if o != nil && r.Body != nil && r.Body != http.NoBody {
		sent := r.Clone(r.Context())
		sent.Body = &reading{r.Body, &e.sent}
		r = sent
	}
	a, err := x.next.RoundTrip(r)
	if err != nil || o == nil || a.Header.Get("Content-Type") == "text/event-stream" || a.StatusCode == http.StatusNotFound && o.inner {
		return a, err
	}
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return a, err
	}
	if err := a.Body.Close(); err != nil {
		return a, err
	}
	a.Body = io.NopCloser(bytes.NewReader(text))
	e.begin(a.StatusCode, a.Header)
	e.got.add(text)
	if err := x.d.check(o, e); err != nil {
		x.t.Errorf("%s, answered %d: not as api/openapi.yaml has it: %v", o.Name(), e.status, err)
	}
	return a, nil
}
