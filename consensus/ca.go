package consensus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

// peerServerName is the one DNS name in every node's certificate. The standard verification then needs no
// exception, and the node's identity is checked from its URI on top of it.
const peerServerName = "node.custos.internal"

// CA issues certificates to the nodes of one cluster, and to nothing else: whoever holds a certificate of it
// may speak Raft. Both fields are PEM; Key is secret and belongs on no node.
type CA struct {
	Cert, Key []byte
}

// Credentials is what one node needs to speak to the others, all PEM. Key is secret.
type Credentials struct {
	CA, Cert, Key []byte
}

// MakeCA makes a certificate authority that is valid for the given time from an hour before now (clocks differ).
func MakeCA(now time.Time, valid time.Duration) (CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return CA{}, fmt.Errorf("make the cluster's CA: %w", err)
	}
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Custos cluster CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(valid),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:                    x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{peerServerName},
	}
	cert, keyPEM, err := sign(t, nil, key, key)
	if err != nil {
		return CA{}, fmt.Errorf("make the cluster's CA: %w", err)
	}
	return CA{Cert: cert, Key: keyPEM}, nil
}

// IssueNode makes a key and a certificate for one node, for both ends of a connection.
func (ca CA) IssueNode(id Identity, now time.Time, valid time.Duration) (Credentials, error) {
	if err := id.Check(); err != nil {
		return Credentials{}, fmt.Errorf("issue a node's certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(ca.Cert, ca.Key)
	if err != nil {
		return Credentials{}, fmt.Errorf("issue a node's certificate: CA: %w", err)
	}
	caKey, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return Credentials{}, errors.New("issue a node's certificate: the CA's key is of another kind")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credentials{}, fmt.Errorf("issue a node's certificate: %w", err)
	}
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: id.Node},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(valid),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:              []string{peerServerName},
		URIs:                  []*url.URL{id.URI()},
	}
	cert, keyPEM, err := sign(t, pair.Leaf, key, caKey)
	if err != nil {
		return Credentials{}, fmt.Errorf("issue a node's certificate: %w", err)
	}
	return Credentials{CA: ca.Cert, Cert: cert, Key: keyPEM}, nil
}

// sign completes t, signs it (by itself if parent is nil) and returns certificate and key as PEM.
func sign(t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (cert, keyPEM []byte, err error) {
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent = t
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// The protocols that share one port. A version goes up when the bytes that follow change.
const (
	alpnRaft    = "custos-raft/1"
	alpnForward = "custos-forward/1"
)

// config builds the TLS settings of both ends: TLS 1.3, both sides show a certificate of the cluster's own CA.
func (c Credentials) config() (*tls.Config, Identity, error) {
	pair, err := tls.X509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, Identity{}, fmt.Errorf("node certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.CA) {
		return nil, Identity{}, errors.New("node certificate: no CA certificate")
	}
	id, err := certIdentity(pair.Leaf)
	if err != nil {
		return nil, Identity{}, fmt.Errorf("node certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ServerName:   peerServerName,
		NextProtos:   []string{alpnRaft, alpnForward},
		// A resumed session would not look at the certificate again, which may have expired meanwhile.
		SessionTicketsDisabled: true,
	}, id, nil
}
