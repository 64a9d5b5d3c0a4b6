package mesh

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// accept asks for version 2 of MESH's API.
const accept = "application/vnd.mesh.v2+json"

// call is one request to MESH, which may be made several times.
type call struct {
	step   string   // for errors
	method string   //
	path   []string // below /messageexchange/{our mailbox}
	query  url.Values
	header http.Header
	body   *content // nil: none
	once   bool     // making it twice may do it twice
}

// do makes a request until it is answered with success or cannot be. The answer
// must be closed.
func (c *Client) do(ctx context.Context, k *call) (*answer, error) {
	for n := 1; ; n++ {
		a, err := c.attempt(ctx, k)
		if err == nil {
			return a, nil
		}
		// 429 is said before anything is done; after any other failure that came once
		// MESH was connected, it may have done what was asked.
		if k.once && err.sent && (err.again() && err.Status != http.StatusTooManyRequests || err.Code == Stopped) {
			return nil, &Error{Code: Unknown, Step: k.step, Status: err.Status, detail: "it may have been taken: " + string(err.Code), cause: err.cause}
		}
		if !err.again() || n == c.c.Attempts || err.after > longestAsked {
			return nil, err
		}
		if e := c.sleep(ctx, backoff(n, err.after)); e != nil {
			return nil, stopped(k.step, ctx)
		}
	}
}

// attempt makes a request once.
func (c *Client) attempt(parent context.Context, k *call) (*answer, *Error) {
	ctx, cancel := context.WithCancelCause(parent)
	p := &patience{silence: time.Duration(c.c.Silence), left: time.Duration(c.c.Limit), ctx: ctx, cancel: cancel, after: c.after}
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})

	u := c.base.JoinPath(append([]string{"messageexchange", c.c.Mailbox}, k.path...)...)
	u.RawQuery = k.query.Encode()
	r, err := http.NewRequestWithContext(ctx, k.method, u.String(), nil) //nolint:gosec // the operator names MESH
	if err != nil {
		cancel(nil)
		return nil, &Error{Code: Misconfigured, Step: k.step, detail: "the request cannot be made"}
	}
	for name, v := range k.header {
		r.Header[name] = v
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("User-Agent", c.userAgent())
	r.Header.Set("Authorization", c.signer.header())
	var sending *sent
	if k.body != nil {
		sending = k.body.open(p)
		r.Body, r.ContentLength = sending, sending.length
	}

	p.wait()
	resp, err := c.http.Do(r) //nolint:gosec // as above
	p.answer()
	if err != nil {
		e := failed(parent, p, k.step, err)
		e.sent = connected.Load() && e.Code != Untrusted
		if e.again() && !connected.Load() && e.Code != Timeout {
			e.Code = Unreachable
		}
		if sending != nil {
			if err := sending.err(); err != nil {
				e = &Error{Code: Source, Step: k.step, cause: err}
			}
		}
		cancel(nil)
		return nil, e
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, sized: sized(resp), body: received{resp.Body, p}, patience: p, step: k.step}
	if a.status >= 200 && a.status < 300 {
		return a, nil
	}
	defer a.close()
	e := c.refused(a)
	e.sent = true
	return nil, e
}

// failed says in our words why a request has no answer, or an answer no end.
func failed(parent context.Context, p *patience, step string, err error) *Error {
	if parent.Err() != nil {
		return stopped(step, parent)
	}
	if p.expired() {
		return &Error{Code: Timeout, Step: step}
	}
	var (
		ours    *Error
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		remote  *net.OpError
	)
	switch {
	case errors.As(err, &ours): // the client certificate, read at this connection
		return &Error{Code: ours.Code, Step: step, detail: ours.detail}
	case errors.As(err, &cert), errors.As(err, &unknown):
		return &Error{Code: Untrusted, Step: step, detail: "the server's certificate is not accepted"}
	case errors.As(err, &record):
		return &Error{Code: Untrusted, Step: step, detail: "the server does not speak TLS"}
	case errors.As(err, &remote) && remote.Op == "remote error" && aboutCertificates(remote.Err):
		return &Error{Code: Untrusted, Step: step, detail: "the server does not accept our certificate"}
	}
	return &Error{Code: Cut, Step: step}
}

