package ledger

import "slices"

// Who is in nobody's caseload changes with the date alone: an assignment ends,
// a plan passes out of sight. What is folded holds dates and never statuses, so
// it is kept as spans of days, computed once when a fact changes and asked by
// the day. Nothing has to run at midnight, and nothing is looked through.

// Days is a span of time in whole days, both ends included; To is zero while it has no end.
type Days struct {
	From Day `cbor:"1,keyasint"`
	To   Day `cbor:"2,keyasint,omitempty"`
}

// Gap is when somebody with a visible plan is in no live caseload, as far as
// one authority is concerned.
type Gap struct {
	Authority string `cbor:"1,keyasint"`
	Spans     []Days `cbor:"2,keyasint"`
}

// Stayed is what is kept of a person to tell when nobody's caseload has them:
// where they were ever enrolled, and the gaps as they follow from the facts.
type Stayed struct {
	Places []StayedAt `cbor:"1,keyasint,omitempty"`
	Gaps   []Gap      `cbor:"2,keyasint,omitempty"`
}

// StayedAt is a place, and the number under which the person was enrolled there
// if that is one which led to this.
type StayedAt struct {
	Place Place     `cbor:"1,keyasint"`
	As    PersonRef `cbor:"2,keyasint,omitzero"`
}

// At reports whether one of the spans holds a day.
func At(spans []Days, d Day) bool {
	for _, s := range spans {
		if s.From <= d && (s.To == 0 || d <= s.To) {
			return true
		}
	}
	return false
}

// Stay is a person's time at one place: the enrolments, whose caseload the place
// is, and the authority it lies in, if that is known.
type Stay struct {
	Authority string
	Enrolled  []Enrolment
	Assigned  []Assignment
}

// Gaps says when, from a day on, a person's visible plans are in no live
// caseload, for each authority that must see to it: those whose plans they are,
// and those where the person is enrolled. So a child placed across a border is
// on both lists. They come in order of authority.
func Gaps(plans []Plan, stays []Stay, from Day) []Gap {
	var all, covered []Days
	visible := map[string][]Days{}
	for i := range plans {
		p := &plans[i]
		until := p.VisibleUntil()
		if until != 0 && until < p.Start {
			continue
		}
		s := Days{p.Start, until}
		all = append(all, s)
		visible[p.Authority] = append(visible[p.Authority], s)
	}
	if len(all) == 0 {
		return nil
	}
	for i := range stays {
		covered = append(covered, both(stays[i].enrolled(), assigned(stays[i].Assigned))...)
	}
	all = joined(all)
	for i := range stays {
		if s := &stays[i]; s.Authority != "" {
			visible[s.Authority] = append(visible[s.Authority], both(all, s.enrolled())...)
		}
	}
	covered = joined(covered)
	var out []Gap
	for authority, spans := range visible {
		left := minus(joined(spans), covered)
		left = slices.DeleteFunc(left, func(s Days) bool { return s.last() < from })
		if len(left) > 0 {
			out = append(out, Gap{authority, left})
		}
	}
	slices.SortFunc(out, func(a, b Gap) int {
		if a.Authority < b.Authority {
			return -1
		}
		return 1
	})
	return out
}

func (s *Stay) enrolled() []Days {
	out := make([]Days, 0, len(s.Enrolled))
	for i := range s.Enrolled {
		out = append(out, Days{s.Enrolled[i].From, s.Enrolled[i].To})
	}
	return joined(out)
}

func assigned(all []Assignment) []Days {
	out := make([]Days, 0, len(all))
	for i := range all {
		out = append(out, Days{all[i].From, all[i].To})
	}
	return joined(out)
}

// never is later than any day.
const never Day = 1<<31 - 1

// last is the span's last day; without an end one that never comes.
func (s Days) last() Day {
	if s.To == 0 {
		return never
	}
	return s.To
}

func daysTo(from, last Day) Days {
	if last == never {
		last = 0
	}
	return Days{from, last}
}

// joined sorts spans and joins those that meet. One that ends before it begins
// is none: an assignment that was ended before its time.
func joined(spans []Days) []Days {
	spans = slices.DeleteFunc(spans, func(s Days) bool { return s.last() < s.From })
	slices.SortFunc(spans, func(a, b Days) int { return int(a.From) - int(b.From) })
	var out []Days
	for _, s := range spans {
		if n := len(out) - 1; n >= 0 && (out[n].To == 0 || s.From <= out[n].To+1) {
			out[n] = daysTo(out[n].From, max(out[n].last(), s.last()))
			continue
		}
		out = append(out, s)
	}
	return out
}

// both gives the days that are in a and in b; each is joined.
func both(a, b []Days) []Days {
	var out []Days
	for _, x := range a {
		for _, y := range b {
			if from, last := max(x.From, y.From), min(x.last(), y.last()); from <= last {
				out = append(out, daysTo(from, last))
			}
		}
	}
	return out
}

// minus gives the days of a that are not in b; each is joined.
func minus(a, b []Days) []Days {
	var out []Days
	for _, x := range a {
		from := x.From
		gone := false
		for _, y := range b {
			if y.last() < from || x.last() < y.From {
				continue
			}
			if from < y.From {
				out = append(out, daysTo(from, y.From-1))
			}
			if gone = y.last() >= x.last(); gone {
				break
			}
			from = y.last() + 1
		}
		if !gone {
			out = append(out, daysTo(from, x.last()))
		}
	}
	return out
}
