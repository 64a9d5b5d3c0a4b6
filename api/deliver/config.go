package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"custos/api/cpis"
	"custos/api/mesh"
	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// Node is what delivery knows of the cluster: its edge's Node, and less of it.
type Node interface {
	Propose(ctx context.Context, c ledger.Command) (consensus.Outcome, error)
	View() projection.View
	Ready() bool
	Status() consensus.Status
}

// Load loads a CP-IS message 01 of an authority and writes message 02 to answer.
// A file that came before must have the same answer. An error means that there
// is no answer: for now, or for good if it is [mesh.Permanent].
type Load func(ctx context.Context, authority, mailbox string, file io.Reader, answer io.Writer) error

// Config is what delivery is made of.
type Config struct {
	Node    Node
	NodeID  string
	Keyring *ledger.Keyring
	MESH    *mesh.Client
	Load    Load

	// Mailboxes has the MESH mailbox of each authority, by its code. Authorities
	// that are not in it are neither sent anything nor listened to.
	Mailboxes map[string]string

	// Service is who a message says has asked where the one who did must not be
	// told, and its accredited system id of twelve digits.
	Service cpis.Party
	System  string

	Every  time.Duration // between two batches of one authority; 15m
	Settle time.Duration // how long an attempt rests before MESH is asked about it; 1m
	Look   time.Duration // between two looks at what waits; 1m, and not longer than Every
	Alarm  time.Duration // an error is logged of what has waited longer; 1h, and not shorter than twice Every

	Logger *slog.Logger
	Now    func() time.Time // the ledger's clock; nil: time.Now
}

// Pauses between attempts at what failed grow up to this.
const longestPause = 24 * time.Hour

func (c *Config) check() error {
	if c.Node == nil || c.Keyring == nil || c.MESH == nil || c.Load == nil || c.NodeID == "" {
		return errors.New("delivery needs a node, its name, a keyring, a client of MESH and an upload engine")
	}
	w := c.MESH.Workflows()
	if w.Upload == "" || w.Acknowledgement == "" || w.AccessNotification == "" || w.InactiveNumber == "" {
		return errors.New("delivery needs the four workflow ids")
	}
	seen := map[string]bool{}
	for _, a := range c.authorities() {
		if !cpis.ValidCode(a) {
			return errors.New("an authority's code is not three to ten capital letters and digits")
		}
		if seen[c.Mailboxes[a]] || c.Mailboxes[a] == "" {
			return fmt.Errorf("authority %s has no mailbox of its own", a)
		}
		seen[c.Mailboxes[a]] = true
	}
	// A message with everything that configuration gives must be one.
	n := cpis.Notification{Time: cpis.TimestampOf(time.Unix(0, 0)), ID: cpis.UUID(ledger.ID{}), Recipient: c.Service, Accesses: []cpis.Access{{UploadFile: "1",
		Asked: []cpis.Asked{{Time: cpis.TimestampOf(time.Unix(0, 0)), ID: cpis.UUID(ledger.ID{}), Author: c.service(), Person: cpis.Identity{LocalID: "1"}}}}}}
	if _, err := n.Append(nil); err != nil {
		return errors.New("delivery needs the service's organisation, and its accredited system id of twelve digits")
	}
	if c.Every < 0 || c.Settle < 0 || c.Look < 0 || c.Alarm < 0 {
		return errors.New("a time of delivery is negative")
	}
	fill(&c.Every, 15*time.Minute)
	fill(&c.Settle, time.Minute)
	fill(&c.Look, min(time.Minute, c.Every))
	fill(&c.Alarm, max(time.Hour, 2*c.Every))
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

func fill(d *time.Duration, with time.Duration) {
	if *d == 0 {
		*d = with
	}
}

// authorities are the configured ones, in order.
func (c *Config) authorities() []string { return slices.Sorted(maps.Keys(c.Mailboxes)) }

// authorityOf returns whose mailbox it is.
func (c *Config) authorityOf(mailbox string) (string, bool) {
	for a, m := range c.Mailboxes {
		if m == mailbox {
			return a, true
		}
	}
	return "", false
}

// service is the author where nobody is to be named.
func (c *Config) service() cpis.Author {
	return cpis.Author{System: &cpis.System{ID: c.System, Keeper: c.Service}}
}
