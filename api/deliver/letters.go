package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"custos/api/cpis"
	"custos/ledger"
)

// Growing is a node that says when there may be something to send.
type Growing interface {
	Node
	// Grown is closed when this node's ledger is another one than when it was asked.
	Grown() <-chan struct{}
}

// Letter is what a carrier is given: references, and nothing of a person. It is
// the same each time that the letter is sent.
type Letter struct {
	ID        string // by which its receiver knows that it had it before
	Source    string // the log's origin
	Authority string
	At        ledger.Time // of its first attempt
	Again     bool        // it may have been sent before
	Trial     bool        // somebody tries the way: it tells of no notification
	Of        []Reference
}

// Reference is one notification of a letter.
type Reference struct {
	ID       ledger.Seq
	Type     ledger.NotificationType
	QueuedAt ledger.Time
}

// Carrier takes letters to their receiver. Carry returns nil where that has
// accepted one, and an [*Undelivered] where it is not known to have.
type Carrier interface {
	Carry(ctx context.Context, l *Letter) error
}

// Undelivered says in one word why a letter is not known to have arrived. Nothing
// that a receiver wrote is in it.
type Undelivered struct{ Code string }

// Error returns the code.
func (u *Undelivered) Error() string { return "not known to have arrived: " + u.Code }

// Codes of letters, as they are recorded. Those that begin with unknown- say that
// it may have arrived; all others, that it did not.
const (
	letterUnreachable = "unreachable"         // no connection
	letterBlocked     = "address-not-allowed" // a private address, which nobody has allowed
	letterUntrusted   = "untrusted"           // TLS: the certificate is not accepted, or there is none
	letterRedirected  = "redirected"          // redirects are not followed
	letterTimeout     = "unknown-timeout"     // it was sent, and no answer came
	letterCut         = "unknown-cut"         // it was sent, and the connection ended
	letterNotMade     = "not-made"            // it could not be written
)

// Address is where an authority's letters go by one way.
type Address struct {
	Authority string
	Way       ledger.Way
	Carrier   Carrier
}

// LettersConfig is what sending letters is made of.
type LettersConfig struct {
	Node      Growing
	NodeID    string
	Addresses []Address

	First  time.Duration // the pause after a first failure is anything up to this; 5s
	Pause  time.Duration // no pause is longer; 1h
	GiveUp time.Duration // how long a letter is tried; 72h
	Gather time.Duration // how long a notification waits for others that come at once; 200ms
	Limit  time.Duration // how long one attempt may take; 20s
	Look   time.Duration // between two looks at what waits; 15s
	Alarm  time.Duration // an error is logged of what has waited longer; 15m

	Logger *slog.Logger
	Now    func() time.Time // the ledger's clock; nil: time.Now
}

func (c *LettersConfig) check() error {
	if c.Node == nil || c.NodeID == "" {
		return errors.New("letters need a node and its name")
	}
	seen := map[string]bool{}
	for _, a := range c.Addresses {
		if a.Carrier == nil || !cpis.ValidCode(a.Authority) {
			return errors.New("an address of letters has no carrier, or its authority's code is not three to ten capital letters and digits")
		}
		if _, ok := ledger.ParseWay(a.Way.String()); !ok || seen[a.Authority+a.Way.String()] {
			return fmt.Errorf("authority %s: an address by no way of letters, or a second one by the same", a.Authority)
		}
		seen[a.Authority+a.Way.String()] = true
	}
	for _, d := range []struct {
		d    *time.Duration
		with time.Duration
	}{{&c.First, 5 * time.Second}, {&c.Pause, time.Hour}, {&c.GiveUp, 72 * time.Hour}, {&c.Gather, 200 * time.Millisecond},
		{&c.Limit, 20 * time.Second}, {&c.Look, 15 * time.Second}, {&c.Alarm, 15 * time.Minute}} {
		if *d.d < 0 {
			return errors.New("a time of letters is negative")
		}
		fill(d.d, d.with)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// Letters sends letters while its node leads.
type Letters struct {
	cfg   LettersConfig
	stats *letterStatistics
	told  map[string]time.Time // when the log was last told of an address that takes nothing
}

// NewLetters checks the configuration. Nothing is sent before [Letters.Run].
func NewLetters(cfg LettersConfig) (*Letters, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Letters{cfg: cfg, stats: newLetterStatistics(), told: map[string]time.Time{}}, nil
}

// Collectors are the metrics.
func (l *Letters) Collectors() []prometheus.Collector { return l.stats.all() }

// Run sends letters until ctx ends, whenever this node leads.
func (l *Letters) Run(ctx context.Context) { whileLeading(ctx, l.cfg.Node, l.stats.idle, l.lead) }

// lead serves every address by itself: one that is slow keeps no other waiting.
// What a leader finds waiting it has not tried to send yet, so it watches once each
// address was tried, or where one keeps it waiting, a look later.
func (l *Letters) lead(ctx context.Context) {
	var all, first sync.WaitGroup
	for i := range l.cfg.Addresses {
		first.Add(1)
		all.Go(func() {
			tried := sync.OnceFunc(first.Done)
			defer tried()
			l.serve(ctx, &l.cfg.Addresses[i], tried)
		})
	}
	tried := make(chan struct{})
	all.Go(func() {
		first.Wait()
		close(tried)
	})
	all.Go(func() { watchAfter(ctx, tried, l.cfg.Look, l.watch) })
	all.Wait()
}

// serve sends what is due at one address, when something was recorded and when a
// pause is over. It says when it has tried what was due at first.
func (l *Letters) serve(ctx context.Context, a *Address, tried func()) {
	for ctx.Err() == nil {
		grown := l.cfg.Node.Grown()
		wait, err := l.pass(ctx, a)
		tried()
		if err != nil && ctx.Err() == nil {
			l.cfg.Logger.Warn("letters go on later", "authority", a.Authority, "way", a.Way.String(), "error", err)
			wait = time.Second
			grown = nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-grown:
			select { // others may come at once, and then go with it
			case <-ctx.Done():
			case <-time.After(l.cfg.Gather):
			}
		}
	}
}

// Try sends a trial to an address, now, whoever leads. entry is the record of
// somebody having asked for it.
func (l *Letters) Try(ctx context.Context, authority string, way ledger.Way, entry ledger.Seq) error {
	for i := range l.cfg.Addresses {
		a := &l.cfg.Addresses[i]
		if a.Authority != authority || a.Way != way {
			continue
		}
		log, err := l.cfg.Node.View().Log()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, l.cfg.Limit)
		defer cancel()
		return a.Carrier.Carry(ctx, &Letter{ID: letterID(log.ID, "trial", entry), Source: log.Origin, Authority: authority, At: ledger.Of(l.cfg.Now()), Trial: true})
	}
	return ErrNoAddress
}

// ErrNoAddress is returned of a trial where an authority has no address by a way.
var ErrNoAddress = errors.New("the authority has no address by this way")

// letterID is what a letter's receiver knows it by: the same on every node and
// each time, and no other log's.
func letterID(log ledger.ID, what string, n ledger.Seq) string {
	return fmt.Sprintf("%s-%d-%s", what, n, derived(what, log, n))
}
