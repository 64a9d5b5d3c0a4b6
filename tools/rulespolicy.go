package tools

import (
	"fmt"

	"custos/ledger"
)

// heldAt is what the policy that holds was asked for: a place, on a day.
type heldAt struct {
	place string
	day   ledger.Day
	rules int
}

// heldMost bounds how many answers are remembered.
const heldMost = 1 << 14

// policy says what held at a place when an entry was made.
func (p *rulesPass) policy(c command, e *ledger.Entry, place string) (ledger.HeldPolicy, error) {
	at := heldAt{place, e.Time.Day(), e.Rules}
	if h, ok := p.held[at]; ok {
		return h, nil
	}
	var h ledger.HeldPolicy
	var err error
	if e.Rules >= 3 {
		h, err = ledger.PolicyOn(c.view, place, at.day)
	} else {
		var o ledger.Organisation
		o, _, err = c.view.Organisation(place)
		h.Policy = ledger.Policy{Unscheduled: yes(o.Setting == ledger.SettingUnscheduled), Notify: yes(!o.Silent), History: yes(!o.Hidden),
			Live: yes(o.Live == 0 || at.day >= o.Live), Ended: ledger.Yes}
	}
	if err != nil {
		return h, err
	}
	if len(p.held) >= heldMost {
		clear(p.held)
	}
	p.held[at] = h
	return h, nil
}

func yes(b bool) ledger.Choice {
	if b {
		return ledger.Yes
	}
	return ledger.No
}

// applied holds what an access says of itself against the policy of its day.
func (p *rulesPass) applied(c command, e *ledger.Entry, ev *ledger.Accessed) (string, error) {
	h, err := p.policy(c, e, c.group[0].Actor.Organisation)
	if err != nil {
		return "", err
	}
	would := wouldDeny(&h, c.group[0].Actor.Role)
	broken := c.broken(e.Seq)
	switch {
	case would != "" && broken == nil:
		return fmt.Sprintf("the policy of its day denies it (%s), and it was answered", would), nil
	case broken != nil && broken.Code != would:
		return "it says that it broke another policy than that of its day", nil
	}
	unscheduled, conflict := counts(h.Unscheduled == ledger.Yes, declared(c.group[0].Request))
	if ev.Unscheduled != unscheduled || ev.Conflict != conflict {
		return "it counts as another care setting than the policy of its day and what was declared say", nil
	}
	if ev.Shown && h.History == ledger.No {
		return "it is shown in the history, and the policy of its day hides it", nil
	}
	if len(ev.Told) > 0 && (h.Notify == ledger.No || !unscheduled) {
		return "it tells an authority, and the policy of its day does not", nil
	}
	return "", nil
}

// wouldDeny is the code with which a policy denies a role's lookups, or nothing.
func wouldDeny(h *ledger.HeldPolicy, r ledger.Role) string {
	switch {
	case h.Live != ledger.Yes:
		return ledger.RefusedNotLive
	case !h.MayLookUp(r):
		return ledger.RefusedPolicyRole
	}
	return ""
}

// broken returns what says that an access was an emergency.
func (c command) broken(access ledger.Seq) *ledger.GlassBroken {
	for i := range c.group {
		if g, ok := c.group[i].Event.(*ledger.GlassBroken); ok && g.Access == access {
			return g
		}
	}
	return nil
}

func declared(q ledger.Request) ledger.Declared {
	switch q := q.(type) {
	case *ledger.LookUp:
		return q.Declared
	case *ledger.BreakGlass:
		return q.LookUp.Declared
	case *ledger.LookUpMother:
		return q.Declared
	}
	return ledger.DeclaredNothing
}

// counts says whether an access counts as unscheduled care: as policy says, or
// as was declared where that is told more; a contradiction is noted.
func counts(policy bool, d ledger.Declared) (unscheduled, conflict bool) {
	unscheduled = policy || d == ledger.DeclaredUnscheduled
	conflict = d == ledger.DeclaredUnscheduled && !policy || d == ledger.DeclaredScheduled && policy
	return unscheduled, conflict
}

// deniedRightly holds a denial that names the policy against the policy.
func (p *rulesPass) deniedRightly(c command, e *ledger.Entry, ev *ledger.AccessDenied) (string, error) {
	if ev.Code != ledger.RefusedNotLive && ev.Code != ledger.RefusedPolicyRole {
		return "", nil
	}
	p.under++
	h, err := p.policy(c, e, c.group[0].Actor.Organisation)
	if err == nil && wouldDeny(&h, c.group[0].Actor.Role) != ev.Code {
		return "it is denied for a policy that did not hold on its day", nil
	}
	return "", err
}

// missedRightly wants the authorities of a person who was not brought told of it.
func (p *rulesPass) missedRightly(c command, e *ledger.Entry, ev *ledger.AppointmentMissed) (string, error) {
	h, err := p.policy(c, e, c.group[0].Actor.Organisation)
	if err != nil {
		return "", err
	}
	p.under++
	if h.Live != ledger.Yes {
		return "the policy of its day denies it (" + ledger.RefusedNotLive + "), and it was answered", nil
	}
	plans, _, err := ledger.PlansOf(c.view, e.Person.Ref)
	if err != nil {
		return "", err
	}
	for i := range plans {
		if plans[i].Visible(e.Time.Day()) && !contains(ev.Told, plans[i].Authority) {
			return fmt.Sprintf("%s has a plan and was not told", plans[i].Authority), nil
		}
	}
	return "", nil
}
