package ledger

import "slices"

// linksOf is whose links, and of whom.
type linksOf struct {
	person PersonRef
	source string
}

func (v *fakeView) Links(p PersonRef, source string) (Links, error) {
	return v.links[linksOf{p, source}], v.err
}

func (v *fakeView) LinkSources() ([]string, error) {
	var out []string
	for at := range v.links {
		if !slices.Contains(out, at.source) {
			out = append(out, at.source)
		}
	}
	slices.Sort(out)
	return out, v.err
}

func (v *fakeView) LinksSaid(source string, through Day, after DueDay, limit int) ([]DueDay, error) {
	var out []DueDay
	for at, l := range v.links {
		if said := (DueDay{l.Said.Day(), at.person}); at.source == source && said.Day <= through && said.after(after) {
			out = append(out, said)
		}
	}
	slices.SortFunc(out, func(a, b DueDay) int { return map[bool]int{true: 1, false: -1}[a.after(b)] })
	return out[:min(limit, len(out))], v.err
}

// asked notes whether a source is asked for a person's enrolment again.
func (v *fakeView) asked(ref PersonRef, source string, again bool) {
	if v.wanted[source] == nil {
		v.wanted[source] = map[PersonRef]bool{}
	}
	if v.wanted[source][ref] = again; !again {
		delete(v.wanted[source], ref)
	}
}

// pass lets go what waits when a row of the same source is recorded past it, as
// one is whose source may keep no links any more; it is asked again. A command of
// the system has no organisation, and so passes nothing.
func (v *fakeView) pass(ref PersonRef, source string) {
	if _, waits := v.links[linksOf{ref, source}]; waits {
		delete(v.links, linksOf{ref, source})
		v.asked(ref, source, true)
	}
}

func (v *fakeView) link(e *Entry, ref PersonRef, source string, q Request) {
	switch x := e.Event.(type) {
	case *EnrolmentLinked:
		at := linksOf{ref, source}
		v.links[at] = v.links[at].Add(x, e.Seq, e.Time)
	case *LinksOpened:
		l := v.links[linksOf{ref, x.Source}]
		l.Opened = e.Seq
		v.links[linksOf{ref, x.Source}] = l
	case *LinksFollowed:
		delete(v.links, linksOf{ref, x.Source})
		if x.Code != "" {
			v.unkept[ref] = append(v.unkept[ref], x.Source)
		}
		plans, _ := v.Plans(ref)
		v.asked(ref, x.Source, x.Code != "" && len(plans) > 0)
	case *EnrolmentRejected:
		if f, ok := q.(*FollowLinks); ok {
			v.asked(ref, f.Source, true)
		}
	}
}
