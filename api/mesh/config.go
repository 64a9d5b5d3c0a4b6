package mesh

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"time"
)

// Config is what a [Client] needs. Secrets are named by file and never written
// here; a zero value takes the default given beside it.
type Config struct {
	URL     string `json:"url"`     // https://host, without a path; http to this machine alone
	Mailbox string `json:"mailbox"` // our mailbox id, upper case

	PasswordFile  string `json:"passwordFile"`  // the mailbox's password; a line end after it is dropped
	SharedKeyFile string `json:"sharedKeyFile"` // the environment's shared key, as given by NHS England

	// PEM files. Read at each connection, so that a renewed certificate needs no restart.
	CertificateFile string `json:"certificateFile"`
	KeyFile         string `json:"keyFile"`
	AuthorityFile   string `json:"authorityFile"` // whom to trust as MESH; empty: what the machine trusts

	Workflows Workflows `json:"workflows"`

	Every     Duration `json:"every"`     // between two looks at the inbox; 5m, and not less but on this machine
	ChunkSize int64    `json:"chunkSize"` // bytes before compression; 75 MiB, at most 99,000,000
	MaxSize   int64    `json:"maxSize"`   // largest message received, decompressed; 1 GiB
	Silence   Duration `json:"silence"`   // how long the other side may send nothing; 1m
	Limit     Duration `json:"limit"`     // how long one request may keep us waiting in all; 10m
	Attempts  int      `json:"attempts"`  // how often a request is made that may be made again; 5

	Version string `json:"-"` // of the program, for the User-Agent; "0"
}

// Workflows are the workflow ids by which CP-IS's four messages are told apart.
// NHS England gives them with a mailbox and does not publish them, so there are
// no defaults. By MESH's convention a reply's id is the request's followed by "_ACK".
type Workflows struct {
	Upload             string `json:"upload"`             // 01, from an authority
	Acknowledgement    string `json:"acknowledgement"`    // 02, to an authority
	AccessNotification string `json:"accessNotification"` // 05, to an authority
	InactiveNumber     string `json:"inactiveNumber"`     // 06, to an authority
}

// Duration is a time.Duration that reads and writes as text: "5m".
type Duration time.Duration

// UnmarshalText reads "1h5m".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return misconfigured("a duration is not of the form 1h5m10s")
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes "1h5m0s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

const (
	// biggestChunk keeps a chunk under MESH's 100 MB, also where gzip makes it longer.
	biggestChunk = 99_000_000
	// soonest is how often MESH wants to be polled at most.
	soonest = 5 * time.Minute
)

var (
	mailboxForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9_-]{0,99}$`)
	// MESH has no rule for workflow ids but their length; what is known of them has this form.
	workflowForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

func misconfigured(format string, a ...any) *Error {
	return &Error{Code: Misconfigured, Step: "configure", detail: fmt.Sprintf(format, a...)}
}

// withDefaults checks what is configured and fills in what is not. The errors
// name the field and never its value.
func (c Config) withDefaults() (Config, *url.URL, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return c, nil, misconfigured("url is not of the form https://host")
	}
	u.Path = ""
	local := thisMachine(u.Hostname())
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return c, nil, misconfigured("url is not https, and http is for this machine alone")
	case !mailboxForm.MatchString(c.Mailbox):
		return c, nil, misconfigured("mailbox is not upper-case letters, digits, hyphens and underscores")
	case (c.CertificateFile == "") != (c.KeyFile == ""):
		return c, nil, misconfigured("certificateFile and keyFile go together")
	case c.CertificateFile == "" && !local:
		return c, nil, misconfigured("MESH wants a client certificate: certificateFile and keyFile")
	}
	for name, id := range map[string]string{"upload": c.Workflows.Upload, "acknowledgement": c.Workflows.Acknowledgement,
		"accessNotification": c.Workflows.AccessNotification, "inactiveNumber": c.Workflows.InactiveNumber} {
		if id != "" && !workflowForm.MatchString(id) {
			return c, nil, misconfigured("workflows.%s is not a workflow id", name)
		}
	}
	fill(&c.Every, Duration(soonest))
	fill(&c.ChunkSize, 75<<20)
	fill(&c.MaxSize, 1<<30)
	fill(&c.Silence, Duration(time.Minute))
	fill(&c.Limit, Duration(10*time.Minute))
	fill(&c.Attempts, 5)
	fill(&c.Version, "0")
	switch {
	case c.Every < Duration(soonest) && !local:
		return c, nil, misconfigured("every is less than the five minutes that MESH asks for")
	case c.Every < 0 || c.Every > Duration(24*time.Hour):
		return c, nil, misconfigured("every is not within a day")
	case c.ChunkSize < 1 || c.ChunkSize > biggestChunk:
		return c, nil, misconfigured("chunkSize is not from 1 to %d", biggestChunk)
	case c.MaxSize < 1:
		return c, nil, misconfigured("maxSize is less than 1")
	case c.Silence < 0 || c.Limit < 0:
		return c, nil, misconfigured("silence and limit are not less than nothing")
	case c.Attempts < 1 || c.Attempts > 20:
		return c, nil, misconfigured("attempts is not from 1 to 20")
	case !headerText(c.Version, 50):
		return c, nil, misconfigured("the version is not plain text")
	}
	return c, u, nil
}

func fill[T comparable](v *T, def T) {
	var none T
	if *v == none {
		*v = def
	}
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// readSecret reads a file that nobody but its owner may read.
func readSecret(field, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &Error{Code: Misconfigured, Step: "configure", detail: field + " cannot be read", cause: err}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, misconfigured("%s can be read by others than its owner: chmod 600 it", field)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{Code: Misconfigured, Step: "configure", detail: field + " cannot be read", cause: err}
	}
	b = bytes.TrimRight(b, "\r\n")
	if len(b) == 0 {
		return nil, misconfigured("%s is empty", field)
	}
	return b, nil
}

// tlsConfig says whom we trust and who we are. The files are read once here, so
// that a mistake shows at start, and then at each connection.
func (c Config) tlsConfig() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.AuthorityFile != "" {
		b, err := os.ReadFile(c.AuthorityFile)
		if err != nil {
			return nil, &Error{Code: Misconfigured, Step: "configure", detail: "authorityFile cannot be read", cause: err}
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(b) {
			return nil, misconfigured("authorityFile holds no certificate")
		}
	}
	if c.CertificateFile != "" {
		if _, err := tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile); err != nil {
			return nil, misconfigured("certificateFile and keyFile are not a certificate and its key")
		}
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile)
			if err != nil { // half renewed: the request fails, is made again, and finds the files whole
				return nil, misconfigured("certificateFile and keyFile are not a certificate and its key")
			}
			return &pair, nil
		}
	}
	return t, nil
}
