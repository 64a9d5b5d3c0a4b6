package api

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"custos/ledger"
	"custos/projection"
)

// unopenedAfter is how long a caseload may go unopened before its team leader
// is alarmed.
const unopenedAfter = 7 * 24 * ledger.Hour

// The alarms of a caseload.
const (
	alarmUnassigned = "unassigned" // it is nobody's today, and somebody with a visible plan is on it
	alarmUnopened   = "unopened"   // nobody has opened it for seven days
)

type caseloadItem struct {
	Place       ledger.Place     `json:"place"`
	Name        string           `json:"name"`
	ODS         string           `json:"ods"`                  // whose team leaders assign it
	Assignments []assignmentItem `json:"assignments,omitzero"` // nil where the caller is not shown whose it is
	Opened      string           `json:"lastOpened,omitempty"`
	Alarm       string           `json:"alarm,omitempty"`

	mine bool
}

type assignmentItem struct {
	Seq    ledger.Seq `json:"seq"`
	Person string     `json:"person,omitempty"`
	Team   string     `json:"team,omitempty"`
	From   string     `json:"from"`
	To     string     `json:"to,omitempty"`
	Type   string     `json:"type"`
	For    string     `json:"for,omitempty"`
}

// getCaseloads lists caseloads by place: a team leader those of the own
// organisation, a nurse or visitor the own ones, the operator every one without
// whose it is. Who is on them is not told, so it is no disclosure.
func (s *Server) getCaseloads(w http.ResponseWriter, _ *http.Request, who *Identity) error {
	role, _ := ledger.ParseRole(who.Role)
	org := who.Organisation
	if role == ledger.RoleOperator {
		org = ""
	}
	view := s.node.View()
	all, err := s.caseloads(view, org, s.moment(), ledger.Actor{Subject: who.Subject, Team: who.Team, Organisation: who.Organisation})
	if err != nil {
		return err
	}
	out, alarms := []caseloadItem{}, 0
	for i := range all {
		switch role {
		case ledger.RoleTeamLeader:
		case ledger.RoleOperator:
			all[i].Assignments = nil
		default:
			if !all[i].mine {
				continue
			}
		}
		if all[i].Alarm != "" {
			alarms++
		}
		out = append(out, all[i])
	}
	return sendJSON(w, struct {
		Caseloads []caseloadItem `json:"caseloads"`
		Alarms    int            `json:"alarms"`
		AsOf      ledger.Seq     `json:"asOf"`
	}{out, alarms, view.R.Head().Size})
}

func (s *Server) caseloads(view projection.View, org string, now ledger.Time, who ledger.Actor) ([]caseloadItem, error) {
	orgs, places, err := view.AssignedBy(org)
	if err != nil {
		return nil, err
	}
	out := make([]caseloadItem, 0, len(places))
	for i, at := range places {
		item, err := s.caseload(view, orgs[i], at, now, who)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

func (s *Server) caseload(view projection.View, org string, at ledger.Place, now ledger.Time, who ledger.Actor) (caseloadItem, error) {
	o, err := s.organisation(at.Code())
	if err != nil {
		return caseloadItem{}, err
	}
	item := caseloadItem{Place: at, Name: o.Name, ODS: org, Assignments: []assignmentItem{}}
	held, err := view.Assignments(at)
	if err != nil {
		return item, err
	}
	today := now.Day()
	var opened, begun ledger.Time
	live := false
	for i := range held {
		a := &held[i]
		if a.Org != org {
			continue
		}
		looked, err := view.Looked(a.Seq)
		if err != nil {
			return item, err
		}
		opened = max(opened, looked)
		if a.To != 0 && a.To < today {
			continue
		}
		kind := "own"
		if a.Cover {
			kind = "cover"
		}
		item.Assignments = append(item.Assignments, assignmentItem{a.Seq, a.Subject, a.Team, a.From.String(), a.To.String(), kind, a.For})
		if a.Live(today) {
			live = true
			begun = max(begun, a.From.Start())
			item.mine = item.mine || a.Holds(who, today)
		}
	}
	if opened != 0 {
		item.Opened = opened.String()
	}
	switch {
	case !live:
		anybody, err := view.AnyoneShown(at, today)
		if err != nil {
			return item, err
		}
		if anybody {
			item.Alarm = alarmUnassigned
		}
	case now-max(opened, begun) > unopenedAfter:
		item.Alarm = alarmUnopened
	}
	return item, nil
}

// caseloadAlarms keeps how many caseloads have an alarm for a minute: a place
// at a time is read for it, and there may be thousands.
type caseloadAlarms struct {
	mu     sync.Mutex
	at     ledger.Time
	counts map[string]int
}

func (s *Server) caseloadAlarm(kind string) float64 {
	c := &s.alarms
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.moment()
	if c.counts == nil || now-c.at > ledger.Minute || now < c.at {
		all, err := s.caseloads(s.node.View(), "", now, ledger.Actor{})
		if err != nil {
			return -1
		}
		c.counts, c.at = map[string]int{}, now
		for i := range all {
			c.counts[all[i].Alarm]++
		}
	}
	return float64(c.counts[kind])
}

// watchCaseloads makes the gauges of caseloads that a team leader must see to.
func (s *Server) watchCaseloads() {
	for _, g := range []struct{ kind, help string }{
		{alarmUnassigned, "Caseloads with somebody on them that are nobody's today; -1 if it cannot be told."},
		{alarmUnopened, "Caseloads that nobody has opened for seven days; -1 if it cannot be told."},
	} {
		s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "custos_caseloads_" + g.kind, Help: g.help},
			func() float64 { return s.caseloadAlarm(g.kind) }))
	}
}
