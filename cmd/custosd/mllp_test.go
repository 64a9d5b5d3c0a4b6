package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
