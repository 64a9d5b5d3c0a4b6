package api

import (
	"net/http"

	"custos/ledger"
)

// An authority's ladder: how long its notifications wait for whom, and when it
// works. Times of day are in London.

type ladderBody struct {
	From      string `json:"from" strict:"required"`
	Worker    int    `json:"worker" strict:"required"` // minutes that each rung has
	Team      int    `json:"team" strict:"required"`
	Manager   int    `json:"manager" strict:"required"`
	Emergency int    `json:"emergencyDuty" strict:"required"`
	Opens     string `json:"opens" strict:"required"` // HH:MM, Monday to Friday
	Closes    string `json:"closes" strict:"required"`
}

func (s *Server) putLadder(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in ladderBody
	content, err := s.body(r, "ladder", &in)
	if err != nil {
		return err
	}
	l := ledger.Ladder{Worker: in.Worker, Team: in.Team, Manager: in.Manager, Emergency: in.Emergency}
	if l.From, err = parseDate(in.From, "from"); err != nil {
		return err
	}
	var ok bool
	if l.Opens, ok = parseClock(in.Opens); !ok {
		return &Problem{Code: "field-value", Detail: "A time of day is of the form HH:MM.", Pointer: "/opens"}
	}
	if l.Closes, ok = parseClock(in.Closes); !ok || l.Closes <= l.Opens {
		return &Problem{Code: "field-value", Detail: "A time of day is of the form HH:MM, and closes is after opens.", Pointer: "/closes"}
	}
	for _, f := range []struct {
		name    string
		minutes int
	}{{"worker", l.Worker}, {"team", l.Team}, {"manager", l.Manager}, {"emergencyDuty", l.Emergency}} {
		if f.minutes < ledger.ShortestRung || f.minutes > ledger.LongestRung {
			return &Problem{Code: "field-value", Detail: "A rung has 5 to 1440 minutes.", Pointer: "/" + f.name}
		}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.RecordLadder{Ladder: l})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("ods", who.Organisation)
	j.day("from", l.From)
	j.finish(w, out, http.StatusOK)
	return nil
}

// parseClock reads HH:MM, from 00:00 to 24:00, as minutes after midnight.
func parseClock(text string) (minutes int, ok bool) {
	if len(text) != 5 || text[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	digit := func(i int) int { return int(text[i] - '0') }
	hour, minute := 10*digit(0)+digit(1), 10*digit(3)+digit(4)
	minutes = 60*hour + minute
	return minutes, minute < 60 && minutes <= 24*60
}

// clock writes minutes after midnight as HH:MM.
func clock(minutes int) string {
	two := func(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	return two(minutes/60) + ":" + two(minutes%60)
}

// getLadder shows the own authority's ladder of today, and those for days to come.
func (s *Server) getLadder(w http.ResponseWriter, _ *http.Request, who *Identity) error {
	view := s.node.View()
	o, _, err := view.Organisation(who.Organisation)
	if err != nil {
		return err
	}
	today := max(s.moment(), view.R.Head().Time).Day()
	ladders := []ledger.Ladder{o.Directory.LadderOn(today)}
	for _, l := range o.Directory.Ladders {
		if l.From > today {
			ladders = append(ladders, l)
		}
	}
	out := make([]ladderBody, 0, len(ladders))
	for _, l := range ladders {
		out = append(out, ladderBody{l.From.String(), l.Worker, l.Team, l.Manager, l.Emergency, clock(l.Opens), clock(l.Closes)})
	}
	return sendJSON(w, struct {
		Ladders []ladderBody `json:"ladders"` // the first holds today; without a day it is the usual one
		AsOf    ledger.Seq   `json:"asOf"`
	}{out, view.R.Head().Size})
}
