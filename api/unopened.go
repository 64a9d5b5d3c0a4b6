package api

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"custos/ledger"
)

// unopened is what of all authorities waits, as the operator's alarms want it:
// how much, and never whose.
type unopened struct {
	Unopened  int
	Climbed   int         // wait for somebody to acknowledge them, above where they began
	Exhausted int         // and have no rung left: the site was told
	Oldest    ledger.Time // how long the oldest that nobody opened has waited
}

// unopenedCount keeps it for a minute: reading it costs as much as the
// notifications of the last 90 days.
type unopenedCount struct {
	mu   sync.Mutex
	at   ledger.Time
	last *unopened
}

func (s *Server) unopened() (unopened, error) {
	c := &s.waiting
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.moment()
	if c.last != nil && now-c.at <= ledger.Minute && now >= c.at {
		return *c.last, nil
	}
	view := s.node.View()
	all, err := view.Organisations()
	if err != nil {
		return unopened{}, err
	}
	var out unopened
	for i := range all {
		if all[i].Sort != ledger.SortAuthority {
			continue
		}
		err := view.EachNotificationSince(all[i].Code, (now.Day() - figuresFor).Start(), func(n *ledger.Notification) {
			if !n.Waits() {
				return
			}
			if n.Escalated != 0 {
				out.Climbed++
			}
			if n.Rung == ledger.RungSite {
				out.Exhausted++
			}
			if n.Opened == 0 {
				out.Unopened++
				out.Oldest = max(out.Oldest, now-n.Queued)
			}
		})
		if err != nil {
			return unopened{}, err
		}
	}
	c.last, c.at = &out, now
	return out, nil
}

// watchUnopened makes the gauges of notifications that nobody takes on.
func (s *Server) watchUnopened() {
	for _, g := range []struct {
		name, help string
		of         func(unopened) float64
	}{
		{"unopened", "Notifications of the last 90 days that nobody has opened; -1 if it cannot be told.", func(u unopened) float64 { return float64(u.Unopened) }},
		{"escalated", "Of the last 90 days, those that climbed and are not acknowledged; -1 if it cannot be told.", func(u unopened) float64 { return float64(u.Climbed) }},
		{"exhausted", "Of them, those at the end of their ladder; -1 if it cannot be told.", func(u unopened) float64 { return float64(u.Exhausted) }},
		{"oldest_unopened_seconds", "How long the oldest of the last 90 days has waited to be opened; -1 if it cannot be told.", func(u unopened) float64 { return float64(u.Oldest / ledger.Second) }},
	} {
		s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "custos_notifications_" + g.name, Help: g.help}, func() float64 {
			u, err := s.unopened()
			if err != nil {
				return -1
			}
			return g.of(u)
		}))
	}
}
