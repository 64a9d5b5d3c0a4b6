package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/tools"
	"custos/tools/synthetic"
)

// A node whose file has a listener for arrivals looks up whoever a system that it knows by its certificate
// says has come, and hears nobody else; the arrival is in the ledger, and no number in clear with it.
func TestANodeHearsOfArrivals(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	var pair tls.Certificate
	authorities := x509.NewCertPool()
	var address string
	o := newOffice(t, func(c *Config) {
		b, err := os.ReadFile(c.PeerCert)
		require.NoError(t, err)
		leaf, _ := pem.Decode(b)
		mark := sha256.Sum256(leaf.Bytes)
		pair, err = tls.LoadX509KeyPair(c.PeerCert, c.PeerKey)
		require.NoError(t, err)
		b, err = os.ReadFile(c.PeerCA)
		require.NoError(t, err)
		require.True(t, authorities.AppendCertsFromPEM(b))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address = l.Addr().String()
		require.NoError(t, l.Close())
		c.MLLP = &MLLP{Listen: address, TLSCert: c.PeerCert, TLSKey: c.PeerKey, ClientCA: c.PeerCA, Senders: []MLLPSender{
			{Certificate: hex.EncodeToString(mark[:]), Organisation: synthetic.Emergency, System: "200000000115", Name: "Patient administration"}}}
	})
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	trusting := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities, ServerName: leaf.DNSNames[0]}
	tell := func(c *tls.Config, message string) (string, error) {
		line, err := tls.Dial("tcp", address, c)
		if err != nil {
			return "", err
		}
		defer func() { _ = line.Close() }()
		if _, err := line.Write([]byte("\x0b" + message + "\x1c\r")); err != nil {
			return "", err
		}
		return bufio.NewReader(line).ReadString('\x1c')
	}
	arrival := "MSH|^~\\&|PAS|RXX01|CUSTOS|X24|20260303141500||ADT^A04^ADT_A01|C-1|P|2.4\r" +
		"EVN|A04|20260303141459|||U55^Winterbourne^Willa^^^Sister\r" +
		"PID|1||" + o.known + "^^^NHS^NH||Nobody^Known||\rPV1|1|E|||||||||||||||||ENC-77120\r"
	_, err = tell(trusting, arrival)
	require.Error(t, err, "who shows no certificate is not heard")

	trusting.Certificates = []tls.Certificate{pair}
	answer, err := tell(trusting, arrival)
	require.NoError(t, err)
	require.Contains(t, answer, "MSA|AA|C-1")
	require.Contains(t, answer, "ZCP|1|found|")
	require.NotContains(t, answer, o.known)
	_, entry, _ := strings.Cut(answer, "ZCP|1|found|")
	entry, _, _ = strings.Cut(entry, "|")
	answer, err = tell(trusting, strings.Replace(arrival, "ADT^A04", "ADT^A08", 1))
	require.NoError(t, err)
	require.Contains(t, answer, "MSA|AR|C-1")

	o.stop()
	var out, errs bytes.Buffer
	require.Zero(t, tools.Main([]string{"trail", "--ref", o.ref, "--data", o.data, "-o", "json"}, &out, &errs), "%s", &errs)
	require.Regexp(t, `"seq": *`+entry+`\b`, out.String())
	require.NotContains(t, out.String(), o.known)
	require.NotContains(t, out.String(), "Winterbourne")
}

func TestMLLPIsConfiguredStrictly(t *testing.T) {
	mark := strings.Repeat("ab", 32)
	secured := func(senders ...MLLPSender) MLLP {
		return MLLP{Listen: "0.0.0.0:2575", TLSCert: "c", TLSKey: "k", ClientCA: "ca", Senders: senders}
	}
	sender := func(change func(*MLLPSender)) MLLPSender {
		s := MLLPSender{Certificate: mark, Organisation: "RXX01", System: "200000000115", Name: "PAS"}
		if change != nil {
			change(&s)
		}
		return s
	}
	bare := sender(func(s *MLLPSender) { s.Certificate = "" })
	for name, c := range map[string]struct {
		m  MLLP
		ok bool
	}{
		"with TLS":                    {secured(sender(nil)), true},
		"on loopback":                 {MLLP{Listen: "127.0.0.1:2575", Senders: []MLLPSender{bare}}, true},
		"without TLS, everywhere":     {MLLP{Listen: "0.0.0.0:2575", Senders: []MLLPSender{bare}}, false},
		"without TLS, two senders":    {MLLP{Listen: "127.0.0.1:2575", Senders: []MLLPSender{bare, bare}}, false},
		"without TLS, a certificate":  {MLLP{Listen: "127.0.0.1:2575", Senders: []MLLPSender{sender(nil)}}, false},
		"nobody":                      {secured(), false},
		"no authority":                {MLLP{Listen: "0.0.0.0:2575", TLSCert: "c", TLSKey: "k", Senders: []MLLPSender{sender(nil)}}, false},
		"with TLS, no certificate":    {secured(bare), false},
		"half a certificate":          {secured(sender(func(s *MLLPSender) { s.Certificate = mark[:32] })), false},
		"no hexadecimal certificate":  {secured(sender(func(s *MLLPSender) { s.Certificate = mark[:62] + "zz" })), false},
		"one certificate twice":       {secured(sender(nil), sender(func(s *MLLPSender) { s.System = "other" })), false},
		"no organisation":             {secured(sender(func(s *MLLPSender) { s.Organisation = "" })), false},
		"a role that may not look up": {secured(sender(func(s *MLLPSender) { s.Role = "auditor" })), false},
		"scheduled":                   {secured(sender(func(s *MLLPSender) { s.Role = "scheduled-clinician" })), true},
	} {
		_, err := c.m.senders()
		require.Equal(t, c.ok, err == nil, "%s: %v", name, err)
	}
	got, err := (&MLLP{Listen: "127.0.0.1:2575", Senders: []MLLPSender{bare}}).senders()
	require.NoError(t, err)
	require.Equal(t, "clinician", got[0].Role)
	_, err = (&MLLP{TLSCert: "nowhere", TLSKey: "nowhere"}).tls()
	require.Error(t, err)
}
