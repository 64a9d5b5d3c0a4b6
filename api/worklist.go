package api

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"custos/ledger"
	"custos/projection"
)

type worklistItem struct {
	Row      ledger.Seq `json:"id"` // the entry of the newest file that named it
	PlanType string     `json:"planType"`
	Reason   string     `json:"reason"`
	Message  string     `json:"message"`
	Since    string     `json:"since"`
	AgeHours int64      `json:"ageHours"`
	InForce  bool       `json:"inForce"`
	Raised   bool       `json:"raised"` // in force, and unseen by care for a day
	Twin     bool       `json:"possibleTwin,omitempty"`
}

type worklist struct {
	Authority named          `json:"authority"`
	Unmatched int            `json:"unmatched"`
	Raised    int            `json:"raised"`
	Rows      []worklistItem `json:"rows,omitempty"`
	Inactive  []inactiveTask `json:"inactiveNumbers,omitempty"`
}

// getUnmatched lists the rows that match nobody, and the plans in force under
// numbers that are no longer used: an authority its own, the operator how many
// each has. Nobody can be told from the list; whom the rows
// name is in the authority's holdings, whose reading is recorded.
func (s *Server) getUnmatched(w http.ResponseWriter, _ *http.Request, who *Identity) error {
	view := s.node.View()
	all, operator, err := authoritiesOf(view, who)
	if err != nil {
		return err
	}
	out := []worklist{}
	for i := range all {
		one := worklist{Authority: named{all[i].Code, all[i].Name}}
		if one.Rows, one.Unmatched, one.Raised, err = s.worklistOf(view, all[i].Code); err != nil {
			return err
		}
		if one.Inactive, err = s.inactiveTasks(view, all[i].Code); err != nil {
			return err
		}
		if operator {
			one.Rows = nil
		}
		out = append(out, one)
	}
	return sendJSON(w, struct {
		Authorities []worklist `json:"authorities"`
		AsOf        ledger.Seq `json:"asOf"`
	}{out, view.R.Head().Size})
}

func (s *Server) worklistOf(view projection.View, authority string) (rows []worklistItem, count, raised int, err error) {
	now := s.moment()
	err = view.EachStanding(authority, func(_ ledger.Item, st ledger.Standing) {
		item := worklistItem{Row: st.Seq, PlanType: st.Type.String(), Reason: st.Reason, Message: rowMessage(st.Reason), Since: st.Since.String(),
			AgeHours: int64((now - st.Since) / ledger.Hour), InForce: st.InForce(now.Day()), Raised: st.Raised(now), Twin: st.Twin}
		count++
		if item.Raised {
			raised++
		}
		rows = append(rows, item)
	})
	return rows, count, raised, err
}

// watchWorklists makes the gauge of plans in force that nobody in care can see.
func (s *Server) watchWorklists() {
	s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "custos_unmatched_raised", Help: "Plans in force that have matched nobody for 24 hours; -1 if it cannot be told."},
		func() float64 {
			view := s.node.View()
			all, err := view.Organisations()
			if err != nil {
				return -1
			}
			total := 0
			for i := range all {
				_, _, raised, err := s.worklistOf(view, all[i].Code)
				if err != nil {
					return -1
				}
				total += raised
			}
			return float64(total)
		}))
}
