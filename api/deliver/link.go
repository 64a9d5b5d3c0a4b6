package deliver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// LinksConfig is what following sealed links is made of.
type LinksConfig struct {
	Node    Node
	NodeID  string
	Keyring *ledger.Keyring
	Look    time.Duration // between two looks at what is due; 1s
	Logger  *slog.Logger
	Now     func() time.Time // the ledger's clock; nil: time.Now
}

// Links follows, while its node leads, the enrolments that sources had sealed of
// people who have a plan now. Nobody is shown anything by it: what a committed
// outcome opened goes into the next command and nowhere else. If the leader dies
// between the two, the next one finds the same links due, opens them again, on the
// record, and follows them once: the first opening is void by then.
type Links struct {
	cfg                LinksConfig
	due                prometheus.Gauge
	followed, released prometheus.Counter
}

// NewLinks checks the configuration. Nothing is opened before [Links.Run].
func NewLinks(cfg LinksConfig) (*Links, error) {
	if cfg.Node == nil || cfg.NodeID == "" || cfg.Keyring == nil || cfg.Look < 0 {
		return nil, errors.New("following links needs a node, its name and a keyring")
	}
	fill(&cfg.Look, time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Links{cfg: cfg,
		due: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "custos_links_due", Help: "Sealed links of people who have a visible plan, by person and source, that were not followed in the last look; 0 but on the leader."}),
		followed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_links_followed_total", Help: "Times that a source's links of a person were followed."}),
		released: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_links_released_total", Help: "Times that they were not, for policy or because they do not open; the source is asked again."}),
	}, nil
}

// Collectors are the metrics.
func (l *Links) Collectors() []prometheus.Collector {
	return []prometheus.Collector{l.due, l.followed, l.released}
}

// Run follows links until ctx ends, whenever this node leads.
func (l *Links) Run(ctx context.Context) {
	whileLeading(ctx, l.cfg.Node, func() { l.due.Set(0) }, func(ctx context.Context) { repeat(ctx, l.cfg.Look, l.pass) })
}

// mostLinks is how many are followed in one look: the rest in the next.
const mostLinks = 1 << 12

// pass looks once at all that is due. One person whose links fail keeps nobody
// else's waiting; where the node cannot record, all of them wait.
func (l *Links) pass(ctx context.Context) {
	view := l.cfg.Node.View()
	log, err := view.Log()
	if err != nil || log.Rules < 4 {
		return
	}
	today := max(ledger.Of(l.cfg.Now()), view.R.Head().Time).Day()
	due, err := view.DueLinks(today, mostLinks)
	failed := 0
	for i := range due {
		if ctx.Err() != nil {
			return
		}
		followed := l.follow(ctx, log.ID, &due[i], today)
		if followed == nil {
			continue
		}
		failed++
		err = followed
		var refusal *ledger.Refusal
		if !errors.As(followed, &refusal) {
			failed = len(due) - i
			break
		}
	}
	l.due.Set(float64(failed))
	if err != nil && ctx.Err() == nil {
		l.cfg.Logger.Warn("links are followed later", "links", failed, "error", err)
	}
}

// follow opens what one source has sealed of one person, and has it recorded.
func (l *Links) follow(ctx context.Context, log ledger.ID, at *projection.DueLinks, today ledger.Day) error {
	// The same of the same is the same command, whichever leader asks.
	id := ledger.DeriveID("open links", log[:], at.Person[:], []byte(at.Source), u64(at.Links.Newest), u64(at.Links.Opened))
	out, err := l.propose(ctx, id, &ledger.OpenLinks{Person: at.Person, Source: at.Source})
	if err != nil {
		return err
	}
	// Dying here leaves them opened, and due.
	if len(out.Answer.Details) == 0 { // policy lets nobody open them: they are let go
		l.released.Inc()
		return nil
	}
	kept, err := l.cfg.Node.View().KeepsAny(at.Person, at.Source)
	if err != nil {
		return err
	}
	q := &ledger.FollowLinks{Person: at.Person, Source: at.Source, Of: out.Answer.Seq}
	details := make([]ledger.LinkDetails, len(out.Answer.Details))
	for i, s := range out.Answer.Details {
		if err := l.cfg.Keyring.Open(s, &details[i]); err != nil {
			l.cfg.Logger.Error("a sealed link does not open", "entry", uint64(s.Seq), "error", err)
			q.Code = ledger.LinksUnreadable
		}
	}
	if q.Code == "" {
		q.Rows = ledger.LinkedRows(at.Person, details, kept, today)
	}
	if _, err := l.propose(ctx, ledger.DeriveID("follow links", log[:], u64(q.Of)), q); err != nil {
		return err
	}
	if q.Code != "" {
		l.released.Inc()
	} else {
		l.followed.Inc()
	}
	return nil
}

func (l *Links) propose(ctx context.Context, id ledger.ID, q ledger.Request) (*consensus.Outcome, error) {
	c := ledger.Command{ID: id, Actor: ledger.SystemActor(l.cfg.NodeID), Request: q, Bulk: true} // lookups go first
	if _, err := rand.Read(c.Seed[:]); err != nil {
		return nil, err
	}
	out, err := l.cfg.Node.Propose(ctx, c)
	if err != nil {
		return nil, err
	}
	if out.Answer.Refusal != nil {
		return nil, out.Answer.Refusal
	}
	return &out, nil
}

func u64(n ledger.Seq) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
