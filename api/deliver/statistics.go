package deliver

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"custos/api/mesh"
)

// statistics are the metrics of delivery. They have no labels that name an
// organisation; the log does, where one must be looked after.
type statistics struct {
	queued   prometheus.Gauge
	oldest   prometheus.Gauge
	attempts prometheus.Counter
	repeats  prometheus.Counter
	failures prometheus.Counter
	unknown  prometheus.Counter
	received prometheus.Counter
	left     prometheus.Gauge
}

func newStatistics() *statistics {
	return &statistics{
		queued: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "custos_delivery_queued", Help: "Notifications that are not yet in a mailbox, of authorities that have one; 0 but on the leader."}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "custos_delivery_oldest_seconds", Help: "How long the oldest of them has waited."}),
		attempts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_delivery_attempts_total", Help: "Batches that were opened to be sent."}),
		repeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_delivery_repeats_total", Help: "Batches that were opened again, because MESH did not have them."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_delivery_failures_total", Help: "Batches that did not arrive, or were not collected."}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_delivery_unknown_total", Help: "Sendings of which nobody knew whether they arrived; found out later."}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_mesh_received_total", Help: "Messages of the inbox that were handled and acknowledged."}),
		left: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "custos_mesh_left", Help: "Messages that the newest pass could not handle."}),
	}
}

func (s *statistics) all() []prometheus.Collector {
	return []prometheus.Collector{s.queued, s.oldest, s.attempts, s.repeats, s.failures, s.unknown, s.received, s.left}
}

// idle is what a node shows that does not lead.
func (s *statistics) idle() {
	s.queued.Set(0)
	s.oldest.Set(0)
	s.left.Set(0)
}

// watch measures what waits, and tells the log of what has waited too long, once
// an hour for each authority.
func (s *Service) watch() {
	view := s.cfg.Node.View()
	total, longest := 0, time.Duration(0)
	for _, a := range s.cfg.authorities() {
		count, age := 0, time.Duration(0)
		for _, t := range types {
			n, oldest, err := s.waits(view, a, t)
			if err != nil {
				s.failed("looking at what waits", err)
				return
			}
			if count += n; n > 0 {
				age = max(age, s.since(oldest))
			}
		}
		total, longest = total+count, max(longest, age)
		now := s.cfg.Now()
		if age > s.cfg.Alarm && now.Sub(s.told[a]) >= time.Hour {
			s.told[a] = now
			s.cfg.Logger.Error("notifications do not reach an authority", "alarm", "delivery", "authority", a, "waiting", count, "oldest", age.Round(time.Second).String())
		}
	}
	s.stats.queued.Set(float64(total))
	s.stats.oldest.Set(longest.Seconds())
}

// polled is told of each look at the inbox.
func (s *Service) polled(p mesh.Pass, err error) {
	s.stats.received.Add(float64(p.Handled))
	s.stats.left.Set(float64(len(p.Failures) + p.Waiting + p.Left))
	for i := range p.Failures {
		f := &p.Failures[i]
		s.cfg.Logger.Error("a message stays in the inbox", "alarm", "inbox", "message", f.MessageID, "permanent", f.Permanent, "error", f.Err)
	}
	if err != nil {
		s.cfg.Logger.Warn("MESH is out of reach", "error", err)
	}
}

// failed logs an error of our own.
func (s *Service) failed(doing string, err error) {
	if err != nil {
		s.cfg.Logger.Error("delivery cannot go on", "doing", doing, "error", err)
	}
}
