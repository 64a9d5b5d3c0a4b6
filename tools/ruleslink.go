package tools

import (
	"slices"

	"custos/ledger"
)

// linkedRightly holds a row that was kept, sealed, against the policy of its
// source that day: it is the only thing that allows it.
func (p *rulesPass) linkedRightly(c command, e *ledger.Entry, ev *ledger.EnrolmentLinked) (string, error) {
	h, err := p.policy(c, e, c.group[0].Actor.Organisation)
	switch {
	case err != nil:
		return "", err
	case h.Links != ledger.Yes:
		return "a row is kept, and the policy of its source lets nobody keep it", nil
	case h.Of[ledger.ItemLinks].Seq != ev.Policy:
		return "a row is kept by another policy than that of its source", nil
	case (ev.Of == 0) != (len(e.Commitments) == 1):
		return "a row is kept that is not sealed once", nil
	}
	return "", nil
}

// openedRightly holds an opening against the person's plans and the policy, and
// says whether it opens what waits and nothing else.
func (p *rulesPass) openedRightly(c command, e *ledger.Entry, ev *ledger.LinksOpened) (string, error) {
	h, err := p.policy(c, e, ev.Source)
	if err != nil {
		return "", err
	}
	shown, err := c.view.Shown(e.Person.Ref, e.Time.Day())
	switch {
	case err != nil:
		return "", err
	case h.Links != ledger.Yes || h.Of[ledger.ItemLinks].Seq != ev.Policy:
		return "links are opened, and the policy of their source does not allow it", nil
	case !shown:
		return "links are opened of a person who has no visible plan", nil
	}
	return p.waited(c, e, ev.Source, ev.Links)
}

// followedRightly does it for what became of links.
func (p *rulesPass) followedRightly(c command, e *ledger.Entry, ev *ledger.LinksFollowed) (string, error) {
	h, err := p.policy(c, e, ev.Source)
	if err != nil {
		return "", err
	}
	if (h.Links != ledger.Yes) != (ev.Code == ledger.LinksNotPermitted) {
		return "links are followed, or let go, against the policy of their source", nil
	}
	for i := range c.group {
		switch en, ok := c.group[i].Event.(*ledger.Enrolled); {
		case !ok:
		case ev.Code != "":
			return "links are let go, and enrolments are recorded of them", nil
		case en.Source != ev.Source || c.group[i].Person.Ref != e.Person.Ref:
			return "links are followed, and another's enrolment is recorded", nil
		}
	}
	if ev.Code == ledger.LinksExpired {
		if why, err := expiredRightly(c, e, ev, &h); err != nil || why != "" {
			return why, err
		}
	}
	return p.waited(c, e, ev.Source, ev.Links)
}

// expiredRightly wants the time of links over that are let go for it, and nobody
// there whom they could be followed for.
func expiredRightly(c command, e *ledger.Entry, ev *ledger.LinksFollowed, h *ledger.HeldPolicy) (string, error) {
	have, err := c.view.Links(e.Person.Ref, ev.Source)
	if err != nil {
		return "", err
	}
	today := e.Time.Day()
	if through, _ := h.LinksOver(today); have.Said.Day() > through {
		return "links are let go before the time that the policy of their source gives them", nil
	}
	shown, err := c.view.Shown(e.Person.Ref, today)
	if err != nil {
		return "", err
	}
	if shown {
		return "links are let go of a person who has a visible plan", nil
	}
	return "", nil
}

// waited wants the links that an entry names to be those of the person and the
// source that wait before it.
func (p *rulesPass) waited(c command, e *ledger.Entry, source string, named []ledger.Seq) (string, error) {
	have, err := c.view.Links(e.Person.Ref, source)
	if err != nil {
		return "", err
	}
	if !slices.EqualFunc(have.Each, named, func(l ledger.Link, n ledger.Seq) bool { return l.Seq == n }) {
		return "it names other links than those that wait", nil
	}
	return "", nil
}
