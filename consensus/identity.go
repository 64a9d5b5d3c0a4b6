package consensus

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"custos/ledger"
)

// Identity is who a node is: its name within one log. A node's certificate carries it as its only URI,
// custos://<log id, 32 hexadecimal digits>/<node>.
type Identity struct {
	Log  ledger.ID
	Node string
}

// ErrPeer says that the other end of a connection is not the node it should be. It ends the connection.
var ErrPeer = errors.New("not a member of this log's cluster")

// nodeName keeps names printable in URLs, file names and log lines as they are.
var nodeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Check refuses a node name that is not 1 to 63 of a-z, 0-9 and '-', and a zero log id.
func (i Identity) Check() error {
	if !nodeName.MatchString(i.Node) {
		return errors.New("a node's name is 1 to 63 of a-z, 0-9 and -")
	}
	if i.Log.IsZero() {
		return errors.New("the log id is missing")
	}
	return nil
}

// URI is the identity as it stands in a certificate.
func (i Identity) URI() *url.URL {
	return &url.URL{Scheme: "custos", Host: i.Log.String(), Path: "/" + i.Node}
}

// certIdentity reads the identity from a certificate that the TLS handshake has verified. Exactly one URI is
// accepted: a certificate that names two nodes names none.
func certIdentity(c *x509.Certificate) (Identity, error) {
	if len(c.URIs) != 1 {
		return Identity{}, fmt.Errorf("%w: certificate has %d URIs", ErrPeer, len(c.URIs))
	}
	u := c.URIs[0]
	log, err := ledger.ParseID(u.Host)
	if err != nil || u.Path == "" {
		return Identity{}, fmt.Errorf("%w: certificate has another kind of URI", ErrPeer)
	}
	id := Identity{Log: log, Node: u.Path[1:]}
	if id.Check() != nil || *u != *id.URI() {
		return Identity{}, fmt.Errorf("%w: certificate has another kind of URI", ErrPeer)
	}
	return id, nil
}
