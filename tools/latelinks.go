package tools

import (
	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// linkGrace is what a leader may take to follow links, or to let them go. It looks
// every second, and follows one after another: an authority's first file may find
// links of thousands of children due at once.
const linkGrace = 10 * ledger.Minute

// links holds what became of links against when it was due, on the views of before it.
func (l *lateness) links(view projection.View, e *ledger.Entry, ev *ledger.LinksFollowed) error {
	have, err := view.Links(e.Person.Ref, ev.Source)
	if err != nil {
		return err
	}
	shown, due, err := dueSince(view, e.Person.Ref, &have, e.Time.Day())
	if err != nil {
		return err
	}
	if shown {
		l.linked.Checked++
		l.linked.judge(e.Seq, due, l.seen(due), e.Time)
		return nil
	}
	if due, err = overSince(view, ev.Source, &have, e.Time.Day()); err != nil {
		return err
	}
	l.over.Checked++
	l.over.judge(e.Seq, due, l.seen(due), e.Time)
	return nil
}

// seen is the time of the first entry that may have seen something due: the one
// that made it due, or the first of its day.
func (l *lateness) seen(due ledger.Time) ledger.Time {
	if day := due.Day(); due == day.Start() {
		return l.firstSince(day)
	}
	return due
}

// dueSince says since when a person has a plan for which links are to be followed.
// A plan may have been there first, or have begun later, and links may have come
// to it with another number.
func dueSince(view projection.View, p ledger.PersonRef, have *ledger.Links, today ledger.Day) (shown bool, since ledger.Time, err error) {
	plans, err := view.Plans(p)
	if err != nil {
		return false, 0, err
	}
	for i := range plans {
		if q := &plans[i]; q.Visible(today) {
			if from := max(q.Recorded, q.Start.Start()); !shown || from < since {
				shown, since = true, from
			}
		}
	}
	return shown, max(since, have.Due), nil
}

// overSince says when the time of links was over: on their last day, or when
// policy changed after it.
func overSince(view projection.View, source string, have *ledger.Links, today ledger.Day) (ledger.Time, error) {
	h, err := ledger.PolicyOn(view, source, today)
	if err != nil {
		return 0, err
	}
	last := have.Said.Day() // nobody may keep them from here on
	if h.Links == ledger.Yes {
		last += ledger.Day(h.LinkDays)
	}
	of := h.Of[ledger.ItemLinks]
	said := of.From.Start()
	if of.Seq != 0 {
		e, err := store.Entry(view.R, of.Seq)
		if err != nil {
			return 0, err
		}
		said = max(said, e.Time)
	}
	return max(last.Start(), said, have.Said), nil
}

// waiting finds the links that still wait at the end of the ledger, and should not.
func (l *lateness) waiting(view projection.View) error {
	due, err := view.DueLinks(l.last.Day(), ledger.MaxDue)
	if err != nil {
		return err
	}
	for i := range due {
		_, since, err := dueSince(view, due[i].Person, &due[i].Links, l.last.Day())
		if err != nil {
			return err
		}
		if l.last-l.seen(since) > linkGrace {
			l.linked.open(due[i].Links.Newest, l.last-since)
		}
	}
	over, err := ledger.LinksOver(view, l.last.Day(), ledger.MaxDue)
	if err != nil {
		return err
	}
	for i := range over {
		have, err := view.Links(over[i].Person, over[i].Source)
		if err != nil {
			return err
		}
		since, err := overSince(view, over[i].Source, &have, l.last.Day())
		if err != nil {
			return err
		}
		if l.last-l.seen(since) > linkGrace {
			l.over.open(have.Newest, l.last-since)
		}
	}
	return nil
}
