package deliver

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// smtpServer is a relay on this machine: as much of RFC 5321 as a relay needs.
type smtpServer struct {
	t        *testing.T
	l        net.Listener
	cert     tls.Certificate
	roots    *x509.CertPool
	noTLS    bool
	fail     map[string]string // command -> what is answered to it; "" ends the connection
	all      sync.WaitGroup
	mu       sync.Mutex
	messages []string
	lines    []string
}

func newSMTPServer(t *testing.T) *smtpServer {
	t.Helper()
	h := httptest.NewTLSServer(nil) // for its certificate
	defer h.Close()
	s := &smtpServer{t: t, cert: h.TLS.Certificates[0], roots: x509.NewCertPool(), fail: map[string]string{}}
	s.roots.AddCert(h.Certificate())
	var err error
	s.l, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.all.Go(func() {
		for {
			c, err := s.l.Accept()
			if err != nil {
				return
			}
			s.all.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = s.l.Close()
		s.all.Wait()
	})
	return s
}

func (s *smtpServer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	say("220 relay.test ESMTP")
	for secure := false; ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		command := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		if answer, ok := s.fail[command]; ok {
			if answer == "" {
				return
			}
			say(answer)
			continue
		}
		switch command {
		case "EHLO":
			say("250-relay.test")
			if !s.noTLS && !secure {
				say("250-STARTTLS")
			}
			if secure {
				say("250-AUTH PLAIN LOGIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go")
			t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12})
			if t.Handshake() != nil {
				return
			}
			c, in, secure = t, bufio.NewReader(t), true
		case "AUTH":
			say("235 yes")
		case "DATA":
			say("354 go")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			s.mu.Lock()
			s.messages = append(s.messages, text.String())
			s.mu.Unlock()
			if answer, ok := s.fail["."]; ok {
				if answer == "" {
					return
				}
				say(answer)
				continue
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func (s *smtpServer) relay() Relay {
	return Relay{Host: "127.0.0.1", Port: s.l.Addr().(*net.TCPAddr).Port, User: "custos", Password: "hunter22", From: "custos@relay.test",
		Hello: "custos.test", Roots: s.roots, Guard: thisMachine, Page: "https://custos.test"}
}

func (s *smtpServer) carrier(change func(*Relay)) *Email {
	r := s.relay()
	if change != nil {
		change(&r)
	}
	e, err := NewEmail(r, "duty@la.test")
	require.NoError(s.t, err)
	return e
}

var threeWait = &Letter{ID: "letter-7-abc", Source: origin, Authority: authority1, At: 1, Of: []Reference{{3, ledger.NotifyAccess, 1}, {4, ledger.NotifyCorrection, 1}, {5, ledger.NotifyAccess, 1}}}

func TestALetterByEmail(t *testing.T) {
	s := newSMTPServer(t)
	require.NoError(t, s.carrier(nil).Carry(t.Context(), threeWait))
	require.NoError(t, s.carrier(nil).Carry(t.Context(), &Letter{ID: "trial-1", Authority: authority1, Trial: true}))
	require.Len(t, s.messages, 2)
	m := s.messages[0]
	require.Contains(t, m, "Message-ID: <letter-7-abc@relay.test>\r\n", "the same each time")
	require.Contains(t, m, "Subject: Custos: 3 notifications are waiting\r\n")
	require.Contains(t, m, "To: <duty@la.test>\r\n")
	require.Contains(t, m, "Numbers: 3, 4, 5.")
	require.Contains(t, m, "https://custos.test")
	require.Contains(t, s.messages[1], "This is a trial")
	for i, line := range s.lines {
		if strings.HasPrefix(line, "AUTH") || strings.HasPrefix(line, "MAIL") {
			require.Contains(t, strings.Join(s.lines[:i], "\n"), "STARTTLS", "nothing is said before TLS")
		}
	}
}

// A relay that offers no TLS, or not its own, hears neither a password nor a
// letter; what it refuses has failed, and what it took without a word nobody knows.
func TestWhatARelayMayDo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*smtpServer, *Relay)
		code   string
		took   int
	}{
		"no STARTTLS":           {func(s *smtpServer, _ *Relay) { s.noTLS = true }, "untrusted", 0},
		"another's certificate": {func(_ *smtpServer, r *Relay) { r.Roots = x509.NewCertPool() }, "untrusted", 0},
		"a private address":     {func(_ *smtpServer, r *Relay) { r.Guard = &Guard{} }, "address-not-allowed", 0},
		"nobody there":          {func(s *smtpServer, _ *Relay) { _ = s.l.Close() }, "unreachable", 0},
		"recipient refused":     {func(s *smtpServer, _ *Relay) { s.fail["RCPT"] = "550 5.1.1 no such box" }, "smtp-550", 0},
		"refused at the end":    {func(s *smtpServer, _ *Relay) { s.fail["."] = "554 no" }, "smtp-554", 1},
		"not now":               {func(s *smtpServer, _ *Relay) { s.fail["MAIL"] = "451 later" }, "smtp-451", 0},
		"password refused":      {func(s *smtpServer, _ *Relay) { s.fail["AUTH"] = "535 no" }, "unreachable", 0},
		"dies before":           {func(s *smtpServer, _ *Relay) { s.fail["MAIL"] = "" }, "unreachable", 0},
		"takes it and dies":     {func(s *smtpServer, _ *Relay) { s.fail["."] = "" }, "unknown-cut", 1},
		"takes it and resets":   {func(s *smtpServer, _ *Relay) { s.fail["RSET"] = "421 gone" }, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSMTPServer(t)
			e := s.carrier(func(r *Relay) { c.change(s, r) })
			err := e.Carry(t.Context(), threeWait)
			if c.code == "" {
				require.NoError(t, err)
			} else {
				var why *Undelivered
				require.ErrorAs(t, err, &why)
				require.Equal(t, c.code, why.Code)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			require.Len(t, s.messages, c.took)
			if c.code == "untrusted" {
				require.NotContains(t, strings.Join(s.lines, "\n"), "AUTH")
			}
		})
	}
}

func TestEmailIsConfiguredStrictly(t *testing.T) {
	s := newSMTPServer(t)
	for name, change := range map[string]func(*Relay){
		"no host": func(r *Relay) { r.Host = "" }, "no port": func(r *Relay) { r.Port = 0 }, "no sender": func(r *Relay) { r.From = "" },
		"sender is no address": func(r *Relay) { r.From = "custos" },
	} {
		r := s.relay()
		change(&r)
		_, err := NewEmail(r, "duty@la.test")
		require.Error(t, err, name)
		require.NotContains(t, fmt.Sprint(err), r.Password)
	}
	_, err := NewEmail(s.relay(), "duty at la")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "duty")
}
