package tools

import (
	"fmt"
	"time"

	"custos/ledger"
	"custos/projection"
)

// Level 5 asks what level 4 cannot. Level 4 decides every command again with the
// program's own decisions: it would repeat a mistake in them, and it says nothing
// of a command that nobody gave. Level 5 holds the entries against the rules as
// they are written down: whoever had to be told was told, by a notification that
// is there; the policy of the day was the one that was applied. What breaks those
// is a failure of integrity, and names its entry. What merely came late is a
// finding, for the operator to explain: see lateness.go.
//
// It reads the views that level 4 folds anyway, of before a command and after it,
// and keeps in memory what is being waited for.
type rulesPass struct {
	v     *verification
	late  *lateness
	held  map[heldAt]ledger.HeldPolicy
	told  int64 // notifications that an entry said were made, and that are there
	under int64 // accesses held against the policy of their day
	done  int64 // entries
	took  time.Duration
	wrong string
}

func newRulesPass(v *verification) *rulesPass {
	return &rulesPass{v: v, late: newLateness(), held: map[heldAt]ledger.HeldPolicy{}}
}

// before holds a command's entries against the rules, on the views of before it.
func (p *rulesPass) before(view projection.View, group []ledger.Entry) error {
	defer p.timed(time.Now())
	if p.wrong != "" {
		return nil
	}
	p.late.begin(group)
	for i := range group {
		if err := p.entry(command{view, group}, &group[i]); err != nil || p.wrong != "" {
			return err
		}
	}
	return p.late.tasks(view, group)
}

// after takes note of what is waited for from now on, on the views with the command in them.
func (p *rulesPass) after(view projection.View, group []ledger.Entry) error {
	defer p.timed(time.Now())
	if p.wrong != "" {
		return nil
	}
	p.done += int64(len(group))
	for i := range group {
		switch group[i].Event.(type) {
		case *ledger.OrganisationRecorded, *ledger.PolicyRecorded, *ledger.RulesRaised:
			clear(p.held)
		}
		if err := p.late.follow(view, &group[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *rulesPass) timed(started time.Time) { p.took += time.Since(started) }

// command is the entries of one, and the views of before it.
type command struct {
	view  projection.View
	group []ledger.Entry
}

// entry holds one entry against the rules.
func (p *rulesPass) entry(c command, e *ledger.Entry) error {
	switch ev := e.Event.(type) {
	case *ledger.Accessed:
		p.under++
		if why, err := p.applied(c, e, ev); err != nil || why != "" {
			return p.breaks(e, why, err)
		}
		why, err := p.accessTold(c, e, ev)
		return p.breaks(e, why, err)
	case *ledger.AccessDenied:
		why, err := p.deniedRightly(c, e, ev)
		return p.breaks(e, why, err)
	case *ledger.AppointmentMissed:
		if why, err := p.missedRightly(c, e, ev); err != nil || why != "" {
			return p.breaks(e, why, err)
		}
		return p.breaks(e, p.toldOf(c, e, ev.Told, ledger.NotifyMissed), nil)
	case *ledger.AccessCorrected:
		return p.breaks(e, p.toldOf(c, e, ev.Told, ledger.NotifyCorrection), nil)
	case *ledger.NumberInactivated:
		return p.breaks(e, p.toldOf(c, e, ev.Tasks, ledger.NotifyInactive), nil)
	case *ledger.NotificationEscalated:
		return p.breaks(e, p.climbed(c, e, ev), nil)
	case *ledger.TransitionsDue:
		return p.breaks(e, p.counted(c, ev), nil)
	case *ledger.NotificationQueued:
		return p.breaks(e, p.wanted(c, e, ev), nil)
	case *ledger.EnrolmentLinked:
		why, err := p.linkedRightly(c, e, ev)
		return p.breaks(e, why, err)
	case *ledger.LinksOpened:
		why, err := p.openedRightly(c, e, ev)
		return p.breaks(e, why, err)
	case *ledger.LinksFollowed:
		why, err := p.followedRightly(c, e, ev)
		return p.breaks(e, why, err)
	}
	return nil
}

// breaks records that an entry breaks a rule, unless why is empty.
func (p *rulesPass) breaks(e *ledger.Entry, why string, err error) error {
	if err != nil || why == "" {
		return err
	}
	p.wrong = fmt.Sprintf("entry %d: %s", e.Seq, why)
	p.v.bad(e.Seq, why)
	return nil
}

// say reports the level, and what came late.
func (p *rulesPass) say(view projection.View, stopped bool) error {
	started := time.Now().Add(-p.took)
	detail := p.wrong
	switch {
	case detail != "":
	case stopped:
		detail = notChecked + " beyond the entry that failed"
	default:
		late, err := p.late.findings(view)
		if err != nil {
			return err
		}
		p.v.report.Findings = late
		detail = fmt.Sprintf("%d accesses under the policy of their day; %d notifications that had to be, are", p.under, p.told)
		if n := lateOf(late); n > 0 {
			detail += fmt.Sprintf("; %d things were late, see below", n)
		}
	}
	p.v.level(levelRules, p.wrong == "" && !stopped, p.done, started, detail)
	return nil
}
