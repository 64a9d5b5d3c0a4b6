package witness

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// Witness is one witness as a log or an auditor knows it.
type Witness struct {
	Name     string // in the policy file; not its key's name
	URL      string // where add-checkpoint is asked, without a slash at the end; empty: nowhere
	Verifier note.Verifier
}

// Policy says which cosignatures a checkpoint needs: a C2SP policy file.
type Policy struct {
	Witnesses []Witness
	check     torchwood.Policy
}

// ErrPolicy marks a policy file that cannot be used.
var ErrPolicy = errors.New("not a usable policy of witnesses")

// ParsePolicy reads a policy file:
//
//	log <vkey>
//	witness <name> <vkey> [<url>]
//	group <name> <k|any|all> <name>...
//	quorum <name|none>
func ParsePolicy(b []byte) (Policy, error) {
	lines := strings.Split(string(b), "\n")
	for i, line := range lines { // torchwood panics on a line of a carriage return, as a file from Windows has them
		line, _, _ = strings.Cut(line, "#")
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	check, err := torchwood.ParsePolicy([]byte(strings.Join(lines, "\n")))
	if err != nil {
		return Policy{}, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	p := Policy{check: check}
	keys := map[uint32]bool{}
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "witness" {
			continue
		}
		v, err := torchwood.NewCosignatureVerifier(f[2])
		if err != nil {
			return Policy{}, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
		if keys[v.KeyHash()] {
			return Policy{}, fmt.Errorf("%w: two witnesses have one key", ErrPolicy)
		}
		keys[v.KeyHash()] = true
		w := Witness{Name: f[1], Verifier: v}
		if len(f) > 3 {
			u, err := url.Parse(f[3])
			if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
				return Policy{}, fmt.Errorf("%w: witness %s has no usable URL", ErrPolicy, w.Name)
			}
			w.URL = strings.TrimRight(f[3], "/")
		}
		p.Witnesses = append(p.Witnesses, w)
	}
	return p, nil
}

// Met returns nil if a signed checkpoint of that origin has the log's signature and the cosignatures that the policy
// asks for.
func (p Policy) Met(signed []byte, origin string) error {
	n, err := note.Open(signed, p.check)
	if err != nil {
		return fmt.Errorf("the policy is not met: %w", err)
	}
	if originOf(signed) != origin {
		return errors.New("the policy is not met: the checkpoint is of another log")
	}
	if err := p.check.Check(origin, n.Sigs); err != nil {
		return fmt.Errorf("the policy is not met: %w", err)
	}
	return nil
}

// Names returns an error unless the policy is of the log with this key.
func (p Policy) Names(log note.Verifier) error {
	v, err := p.check.Verifier(log.Name(), log.KeyHash())
	if err != nil || v == nil {
		return fmt.Errorf("%w: it does not name this log's key", ErrPolicy)
	}
	return nil
}