// aboutCertificates reports whether a TLS alert from the other side is about the
// certificate that was shown, or not shown. With TLS 1.3 it comes after the
// request was sent. Package crypto/tls does not export the alerts, only their text.
func aboutCertificates(alert error) bool {
	return strings.Contains(alert.Error(), "certificate") || strings.Contains(alert.Error(), "handshake failure") || strings.Contains(alert.Error(), "access denied")
}

// refused says in our words what an answer that is no success means. Of its body
// only MESH's code is taken, and only if it has a code's form.
func (c *Client) refused(a *answer) *Error {
	e := &Error{Code: Refused, Step: a.step, Status: a.status}
	if b, err := a.read(); err == nil {
		e.MESH, e.MessageID = parseRefusal(b)
	}
	switch {
	case a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusTooEarly || a.status == http.StatusRequestTimeout:
		e.Code = Busy
		if s, err := strconv.ParseUint(a.header.Get("Retry-After"), 10, 16); err == nil {
			e.after = time.Duration(s) * time.Second
		}
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		e.Code = NotAuthorised
		if d, err := http.ParseTime(a.header.Get("Date")); err == nil && c.now().Sub(d).Abs() > time.Hour {
			e.Code, e.detail = ClockWrong, "the clocks are more than an hour apart"
		}
	case a.status == http.StatusNotFound:
		e.Code = NotFound
	case a.status == http.StatusGone:
		e.Code = Gone
	case a.status < 400 && a.status != http.StatusMultipleChoices:
		e.Code = BadAnswer
	}
	return e
}

// sized reports whether a body's end can be told from a connection that was cut.
func sized(r *http.Response) bool {
	return r.ContentLength >= 0 || len(r.TransferEncoding) > 0 || r.ProtoMajor > 1
}

// answer is a success: what MESH answered, with its body still to be read.
type answer struct {
	step   string
	status int
	header http.Header
	sized  bool
	body   io.ReadCloser

	patience *patience // with the body
}

// close ends the request. What an answer was worth was known before.
func (a *answer) close() { _ = a.body.Close() }

// answerLimit is more than any document of MESH's: 5,000 message ids are 200 KB.
const answerLimit = 1 << 20

// read reads a small answer whole.
func (a *answer) read() ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(a.body, answerLimit+1))
	switch {
	case err != nil && a.patience.expired():
		return nil, &Error{Code: Timeout, Step: a.step, Status: a.status}
	case err != nil:
		return nil, &Error{Code: Cut, Step: a.step, Status: a.status}
	}
	if len(b) > answerLimit {
		return nil, &Error{Code: BadAnswer, Step: a.step, Status: a.status, detail: "the answer is too long"}
	}
	return b, nil
}

// document makes a request and reads its whole answer, again where the answer was cut.
func (c *Client) document(ctx context.Context, k *call) ([]byte, error) {
	for n := 1; ; n++ {
		a, err := c.do(ctx, k)
		if err != nil {
			return nil, err
		}
		b, err := a.read()
		a.close()
		switch {
		case err == nil:
			return b, nil
		case ctx.Err() != nil:
			err = stopped(k.step, ctx)
		}
		if k.once {
			return nil, &Error{Code: Unknown, Step: k.step, Status: a.status, detail: "the answer could not be read"}
		}
		if ctx.Err() != nil || n == c.c.Attempts || errors.Is(err, BadAnswer) {
			return nil, err
		}
		if c.sleep(ctx, backoff(n, 0)) != nil {
			return nil, stopped(k.step, ctx)
		}
	}
}

func (c *Client) userAgent() string {
	return "custos;" + c.c.Version + ";" + runtime.GOARCH + ";" + runtime.GOOS
}

// aboutUs are the headers that a handshake must have.
func (c *Client) aboutUs() http.Header {
	h := http.Header{}
	h.Set("Mex-Clientversion", "custos=="+c.c.Version)
	h.Set("Mex-Osname", runtime.GOOS)
	h.Set("Mex-Osversion", "unstated")
	h.Set("Mex-Osarchitecture", runtime.GOARCH)
	return h
}
