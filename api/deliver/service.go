package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Service exchanges messages while its node leads.
type Service struct {
	cfg   Config
	stats *statistics
	begin int                  // the authority with which the next pass begins
	told  map[string]time.Time // when the log was last told of an authority whose notifications wait
}

// New checks the configuration. Nothing is sent before [Service.Run].
func New(cfg Config) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, stats: newStatistics(), told: make(map[string]time.Time)}, nil
}

// Collectors are the metrics.
func (s *Service) Collectors() []prometheus.Collector { return s.stats.all() }

// leads reports whether a node is the one that acts.
func leads(n Node) bool { return n.Ready() && n.Status().State == "Leader" }

// leadership is how often it is asked whether a node still leads.
const leadership = 250 * time.Millisecond

// Run exchanges messages until ctx ends, whenever this node leads.
func (s *Service) Run(ctx context.Context) { whileLeading(ctx, s.cfg.Node, s.stats.idle, s.lead) }

// whileLeading has a node act until it leads no more, whenever it does, until ctx
// ends. What it is about is then given up where it is, and the next leader finds
// out.
func whileLeading(ctx context.Context, n Node, idle func(), act func(context.Context)) {
	t := time.NewTicker(leadership)
	defer t.Stop()
	for {
		if leads(n) {
			within, end := context.WithCancel(ctx)
			var all sync.WaitGroup
			all.Go(func() { act(within) })
			for leads(n) && ctx.Err() == nil {
				select {
				case <-ctx.Done():
				case <-t.C:
				}
			}
			end()
			all.Wait()
		} else {
			idle()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// lead receives, sends and watches: also while MESH is slow. What a leader finds
// waiting it has not tried to send yet, however old it is, so it watches from the
// end of its first pass on, or where MESH keeps that one waiting, a look later.
func (s *Service) lead(ctx context.Context) {
	tried := make(chan struct{})
	first := sync.OnceFunc(func() { close(tried) })
	var all sync.WaitGroup
	all.Go(func() { _ = s.cfg.MESH.Poll(ctx, s.handle, s.polled) })
	all.Go(func() {
		repeat(ctx, s.cfg.Look, func(ctx context.Context) {
			s.pass(ctx)
			first()
		})
	})
	all.Go(func() { watchAfter(ctx, tried, s.cfg.Look, s.watch) })
	all.Wait()
}

// watchAfter watches at each look: once what waited was tried, and a look later
// where that takes longer.
func watchAfter(ctx context.Context, tried <-chan struct{}, every time.Duration, watch func()) {
	select {
	case <-tried:
	case <-ctx.Done():
		return
	case <-time.After(every):
	}
	repeat(ctx, every, func(context.Context) { watch() })
}

// repeat does something now and at each look, until ctx ends.
func repeat(ctx context.Context, every time.Duration, do func(context.Context)) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
