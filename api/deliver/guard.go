package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// errBlocked is the error of a connection that is not made.
var errBlocked = errors.New("an address that is not allowed")

// special are the ranges that no receiver on the internet has, beside those that
// [netip.Addr] tells: an address of ours, or one that leads to one of ours.
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	"5f00::/16", "fec0::/10")

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// Guard says which addresses letters may go to: those of the internet, and of the
// private ones those that somebody has allowed. It is asked of the address itself
// when a connection is made, so that no name leads around it.
type Guard struct{ Allowed []netip.Prefix }

// allows reports whether a connection may be made to an address.
func (g *Guard) allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range g.Allowed {
		if p.Contains(a) {
			return true
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() { // loopback, link-local (and so metadata services), multicast, none
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// control is asked before each connection, with the address that a name led to.
func (g *Guard) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !g.allows(a.Addr()) {
		return errBlocked
	}
	return nil
}

// dialer makes connections that are guarded.
func (g *Guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: g.control}
}

// client is an HTTP client that is guarded, follows no redirect, asks no proxy,
// and reads little.
func (g *Guard) client(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: g.dialer().DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, TLSHandshakeTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 16 << 10, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// address checks an address that is configured: https, or http to this machine
// alone, and nothing in it that belongs elsewhere.
func address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return nil, errors.New("an address of letters is not a plain URL")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || err != nil || !ip.IsLoopback()) {
		return nil, errors.New("an address of letters is not https")
	}
	return u, nil
}

// do makes a request once. Where there is no answer it says whether the request
// may have arrived.
func do(client *http.Client, r *http.Request) (*http.Response, error) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	res, err := client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return nil, unanswered(err, connected.Load())
	}
	return res, nil
}

// unanswered says in one word why there was no answer.
func unanswered(err error, sent bool) *Undelivered {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var slow net.Error
	late := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
	switch {
	case errors.Is(err, errBlocked):
		return &Undelivered{letterBlocked}
	case errors.As(err, &certificate), errors.As(err, &record):
		return &Undelivered{letterUntrusted}
	case !sent:
		return &Undelivered{letterUnreachable}
	case late:
		return &Undelivered{letterTimeout}
	}
	return &Undelivered{letterCut}
}
