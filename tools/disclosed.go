package tools

import (
	"errors"
	"fmt"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// disclosed says what one entry disclosed, from entries and views up to the
// replayed point. Entries never change, so their sequence numbers fix what was
// shown.
func (p *replayed) disclosed(n ledger.Seq) (*disclosedReport, error) {
	r := p.s.txn
	e, err := store.Entry(r, n)
	if errors.Is(err, store.ErrNoEntry) {
		return nil, failf(ExitUsage, "entry %d is after the replayed point", n)
	}
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	out := &disclosedReport{Seq: n, At: e.Time.String(), Kind: e.Kind.String(), Disclosed: []disclosedPlan{}}
	if e.Person != nil {
		out.Person = e.Person.Ref.String()
	}
	seqs := []ledger.Seq{}
	switch ev := e.Event.(type) {
	case *ledger.Accessed:
		seqs, out.Told = ev.Disclosed, ev.Told
		if ev.Outcome == ledger.OutcomeFound {
			if out.History, err = p.history(&e); err != nil {
				return nil, failing(ExitUnreadable, err)
			}
		}
	case *ledger.SubjectAccessed:
		seqs = ev.Disclosed
	case *ledger.NotificationOpened:
		seqs = ev.Disclosed
	case *ledger.NotificationAttempted:
		return out, p.delivery(out, ev)
	case *ledger.CaseloadAccessed:
		return out, p.caseload(out, &e, ev)
	case *ledger.Reopened:
		return p.disclosed(ev.Of)
	}
	return out, p.plans(out, seqs)
}

// history lists the accesses that were shown beside the plans.
func (p *replayed) history(e *ledger.Entry) ([]ledger.Seq, error) {
	visits, _, err := projection.View{R: p.s.txn}.History(e.Person.Ref, e.Seq)
	var out []ledger.Seq
	for i := range visits {
		out = append(out, visits[i].Seq)
	}
	return out, err
}

// caseload gathers what the subject entries after a caseload's header disclosed.
func (p *replayed) caseload(out *disclosedReport, head *ledger.Entry, ev *ledger.CaseloadAccessed) error {
	for i := range ev.Count {
		e, err := store.Entry(p.s.txn, head.Seq+1+ledger.Seq(i))
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		s, ok := e.Event.(*ledger.SubjectAccessed)
		if !ok {
			return failf(ExitIntegrity, "entry %d: the caseload at %d counts it among its people", e.Seq, head.Seq)
		}
		if err := p.plans(out, s.Disclosed); err != nil {
			return err
		}
	}
	return nil
}

// delivery gathers what a batch disclosed: what each notification's own entry lists.
func (p *replayed) delivery(out *disclosedReport, ev *ledger.NotificationAttempted) error {
	if ev.Again != 0 {
		e, err := store.Entry(p.s.txn, ev.Again)
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		first, ok := e.Event.(*ledger.NotificationAttempted)
		if !ok {
			return failf(ExitIntegrity, "entry %d is no attempt at a delivery", ev.Again)
		}
		ev = first
	}
	out.Told = []string{ev.Authority}
	for _, id := range ev.Notifications {
		e, err := store.Entry(p.s.txn, id)
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		q, ok := e.Event.(*ledger.NotificationQueued)
		if !ok {
			return failf(ExitIntegrity, "entry %d is no notification, but was delivered", id)
		}
		if err := p.plans(out, q.Plans); err != nil {
			return err
		}
	}
	return nil
}

func (p *replayed) plans(out *disclosedReport, seqs []ledger.Seq) error {
	for _, n := range seqs {
		e, err := store.Entry(p.s.txn, n)
		if err != nil {
			return failing(ExitIntegrity, fmt.Errorf("entry %d, disclosed by %d: %w", n, out.Seq, err))
		}
		d := disclosedPlan{Seq: n, Kind: e.Kind.String()}
		if e.Person != nil {
			d.Person = e.Person.Ref.String()
		}
		if ev, ok := e.Event.(*ledger.PlanRecorded); ok {
			d.Type, d.Start, d.End, d.Authority = ev.Row.Type.String(), ev.Row.Start.String(), ev.Row.End.String(), ev.Authority
		}
		out.Disclosed = append(out.Disclosed, d)
	}
	return nil
}
