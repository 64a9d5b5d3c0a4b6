package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"os"

	"custos/api"
)

// MLLP says where systems tell of arrivals by HL7 version 2, and which may
// (docs/ARRIVALS.md). Without it there is no such listener.
type MLLP struct {
	Listen   string       `json:"listen"`             // host:port
	TLSCert  string       `json:"tlsCert,omitempty"`  // PEM files; without them it must be on loopback, with one sender
	TLSKey   string       `json:"tlsKey,omitempty"`   //
	ClientCA string       `json:"clientCA,omitempty"` // PEM: who issues the senders' certificates
	Senders  []MLLPSender `json:"senders"`
}

// MLLPSender is one system that may tell of arrivals.
type MLLPSender struct {
	Certificate  string `json:"certificate,omitempty"` // SHA-256 of its certificate in DER, 64 hexadecimal digits
	Organisation string `json:"organisation"`
	System       string `json:"system"`
	Name         string `json:"name"`
	Role         string `json:"role,omitempty"`        // clinician (the default) or scheduled-clinician
	Responsible  string `json:"responsible,omitempty"` // who answers for arrivals that name nobody
}

// paths are the paths that the file may give relative to itself.
func (m *MLLP) paths() []*string {
	if m == nil {
		return nil
	}
	return []*string{&m.TLSCert, &m.TLSKey, &m.ClientCA}
}

// senders reads who may tell of arrivals.
func (m *MLLP) senders() ([]api.Sender, error) {
	secured := m.TLSCert != ""
	switch {
	case len(m.Senders) == 0:
		return nil, misuse("mllp: no sender is configured")
	case secured != (m.TLSKey != "") || secured != (m.ClientCA != ""):
		return nil, misuse("mllp: tlsCert, tlsKey and clientCA go together")
	case !secured && (!loopback(m.Listen) || len(m.Senders) > 1):
		return nil, misuse("mllp: without tlsCert, tlsKey and clientCA the listener must be on loopback, for one sender")
	}
	var out []api.Sender
	seen := map[[32]byte]bool{}
	for _, d := range m.Senders {
		s := api.Sender{Organisation: d.Organisation, System: d.System, Name: d.Name, Role: d.Role, Responsible: d.Responsible}
		if s.Role == "" {
			s.Role = "clinician"
		}
		certificate, err := hex.DecodeString(d.Certificate)
		switch {
		case s.Organisation == "" || s.System == "" || s.Name == "":
			return nil, misuse("mllp: a sender has organisation, system and name")
		case s.Role != "clinician" && s.Role != "scheduled-clinician":
			return nil, misuse("mllp: a sender's role is clinician or scheduled-clinician")
		case err != nil || secured && len(certificate) != 32 || !secured && len(certificate) != 0:
			return nil, misuse("mllp: a sender's certificate is the SHA-256 of it, and there is none without TLS")
		}
		copy(s.Certificate[:], certificate)
		if seen[s.Certificate] {
			return nil, misuse("mllp: two senders have one certificate")
		}
		seen[s.Certificate] = true
		out = append(out, s)
	}
	return out, nil
}

// listenMLLP opens the listener for arrivals, if one is configured.
func (n *node) listenMLLP(ctx context.Context) error {
	m := n.cfg.MLLP
	if m == nil {
		return nil
	}
	senders, err := m.senders()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", m.Listen)
	if err != nil {
		return fmt.Errorf("open the listener for arrivals: %w", err)
	}
	if m.TLSCert != "" {
		secured, err := m.tls()
		if err != nil {
			return err
		}
		l = tls.NewListener(l, secured)
	}
	n.running.Go(func() {
		if err := n.edge.ServeArrivals(ctx, l, senders); err != nil {
			n.failed <- err
		}
	})
	return nil
}

func (m *MLLP) tls() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(m.TLSCert, m.TLSKey)
	if err != nil {
		return nil, misuse("mllp: %w", err)
	}
	b, err := os.ReadFile(m.ClientCA)
	if err != nil {
		return nil, misuse("mllp: clientCA: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(b) {
		return nil, misuse("mllp: clientCA holds no certificate")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authorities}, nil
}
