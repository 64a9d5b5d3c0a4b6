package tools

import (
	"fmt"
	"slices"

	"custos/ledger"
)

// Who had to be told. An entry says so itself, by name; that the name stands for
// a notification is what is checked here, and that nobody was left out of it.

// queued returns the notifications that a command made because of one of its entries.
func (c command) queued(of ledger.Seq) func(yield func(*ledger.Entry, *ledger.NotificationQueued) bool) {
	return func(yield func(*ledger.Entry, *ledger.NotificationQueued) bool) {
		for i := range c.group {
			if n, ok := c.group[i].Event.(*ledger.NotificationQueued); ok && n.Of == of && !yield(&c.group[i], n) {
				return
			}
		}
	}
}

// tells reports whether a command tells an authority of one of its entries.
func (c command) tells(of ledger.Seq, authority string, t ledger.NotificationType) bool {
	for _, n := range c.queued(of) {
		if n.Type == t && n.Authority == authority {
			return true
		}
	}
	return false
}

// toldOf wants a notification for each authority that an entry says was told.
func (p *rulesPass) toldOf(c command, e *ledger.Entry, told []string, t ledger.NotificationType) string {
	for _, authority := range told {
		if !c.tells(e.Seq, authority, t) {
			return fmt.Sprintf("it says that %s is told, and no notification of %s is made", authority, t)
		}
		p.told++
	}
	return ""
}

// accessTold wants the notifications of an access: those that it names, and for
// everybody who has to be told.
func (p *rulesPass) accessTold(c command, e *ledger.Entry, ev *ledger.Accessed) (string, error) {
	plans, born, err := ledger.PlansOf(c.view, e.Person.Ref)
	if err != nil {
		return "", err
	}
	today := e.Time.Day()
	plans = slices.DeleteFunc(slices.Clone(plans), func(q ledger.Plan) bool { return !q.Visible(today) })
	switch {
	case ev.Outcome == ledger.OutcomeNotFound && len(plans) > 0:
		return "it found nothing, and there was a plan to find", nil
	case ev.Outcome == ledger.OutcomeFound && len(plans) == 0:
		return "it found a plan, and there was none", nil
	case ev.Outcome != ledger.OutcomeFound && len(ev.Told) > 0:
		return "it showed nothing, and somebody is told", nil
	}
	if why, err := p.due(c, e, ev, plans); err != nil || why != "" {
		return why, err
	}
	if why, err := p.differing(c, e, ev, plans, born); err != nil || why != "" {
		return why, err
	}
	if e.Rules < 3 {
		return p.toldOf(c, e, ev.Told, ledger.NotifyAccess), nil
	}
	return p.named(c, e, ev)
}

// due wants whoever has to be told of an unscheduled access among those who are.
func (p *rulesPass) due(c command, e *ledger.Entry, ev *ledger.Accessed, plans []ledger.Plan) (string, error) {
	if ev.Outcome != ledger.OutcomeFound || !ev.Unscheduled {
		return "", nil
	}
	h, err := p.policy(c, e, c.group[0].Actor.Organisation)
	if err != nil || h.Notify == ledger.No {
		return "", err
	}
	for i := range plans {
		q := &plans[i]
		if slices.Contains(ev.Told, q.Authority) {
			continue
		}
		if e.Rules >= 3 && q.Type != ledger.UnbornChild && !q.Active(e.Time.Day()) {
			h, err := p.policy(c, e, q.Authority)
			if err != nil {
				return "", err
			}
			if h.Ended != ledger.Yes {
				continue // its plan has ended, and it does not want to hear of that
			}
		}
		return fmt.Sprintf("%s has a plan and was not told", q.Authority), nil
	}
	return "", nil
}

// differing wants a task for each authority whose birth date of the person is
// not the one that was confirmed. Of a number that another replaced the dates
// may have been corrected in between: level 4 repeats that.
func (p *rulesPass) differing(c command, e *ledger.Entry, ev *ledger.Accessed, plans []ledger.Plan, born *ledger.Birth) (string, error) {
	q := lookupOf(c.group[0].Request)
	if q == nil || q.Birth.IsZero() || ev.Outcome != ledger.OutcomeFound {
		return "", nil
	}
	if n, err := c.view.NumberOf(q.Person); err != nil || n.Seq != 0 {
		return "", err
	}
	for i := range plans {
		held := plans[i].Birth
		if born != nil {
			held = born.Birth
		}
		if held == q.Birth {
			continue
		}
		if !c.tells(e.Seq, plans[i].Authority, ledger.NotifyDataQuality) {
			return fmt.Sprintf("%s holds another birth date and was not told", plans[i].Authority), nil
		}
		p.told++
	}
	return "", nil
}

