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

// leads reports whether this node is the one that acts.
func (s *Service) leads() bool { return s.cfg.Node.Ready() && s.cfg.Node.Status().State == "Leader" }

// leadership is how often it is asked whether this node still leads.
const leadership = 250 * time.Millisecond

// Run exchanges messages until ctx ends, whenever this node leads.
func (s *Service) Run(ctx context.Context) {
	t := time.NewTicker(leadership)
	defer t.Stop()
	for {
		if s.leads() {
			s.lead(ctx)
		} else {
			s.stats.idle()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// lead acts until this node leads no more. What it is about is then given up
// where it is, and the next leader finds out.
func (s *Service) lead(ctx context.Context) {
	ctx, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { _ = s.cfg.MESH.Poll(ctx, s.handle, s.polled) })
	all.Go(func() { s.repeat(ctx, s.pass) })
	all.Go(func() { s.repeat(ctx, func(context.Context) { s.watch() }) }) // also while MESH is slow
	t := time.NewTicker(leadership)
	defer t.Stop()
	for s.leads() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	end()
	all.Wait()
}

// repeat does something now and at each look, until ctx ends.
func (s *Service) repeat(ctx context.Context, do func(context.Context)) {
	t := time.NewTicker(s.cfg.Look)
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
