package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"custos/consensus"
)

// witnessBody is what /statusz says of the witnesses. It holds sizes and names
// from the policy file, and nothing of anybody.
type witnessBody struct {
	Size       int64         `json:"size"` // entries of the newest checkpoint with the policy's cosignatures
	LagEntries int64         `json:"lagEntries"`
	LagSeconds int64         `json:"lagSeconds"`
	Alarm      bool          `json:"alarm"`
	Each       []witnessSeen `json:"each"`
}

type witnessSeen struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	Agreed  bool   `json:"agreed"`
	Seen    string `json:"seen,omitempty"`
	Trouble string `json:"trouble,omitempty"`
}

func witnesses(s consensus.Status) *witnessBody {
	if s.Witness == nil {
		return nil
	}
	b := &witnessBody{Size: s.Witness.Size, LagEntries: s.Witness.Lag, LagSeconds: int64(s.Witness.Since.Seconds()), Alarm: s.Witness.Alarm}
	for _, x := range s.Witness.Each {
		out := witnessSeen{Name: x.Name, Size: x.Size, Agreed: x.Agreed, Trouble: x.Trouble}
		if !x.Seen.IsZero() {
			out.Seen = x.Seen.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		}
		b.Each = append(b.Each, out)
	}
	return b
}

// watchWitnesses makes the gauges, where there are witnesses.
func (s *Server) watchWitnesses() {
	if s.node.Status().Witness == nil {
		return
	}
	gauge := func(name, help string, value func(*witnessBody) float64) {
		s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return value(witnesses(s.node.Status())) }))
	}
	gauge("custos_witness_lag_entries", "Entries that the log has signed and its witnesses have not.",
		func(b *witnessBody) float64 { return float64(b.LagEntries) })
	gauge("custos_witness_lag_seconds", "For how long there have been such entries.",
		func(b *witnessBody) float64 { return float64(b.LagSeconds) })
	gauge("custos_witness_alarm", "1 if that is too long, a witness contradicts, or the node is read-only because of one.",
		func(b *witnessBody) float64 {
			if b.Alarm {
				return 1
			}
			return 0
		})
}
