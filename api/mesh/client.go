package mesh

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Client speaks to MESH for one mailbox. It is safe for use by several
// goroutines at once.
type Client struct {
	c      Config
	base   *url.URL
	http   *http.Client
	signer *signer

	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	after func(time.Duration, func()) *time.Timer

	mu   sync.Mutex
	left map[string]time.Time // messages that were left for good, and when: see Poll
}

// New reads the files that c names and makes a client. Nothing is sent.
func New(c Config) (*Client, error) {
	c, base, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	password, err := readSecret("passwordFile", c.PasswordFile)
	if err != nil {
		return nil, err
	}
	key, err := readSecret("sharedKeyFile", c.SharedKeyFile)
	if err != nil {
		return nil, err
	}
	t, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	cl := &Client{c: c, base: base, now: time.Now, sleep: sleep, after: time.AfterFunc, left: map[string]time.Time{}}
	cl.signer = newSigner(c.Mailbox, password, key, func() time.Time { return cl.now() })
	cl.http = &http.Client{
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: t,
			// A connection that is used again may turn out to be dead, and net/http then
			// quietly sends a GET a second time: under a nonce that MESH has already seen.
			DisableKeepAlives:      true,
			DisableCompression:     true, // what is compressed is opened here, with a bound
			MaxResponseHeaderBytes: 64 << 10,
		},
		// MESH redirects nobody, and credentials are for MESH alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return cl, nil
}

// Workflows returns the configured workflow ids.
func (c *Client) Workflows() Workflows { return c.c.Workflows }

// Handshake validates the mailbox: MESH can be reached, takes our certificate
// and our header, and notes that the mailbox is alive. MESH wants it once in 24
// hours; [Client.Poll] does it.
func (c *Client) Handshake(ctx context.Context) error {
	a, err := c.do(ctx, &call{step: "handshake", method: http.MethodPost, header: c.aboutUs()})
	if err != nil {
		return err
	}
	a.close()
	return nil
}
