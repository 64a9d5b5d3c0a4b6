package api

import (
	"strconv"

	"custos/ledger"
	"custos/projection"
)

// planCodes spell plan types as files do.
var planCodes = map[ledger.PlanType]string{ledger.ChildProtection: "CPP", ledger.LookedAfter: "LAC", ledger.UnbornChild: "UCPP"}

// heldPlan is the line of a plan: in force, visible although it ended, or ended.
func (s *Server) heldPlan(p *projection.PlanShown, today ledger.Day) (*heldLine, error) {
	var d ledger.PlanDetails
	if err := s.open(p.Details, &d); err != nil {
		return nil, err
	}
	l := &heldLine{state: "ended", nhs: d.NHSNumber, family: d.Family, given: d.Given, birth: d.Birth, kind: planCodes[p.Plan.Type],
		start: p.Plan.Start.String(), end: p.Plan.End.String(), local: d.LocalID, team: d.Team, worker: d.Worker, restricted: p.Plan.Restricted}
	switch {
	case p.Plan.Active(today):
		l.state = "in-force"
	case p.Plan.Visible(today):
		l.state = "visible"
	}
	return l, nil
}

// heldRow is the line of a row that became no plan, as its authority sent it.
func (s *Server) heldRow(row *projection.RowShown) (*heldLine, error) {
	e, err := ledger.ParseEntry(row.Record)
	if err != nil {
		return nil, err
	}
	l := &heldLine{id: e.Seq, row: strconv.Itoa(e.Row())}
	l.state, l.code = ledger.RowStatus(e.Event)
	row.Details.Row = e.Row()
	switch row.Details.Payload {
	case ledger.PayloadPlan:
		var d ledger.PlanDetails
		if err := s.open(row.Details, &d); err != nil {
			return nil, err
		}
		l.nhs, l.family, l.given, l.birth, l.local, l.team, l.worker = d.NHSNumber, d.Family, d.Given, d.Birth, d.LocalID, d.Team, d.Worker
		if r, ok := e.Event.(*ledger.PlanRejected); ok {
			l.kind, l.start, l.end = planCodes[r.Row.Type], r.Row.Start.String(), r.Row.End.String()
		}
	case ledger.PayloadRow:
		var d ledger.RowDetails
		if err := s.open(row.Details, &d); err != nil {
			return nil, err
		}
		f := d.Fields
		l.nhs, l.family, l.given, l.birth, l.local = f["nhs_number"], f["family_name"], f["given_names"], f["date_of_birth"], d.LocalID
		l.kind, l.start, l.end, l.suggestion = f["plan_type"], f["start"], f["end"], d.Suggestion
	}
	return l, nil
}
