package signin

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	callTimeout = 10 * time.Second // of one call, its answer read whole
	answerMax   = 1 << 20
)

// NewClient is what identity providers are asked with: it follows no redirect, for each address that it may
// ask is configured or discovered, and what it reads and how long it waits are bounded.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    callTimeout,
			DisableKeepAlives:      true, // asked rarely: a connection kept is more often dead than useful
			MaxResponseHeaderBytes: 64 << 10,
		}},
	}
}

// bounded fails the read of an answer that goes on for too long.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := CheckAddress(r.URL.String()); err != nil {
		return nil, err // discovery may name any address: none in clear
	}
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &boundedBody{answer.Body, answerMax}
	}
	return answer, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errLong = errors.New("the answer is longer than 1 MiB")

func (b *boundedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 { // one more than allowed, to notice it
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errLong
	}
	return n, err
}

// CheckAddress wants an absolute HTTPS address without user or fragment; to this machine itself, where tests
// and relays are, HTTP will do.
func CheckAddress(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("not an absolute address without user and fragment")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return errors.New("not https")
	}
	return nil
}
