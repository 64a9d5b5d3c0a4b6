package tools

import (
	"slices"

	"custos/ledger"
	"custos/projection"
)

// recordedPolicy is what the entries say of organisations and of policy, and
// nothing else of the ledger: enough to resolve what held on any day, without
// folding every view. Whatever else is asked of it, it does not know.
type recordedPolicy struct {
	projection.View
	organisations map[string]ledger.Organisation
	said          map[string][]ledger.DatedPolicy
}

func (p *recordedPolicy) Organisation(code string) (ledger.Organisation, bool, error) {
	o, ok := p.organisations[code]
	return o, ok, nil
}

func (p *recordedPolicy) Policies(place string) ([]ledger.DatedPolicy, error) {
	return p.said[place], nil
}

func (p *recordedPolicy) take(e *ledger.Entry) {
	switch ev := e.Event.(type) {
	case *ledger.OrganisationRecorded:
		p.organisations[ev.Organisation.Code] = ev.Organisation
	case *ledger.PolicyRecorded:
		p.said[ev.Place] = ledger.AddPolicy(p.said[ev.Place], ev, e.Seq, e.Time)
	}
}

// showRecorded answers from a folder's entries: those up to the end of the day
// that is asked about, so that a past day is as it was, or all of them.
func (a *app) showRecorded(data, place string, on ledger.Day) error {
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }() // only read
	p := &recordedPolicy{organisations: map[string]ledger.Organisation{}, said: map[string][]ledger.DatedPolicy{}}
	last, taken := ledger.Time(0), ledger.Seq(0)
	err = f.entries(f.db.Head().Size, func(group []ledger.Entry) (bool, error) {
		if on != 0 && group[0].Time >= (on+1).Start() {
			return false, nil
		}
		for i := range group {
			p.take(&group[i])
		}
		last, taken = group[0].Time, group[len(group)-1].Seq+1
		return true, nil
	})
	if err != nil {
		return err
	}
	if place == "" {
		return a.printPolicies(p.list(taken))
	}
	if on == 0 {
		on = last.Day()
	}
	if _, ok := p.organisations[place]; !ok && place != ledger.Nation {
		return failf(ExitUsage, "--place is of no organisation that was recorded by then")
	}
	held, err := p.held(place, on, taken)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	return a.printHeld(held)
}

func (p *recordedPolicy) name(code string) string {
	if o, ok := p.organisations[code]; ok || code != ledger.Nation {
		return o.Name
	}
	return "England"
}

func (p *recordedPolicy) list(asOf ledger.Seq) *policyList {
	out := &policyList{Nation: ledger.Nation, Places: []policyOfOnePlace{}, AsOf: asOf}
	for code, said := range p.said {
		one := policyOfOnePlace{ODS: code, Name: p.name(code), Parent: p.organisations[code].Parent}
		for i := range said {
			e := &said[i]
			one.Entries = append(one.Entries, policyEntry{e.From.String(), e.Seq, e.Recorded.String(), saidPolicy(&e.Says)})
		}
		out.Places = append(out.Places, one)
	}
	slices.SortFunc(out.Places, func(a, b policyOfOnePlace) int {
		if a.ODS < b.ODS {
			return -1
		}
		return 1
	})
	return out
}

func (p *recordedPolicy) held(place string, on ledger.Day, asOf ledger.Seq) (*policyHeld, error) {
	h, err := ledger.PolicyOn(p, place, on)
	if err != nil {
		return nil, err
	}
	out := &policyHeld{On: on.String(), Care: p.organisations[place].Setting != ledger.SettingNone, Holds: saidPolicy(&h.Policy), AsOf: asOf}
	out.Place.ODS, out.Place.Name = place, p.name(place)
	for _, i := range ledger.PolicyItems() {
		of := h.Of[i]
		src := policySource{Item: i.String(), ODS: of.Place, Name: p.name(of.Place)}
		if of.Seq != 0 {
			src.Seq = &of.Seq
		}
		if of.From != 0 {
			src.Since = of.From.String()
		}
		out.Of = append(out.Of, src)
	}
	if h.Live == ledger.Yes {
		return out, nil
	}
	from, err := ledger.LiveFrom(p, place, on)
	if from != 0 {
		out.LiveFrom = from.String()
	}
	return out, err
}

// saidPolicy spells a policy as the service does.
func saidPolicy(p *ledger.Policy) policySaid {
	said := func(c ledger.Choice) string {
		if c == ledger.NotSaid {
			return ""
		}
		return c.String()
	}
	out := policySaid{Live: said(p.Live), Notify: said(p.Notify), History: said(p.History), Ended: said(p.Ended), Links: said(p.Links), DPIA: p.DPIA, Days: p.LinkDays,
		Setting: map[ledger.Choice]string{ledger.Yes: "unscheduled", ledger.No: "scheduled", ledger.Inherited: said(ledger.Inherited)}[p.Unscheduled]}
	for _, r := range p.Roles {
		name := r.String()
		if r == ledger.RoleNone {
			name = said(ledger.Inherited)
		}
		out.Roles = append(out.Roles, name)
	}
	return out
}
