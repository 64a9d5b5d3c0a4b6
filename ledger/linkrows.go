package ledger

import "slices"

// LinkedRows are the rows that a source's links of a person come to on a day, as
// [FollowLinks] asks for them: what still stands and no more, for where a child
// was before there was a plan is nobody's business. Where something of the
// source's is kept of the person already, it is every row in its order, for
// each of them may change what is kept.
func LinkedRows(p PersonRef, links []LinkDetails, kept bool, today Day) []EnrolmentRow {
	var out []EnrolmentRow
	add := func(l LinkDetails) {
		out = append(out, EnrolmentRow{N: len(out) + 1, Person: p, Place: l.Place, From: l.From, To: l.To, Change: l.Change})
	}
	if kept {
		for i := range links {
			add(links[i])
		}
		return out
	}
	var spans []LinkDetails
	for i := range links {
		spans = links[i].follow(spans)
	}
	for i := range spans {
		if spans[i].To == 0 || spans[i].To >= today {
			spans[i].Change = EnrolmentJoins // what its move ended has ended above, or again been said otherwise
			add(spans[i])
		}
	}
	return out
}

// follow changes what joins and moves say so far, as the row says. At one place
// the later word counts.
func (l *LinkDetails) follow(have []LinkDetails) []LinkDetails {
	overlaps := func(s LinkDetails) bool {
		return s.Place == l.Place && (l.To == 0 || s.From <= l.To) && (s.To == 0 || l.From <= s.To)
	}
	switch l.Change {
	case EnrolmentLeaves:
		last := -1
		for i, s := range have {
			if s.Place == l.Place && s.From <= l.To && (last < 0 || s.From >= have[last].From) {
				last = i
			}
		}
		if last >= 0 {
			have[last].To = l.To
		}
		return have
	case EnrolmentWithdrawn:
		return slices.DeleteFunc(have, func(s LinkDetails) bool { return s.Place == l.Place && s.From == l.From })
	case EnrolmentMoves:
		for i, s := range have {
			if s.Place != l.Place && s.Place.sort() == l.Place.sort() && s.From < l.From && (s.To == 0 || s.To >= l.From) {
				have[i].To = l.From - 1
			}
		}
	}
	return append(slices.DeleteFunc(have, overlaps), *l)
}
