package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// statistics are the edge's metrics. Labels are bounded by code and say
// nothing of a person or an organisation: the ledger is the audit.
type statistics struct {
	registry        *prometheus.Registry
	lookups         *prometheus.CounterVec
	refused         prometheus.Counter
	failed          prometheus.Counter
	unauthenticated prometheus.Counter
	busy            prometheus.Counter
	gaps            prometheus.Counter
	broken          prometheus.Counter
	streams         prometheus.Gauge
	cutOff          prometheus.Counter
}

// Register adds metrics of whatever works beside the edge.
func (s *Server) Register(all ...prometheus.Collector) error {
	for _, c := range all {
		if err := s.stats.registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func newStatistics() *statistics {
	s := &statistics{
		registry: prometheus.NewRegistry(),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "custos_lookups_total", Help: "Lookups recorded and answered, by outcome."}, []string{"outcome"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_refused_total", Help: "Requests that were decided and not granted."}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_unrecorded_total", Help: "Requests for which no record could be confirmed; nothing was disclosed."}),
		unauthenticated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_unauthenticated_total", Help: "Requests without a valid token."}),
		busy: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_busy_total", Help: "Requests sent away because too many were under way."}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_break_glass_total", Help: "Emergency accesses answered here."}),
		gaps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "custos_upload_gaps_total", Help: "Uploads taken here although numbers before theirs never came."}),
	}
	s.registry.MustRegister(s.lookups, s.refused, s.failed, s.unauthenticated, s.busy, s.gaps, s.broken,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.streams = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "custos_streams", Help: "Who listens to notifications at this node."})
	s.cutOff = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "custos_streams_cut_off_total", Help: "Listeners that read too slowly and were cut off; they come back with their last event."})
	s.registry.MustRegister(s.streams, s.cutOff)
	return s
}
