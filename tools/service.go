package tools

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// tokenVariable is the environment variable that may hold a token. A token is
// never a flag: whoever lists processes would see it.
const tokenVariable = "CUSTOS_TOKEN"

// answerWithin is how long one answer may take to begin: a file of the whole
// nation is recorded within it, many times over.
const answerWithin = 30 * time.Minute

// serviceFlags say where a running node is, and as whom to ask it.
type serviceFlags struct{ url, tokenFile string }

func (f *serviceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "url", "", "the service: https://HOST[:PORT], or http:// on this machine")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "file that holds your token ($"+tokenVariable+" if there is none)")
}

// service is a running node and somebody who may ask it.
type service struct {
	url, token string
	http       *http.Client
}

// open checks the flags and reads the token, which appears in no error.
func (f *serviceFlags) open() (*service, error) {
	s, err := f.public()
	if err == nil {
		s.token, err = f.token()
	}
	return s, err
}

// public is the service for somebody without a token.
func (f *serviceFlags) public() (*service, error) {
	if err := required(map[string]string{"url": f.url}); err != nil {
		return nil, err
	}
	u, err := url.Parse(f.url)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, failf(ExitUsage, "--url is https://HOST[:PORT], and nothing after it")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, failf(ExitUsage, "--url begins with https://: only on this machine may a token and people's names travel without encryption")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerWithin
	return &service{url: u.Scheme + "://" + u.Host, http: &http.Client{Transport: transport,
		// Nothing here redirects, and a token goes nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (f *serviceFlags) token() (string, error) {
	from, text := "$"+tokenVariable, os.Getenv(tokenVariable)
	if f.tokenFile != "" {
		b, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return "", failing(ExitUnreadable, err)
		}
		from, text = f.tokenFile, string(b)
	}
	text = strings.TrimSpace(text)
	if text == "" && f.tokenFile == "" {
		return "", failf(ExitUsage, "missing --token-file, or $%s in the environment", tokenVariable)
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", failf(ExitUnreadable, "%s does not hold one token", from)
	}
	return text, nil
}

// refusal is an answer that is not the one that was asked for.
type refusal struct {
	status              int
	code, title, detail string
	pointer             string        // into a JSON body: names of ours, and indexes
	after               time.Duration // Retry-After
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("the service answered %d %s", r.status, r.code)
	for _, more := range []string{r.title, r.detail} {
		if more != "" {
			text += ": " + strings.TrimSuffix(more, ".")
		}
	}
	if r.pointer != "" {
		text += ", at " + r.pointer
	}
	return text
}

// brief makes what somebody else wrote fit for a terminal.
func brief(s string) string {
	if len(s) > 400 {
		s = s[:400]
	}
	return strings.ToValidUTF8(strings.Map(visible, s), "\ufffd")
}

// do sends a request with the token. An answer that is none has its cause
// without the request's URL, and ExitNoServer.
func (s *service) do(ctx context.Context, method, path string, header http.Header, body io.Reader, length int64) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return nil, failf(ExitUsage, "--url is not a URL")
	}
	if header != nil {
		q.Header = header.Clone()
	}
	q.ContentLength = length
	if s.token != "" {
		q.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(q)
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	if err != nil {
		return nil, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	return res, nil
}

// get reads one resource; its error has the exit code that the answer means.
func (s *service) get(ctx context.Context, path string) ([]byte, error) {
	res, err := s.do(ctx, http.MethodGet, path, nil, nil, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // only read
	if res.StatusCode != http.StatusOK {
		return nil, refused(res)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	if err != nil {
		return nil, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	return b, nil
}

// refused reads a problem document (RFC 9457), with the exit code that it means.
func refused(res *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what did not come is not shown
	r := &refusal{status: res.StatusCode, code: problemCode(body)}
	var p struct{ Title, Detail, Pointer string }
	if json.Unmarshal(bytes.TrimSpace(body), &p) == nil {
		r.title, r.detail, r.pointer = brief(p.Title), brief(p.Detail), brief(p.Pointer)
	}
	r.after = retryAfter(res)
	return failing(exitOf(res.StatusCode), r)
}

// retryAfter is zero unless the answer says a number of seconds.
func retryAfter(res *http.Response) time.Duration {
	after, err := time.ParseDuration(res.Header.Get("Retry-After") + "s")
	if err != nil {
		return 0
	}
	return after
}

// unreached reports that no connection was made, so that nothing was sent.
func unreached(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// untrusted reports an answer that no repetition makes better: whoever answers
// is not who was asked.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &plain) || errors.Is(err, http.ErrSchemeMismatch)
}
