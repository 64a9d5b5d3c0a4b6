package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"custos/ledger"
	"custos/projection"
)

const (
	figuresFor = 90  // days that figures are of, unless others are asked for
	figuresMax = 366 // and at most
	smallCount = 5   // fewer than this are not told to whom they are not
	overdue    = 24 * ledger.Hour
	overdueLow = 7 * 24 * ledger.Hour // of a birth date that differs
)

// counted is how notifications of a period fare. They are counts and times, of
// nobody.
type counted struct {
	Queued       *int       `json:"queued"`
	Unread       *int       `json:"unread"`
	Overdue      *int       `json:"overdue"`
	Escalated    *int       `json:"escalated"`
	Opened       *int       `json:"opened"`
	Acknowledged *int       `json:"acknowledged"`
	ToOpen       *waitTimes `json:"secondsToOpen,omitempty"`
	ToAct        *waitTimes `json:"secondsToAct,omitempty"`
	Suppressed   bool       `json:"suppressed,omitempty"` // a count below five is left out
}

// authorityFigures are an authority's, and perhaps those of each of its teams.
type authorityFigures struct {
	Authority named `json:"authority"`
	counted
	Teams []teamFigures `json:"teams,omitempty"`
}

// waitTimes are the median and the 90th percentile, in seconds.
type waitTimes struct {
	Median    int64 `json:"median"`
	Ninetieth int64 `json:"ninetieth"`
}

// getFigures tells managers how notifications fare: an authority its own, the
// operator every authority's, without counts so small that they might tell of
// somebody. As JSON, as CSV, or as a page with a chart.
func (s *Server) getFigures(w http.ResponseWriter, r *http.Request, who *Identity) error {
	view := s.node.View()
	now := s.moment()
	ask, err := readFigures(r, now.Day())
	if err != nil {
		return err
	}
	all, err := view.Organisations()
	if err != nil {
		return err
	}
	role, _ := ledger.ParseRole(who.Role)
	operator := role == ledger.RoleOperator
	if operator && ask.byTeam {
		return problem("query-parameter").with("Figures by team are an authority's own.")
	}
	out := []authorityFigures{}
	for i := range all {
		if all[i].Sort != ledger.SortAuthority || (!operator && all[i].Code != who.Organisation) {
			continue
		}
		one, err := s.figuresOf(view, &all[i], ask, now)
		if err != nil {
			return err
		}
		if operator {
			one.suppress()
		}
		out = append(out, one)
	}
	switch accept := r.Header.Get("Accept"); {
	case strings.HasPrefix(accept, "text/csv"):
		return sendFigures(w, "text/csv; charset=utf-8", figuresCSV(out, ask.byTeam))
	case strings.HasPrefix(accept, "text/html"):
		return sendFigures(w, "text/html; charset=utf-8", figuresPage(out, ask))
	}
	return sendJSON(w, struct {
		From        string             `json:"from"`
		To          string             `json:"to"`
		Authorities []authorityFigures `json:"authorities"`
		AsOf        ledger.Seq         `json:"asOf"`
	}{ask.from.String(), ask.to.String(), out, view.R.Head().Size})
}

// figuresAsked is what figures are asked of.
type figuresAsked struct {
	from, to ledger.Day
	byTeam   bool
	teams    []string // names that the caller knows
}

func readFigures(r *http.Request, today ledger.Day) (a figuresAsked, err error) {
	a.to = today
	for name, values := range r.URL.Query() {
		switch {
		case name == "team" && len(values) <= teamsNamed:
			a.byTeam, a.teams = true, values
			continue
		case len(values) != 1:
			return a, problem("query-parameter")
		case name == "by" && values[0] == "team":
			a.byTeam = true
			continue
		case name != "from" && name != "to":
			return a, problem("query-parameter")
		}
		day, err := ledger.ParseDay(values[0])
		if err != nil {
			return a, problem("query-parameter").with("from and to are dates.")
		}
		if name == "from" {
			a.from = day
		} else {
			a.to = day
		}
	}
	if a.from == 0 {
		a.from = a.to - figuresFor + 1
	}
	if a.to < a.from || a.to-a.from >= figuresMax {
		return a, problem("query-parameter").with("The period has 1 to 366 days.")
	}
	return a, nil
}

// noticeCount counts notifications.
type noticeCount struct {
	queued, unread, late, climbed, opened, acted int
	toOpen, toAct                                []ledger.Time
}

func (c *noticeCount) add(n *ledger.Notification, now ledger.Time) {
	c.queued++
	if n.Escalated != 0 {
		c.climbed++
	}
	if n.Opened != 0 {
		c.opened++
		c.toOpen = append(c.toOpen, n.Opened-n.Queued)
	} else if c.unread++; isLate(n, now) {
		c.late++
	}
	if n.Acknowledged != 0 {
		c.acted++
		c.toAct = append(c.toAct, n.Acknowledged-n.Queued)
	}
}

// isLate reports whether somebody should have opened a notification by now: in the
// time of its authority's lowest rung, or where it has no ladder in a day.
func isLate(n *ledger.Notification, now ledger.Time) bool {
	if late, ok := n.Late(now); ok {
		return late
	}
	patience := ledger.Time(overdue)
	if n.Type == ledger.NotifyDataQuality {
		patience = overdueLow
	}
	return now-n.Queued > patience
}

func (c *noticeCount) figures() counted {
	return counted{Queued: &c.queued, Unread: &c.unread, Overdue: &c.late, Escalated: &c.climbed, Opened: &c.opened,
		Acknowledged: &c.acted, ToOpen: timesOf(c.toOpen), ToAct: timesOf(c.toAct)}
}

func (s *Server) figuresOf(view projection.View, o *ledger.Organisation, ask figuresAsked, now ledger.Time) (authorityFigures, error) {
	var whole noticeCount
	teams := map[ledger.Tag]*noticeCount{}
	var failed error
	err := view.EachNotificationSince(o.Code, ask.from.Start(), func(n *ledger.Notification) {
		if n.Queued >= (ask.to + 1).Start() {
			return
		}
		whole.add(n, now)
		if !ask.byTeam {
			return
		}
		plans, _, err := ledger.PlansOf(view, n.Person)
		if err != nil {
			failed = err
			return
		}
		of := n.TeamOf(plans)
		if teams[of] == nil {
			teams[of] = &noticeCount{}
		}
		teams[of].add(n, now)
	})
	return authorityFigures{Authority: named{o.Code, o.Name}, counted: whole.figures(), Teams: s.teamFigures(o.Code, teams, ask.teams)}, errors.Join(err, failed)
}

// timesOf finds the median and the 90th percentile, by nearest rank.
func timesOf(all []ledger.Time) *waitTimes {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	at := func(percent int) int64 { return int64(all[(len(all)*percent+99)/100-1] / ledger.Second) }
	return &waitTimes{at(50), at(90)}
}

// suppress leaves out what counts fewer than five, and the times of fewer.
func (f *counted) suppress() {
	if *f.Opened < smallCount {
		f.ToOpen = nil
	}
	if *f.Acknowledged < smallCount {
		f.ToAct = nil
	}
	for _, n := range []**int{&f.Queued, &f.Unread, &f.Overdue, &f.Escalated, &f.Opened, &f.Acknowledged} {
		if **n > 0 && **n < smallCount {
			*n, f.Suppressed = nil, true
		}
	}
	// One count left out could be reckoned from the others: none stands alone.
	if f.Suppressed {
		f.Queued = nil
	}
}