func lookupOf(q ledger.Request) *ledger.LookUp {
	switch q := q.(type) {
	case *ledger.LookUp:
		return q
	case *ledger.BreakGlass:
		return &q.LookUp
	}
	return nil
}

// named wants each authority's notification where the access says it is: made
// with it, or an earlier one of the same attendance that still stood.
func (p *rulesPass) named(c command, e *ledger.Entry, ev *ledger.Accessed) (string, error) {
	if len(ev.Notifications) != len(ev.Told) {
		return "it names another number of notifications than of authorities told", nil
	}
	first := c.group[0].Seq
	for i, id := range ev.Notifications {
		var n *ledger.NotificationQueued
		switch {
		case id >= first+ledger.Seq(len(c.group)):
		case id >= first:
			n, _ = c.group[id-first].Event.(*ledger.NotificationQueued)
			if n != nil && n.Of != e.Seq {
				n = nil
			}
		default:
			was, ok, err := c.view.Notification(id)
			if err != nil {
				return "", err
			}
			if ok && was.Withdrawn == 0 {
				n = &ledger.NotificationQueued{Type: was.Type, Authority: was.Authority}
			}
		}
		if n == nil || n.Type != ledger.NotifyAccess || n.Authority != ev.Told[i] {
			return fmt.Sprintf("it says that %s is told by notification %d, which is no such one", ev.Told[i], id), nil
		}
		p.told++
	}
	return "", nil
}

// wanted wants a reason for each notification of an access: it tells of one that names it.
func (p *rulesPass) wanted(c command, e *ledger.Entry, ev *ledger.NotificationQueued) string {
	if ev.Type != ledger.NotifyAccess {
		return ""
	}
	for i := range c.group {
		a, ok := c.group[i].Event.(*ledger.Accessed)
		if !ok || c.group[i].Seq != ev.Of {
			continue
		}
		if e.Rules < 3 && slices.Contains(a.Told, ev.Authority) || slices.Contains(a.Notifications, e.Seq) {
			return ""
		}
	}
	return "it tells of an access that does not name it"
}

// climbed wants the site told when a ladder is at its end.
func (p *rulesPass) climbed(c command, e *ledger.Entry, ev *ledger.NotificationEscalated) string {
	if ev.To != ledger.RungSite {
		return ""
	}
	for i := range c.group {
		if n, ok := c.group[i].Event.(*ledger.NotificationQueued); ok && n.Type == ledger.NotifyUnread && n.After == ev.Notification && c.group[i].Seq > e.Seq {
			p.told++
			return ""
		}
	}
	return fmt.Sprintf("nobody is left above it for notification %d, and the site is not told", ev.Notification)
}

// counted wants as much told as the head of what fell due says.
func (p *rulesPass) counted(c command, ev *ledger.TransitionsDue) string {
	climbed, tasks, links := 0, 0, 0
	var begun []ledger.Seq
	for i := range c.group {
		switch e := c.group[i].Event.(type) {
		case *ledger.NotificationEscalated:
			climbed++
		case *ledger.LinksFollowed:
			links++
		case *ledger.NotificationQueued:
			if e.Type == ledger.NotifyLapsing || e.Type == ledger.NotifyComingOfAge {
				tasks++
			}
			if e.Type == ledger.NotifyPolicy {
				begun = append(begun, e.Of)
			}
		}
	}
	if climbed != ev.Climbed || tasks != ev.Tasks {
		return fmt.Sprintf("it says that %d notifications climb and %d tasks are given, and there are %d and %d", ev.Climbed, ev.Tasks, climbed, tasks)
	}
	if !slices.Equal(begun, ev.Begun) {
		return fmt.Sprintf("it says that %d policies begin, and their places are not told of just those", len(ev.Begun))
	}
	if links != ev.Links {
		return fmt.Sprintf("it says that %d times links are let go, and %d times they are", ev.Links, links)
	}
	p.told += int64(tasks + len(begun))
	return ""
}
