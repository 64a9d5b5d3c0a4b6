package deliver

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"custos/ledger"
)

// letterStatistics are the metrics of letters. They have no labels that name an
// organisation; the log does, where one must be looked after.
type letterStatistics struct {
	waiting   prometheus.Gauge
	oldest    prometheus.Gauge
	dead      prometheus.Gauge
	attempts  prometheus.Counter
	delivered prometheus.Counter
	failures  prometheus.Counter
	unknown   prometheus.Counter
}

func newLetterStatistics() *letterStatistics {
	return &letterStatistics{
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "custos_letters_waiting", Help: "Notifications that no letter is known to have brought, by address; 0 but on the leader."}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "custos_letters_oldest_seconds", Help: "How long the oldest of them has waited."}),
		dead: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "custos_letters_dead", Help: "Letters that were given up and not asked for again."}),
		attempts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_letters_attempts_total", Help: "Attempts at letters that were recorded."}),
		delivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_letters_delivered_total", Help: "Letters that their receivers have accepted."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_letters_failures_total", Help: "Attempts that did not arrive."}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_letters_unknown_total", Help: "Attempts of which nobody knows whether they arrived; they are made again."}),
	}
}

func (s *letterStatistics) all() []prometheus.Collector {
	return []prometheus.Collector{s.waiting, s.oldest, s.dead, s.attempts, s.delivered, s.failures, s.unknown}
}

// idle is what a node shows that does not lead.
func (s *letterStatistics) idle() {
	s.waiting.Set(0)
	s.oldest.Set(0)
	s.dead.Set(0)
}

func (s *letterStatistics) settled(q *ledger.SettleLetter) {
	switch {
	case q.Code == "":
		s.delivered.Inc()
	case strings.HasPrefix(q.Code, "unknown-"):
		s.unknown.Inc()
	default:
		s.failures.Inc()
	}
}

// watch measures what waits, and tells the log of an address where something has
// waited too long, once an hour.
func (l *Letters) watch() {
	total, longest := 0, time.Duration(0)
	for i := range l.cfg.Addresses {
		a := &l.cfg.Addresses[i]
		n, since, err := l.waits(a)
		if err != nil {
			l.cfg.Logger.Error("delivery cannot go on", "doing", "looking at letters", "error", err)
			return
		}
		if n == 0 {
			continue
		}
		age := -l.until(since, 0)
		total, longest = total+n, max(longest, age)
		name, now := a.Authority+" "+a.Way.String(), l.cfg.Now()
		if age > l.cfg.Alarm && now.Sub(l.told[name]) >= time.Hour {
			l.told[name] = now
			l.cfg.Logger.Error("letters do not reach an authority", "alarm", "letters", "authority", a.Authority, "way", a.Way.String(),
				"waiting", n, "oldest", age.Round(time.Second).String())
		}
	}
	dead, err := l.cfg.Node.View().DeadLetters(1000)
	if err != nil {
		l.cfg.Logger.Error("delivery cannot go on", "doing", "looking at letters", "error", err)
		return
	}
	l.stats.waiting.Set(float64(total))
	l.stats.oldest.Set(longest.Seconds())
	l.stats.dead.Set(float64(len(dead)))
}

// waits is how many notifications wait at an address, and since when.
func (l *Letters) waits(a *Address) (int, ledger.Time, error) {
	view := l.cfg.Node.View()
	box, err := view.Letterbox(a.Authority, a.Way)
	if err != nil {
		return 0, 0, err
	}
	unsent, err := view.Unsent(a.Authority, a.Way)
	if err != nil {
		return 0, 0, err
	}
	count, oldest := len(unsent), ledger.Of(l.cfg.Now())
	if count > 0 {
		oldest = min(oldest, unsent[0].Queued)
	}
	for _, n := range append([]ledger.Seq{box.Open}, box.Waiting...) {
		w, ok, err := view.Letter(n)
		if err != nil {
			return 0, 0, err
		}
		if ok {
			count, oldest = count+len(w.Notifications), min(oldest, w.At)
		}
	}
	return count, oldest, nil
}
