package ledger

// Links do not wait for ever. The policy of whoever sent them says for how many
// days since it last said anything of the person; then the leader has them let
// go, in the person's own chain, and what is sealed of them leaves the store.
// When a plan appears after that, the source is asked again, as for a row that
// was never kept.

// How many days links wait for a plan.
const (
	LinkDays    = 400 // where policy allows links and says no number: a yearly file, and a month for one that is late
	MinLinkDays = 28
	MaxLinkDays = 731
)

// LinksExpired is the code of links whose time is over and that no plan has come for.
const LinksExpired = "links-expired"

// soundLinks reports whether what a policy says of links is whole: the assessment
// that allows them, and a time within bounds if it names one.
func (p *Policy) soundLinks() bool {
	if p.Links != Yes {
		return p.DPIA == "" && p.LinkDays == 0
	}
	return p.DPIA != "" && (p.LinkDays == 0 || MinLinkDays <= p.LinkDays && p.LinkDays <= MaxLinkDays)
}

// LinksOver returns the newest day on which a source may have said something of
// a person whose links are over today, and why they are.
func (h *HeldPolicy) LinksOver(today Day) (Day, string) {
	if h.Links != Yes {
		return today, LinksNotPermitted
	}
	return today - Day(h.LinkDays), LinksExpired
}

// OverLinks are links that nobody waits for any longer.
type OverLinks struct {
	Person PersonRef
	Source string
	Code   string
}

// LinksOver lists, at most so many, the links that are over on a day, by source
// and in order of when it last spoke. Those of a person who has a visible plan
// are not: they are followed, or let go when they are to be opened.
func LinksOver(v View, today Day, limit int) ([]OverLinks, error) {
	if limit <= 0 {
		return nil, nil
	}
	sources, err := v.LinkSources()
	if err != nil {
		return nil, err
	}
	var out []OverLinks
	for _, source := range sources {
		held, err := PolicyOn(v, source, today)
		if err != nil {
			return nil, err
		}
		through, code := held.LinksOver(today)
		var after DueDay
		for more := true; more; {
			said, err := v.LinksSaid(source, through, after, MaxDue)
			if err != nil {
				return nil, err
			}
			more = len(said) == MaxDue
			for _, after = range said {
				visible, err := visibleOn(v, after.Person, today)
				if err != nil {
					return nil, err
				}
				if visible {
					continue
				}
				if out = append(out, OverLinks{after.Person, source, code}); len(out) == limit {
					return out, nil
				}
			}
		}
	}
	return out, nil
}

// letGo records that links are over.
func (d *decider) letGo(over []OverLinks) error {
	for _, at := range over {
		l, err := d.Links(at.Person, at.Source)
		if err != nil {
			return err
		}
		d.record(&LinksFollowed{Source: at.Source, Links: l.seqs(), Code: at.Code}, at.Person)
	}
	return nil
}

// LetGo reports whether what is sealed of the links has no use any more. What
// was followed stays as the proof of what is recorded, and what does not open to
// find out why.
func (e *LinksFollowed) LetGo() bool { return e.Code == LinksExpired || e.Code == LinksNotPermitted }
