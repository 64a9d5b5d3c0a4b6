package ledger

import "slices"

// deepest is how many places are asked on the way up to the nation: an
// organisation's parents may have been recorded in a circle.
const deepest = 8

// Source says which place's word an item is.
type Source struct {
	Place string // empty: nobody said it, and the default holds
	Seq   Seq    // the entry; zero: the organisation's own record
	From  Day
}

// HeldPolicy is what holds at a place on a day: every item is Yes or No, and
// Roles lists who may look up there, or nobody by name, which is everybody who
// may at all.
type HeldPolicy struct {
	Policy
	Of [policyItems]Source
}

// PolicyOn says what holds at a place on a day. Of each item the nearest place
// that says anything of it is believed: the place itself, its own record, its
// parents in turn, the nation. What nobody says is as it was before there were
// policies: live, told, shown, open to each role; a place's setting is its
// record's; an authority whose plan has ended is not told, and no links are kept.
func PolicyOn(v View, code string, on Day) (HeldPolicy, error) {
	o, _, err := v.Organisation(code)
	if err != nil {
		return HeldPolicy{}, err
	}
	return policyOn(v, code, &o, on)
}

func policyOn(v View, code string, o *Organisation, on Day) (HeldPolicy, error) {
	var h HeldPolicy
	var room [deepest]spoken
	up, err := upwards(v, code, o, room[:0])
	if err != nil {
		return h, err
	}
	for i := range up {
		h.hear(&up[i], on)
		if i == 0 {
			h.record(o, on)
		}
	}
	h.settle(o)
	return h, nil
}

// spoken is a place with all that it has said.
type spoken struct {
	place string
	said  []DatedPolicy
}

// upwards appends a place, its parents and the nation, in this order.
func upwards(v View, code string, o *Organisation, out []spoken) ([]spoken, error) {
	at, parent := code, o.Parent
	for {
		said, err := v.Policies(at)
		if err != nil {
			return nil, err
		}
		out = append(out, spoken{at, said})
		if at == Nation {
			return out, nil
		}
		if parent == "" || len(out) == deepest-1 {
			parent = Nation
		}
		if at = parent; at == Nation {
			continue
		}
		above, _, err := v.Organisation(at)
		if err != nil {
			return nil, err
		}
		parent = above.Parent
	}
}

// PlacesAbove lists the places above one, the nation last.
func PlacesAbove(v View, code string) ([]string, error) {
	o, _, err := v.Organisation(code)
	if err != nil {
		return nil, err
	}
	up, err := upwards(v, code, &o, nil)
	if err != nil || len(up) == 0 {
		return nil, err
	}
	var out []string
	for _, s := range up[1:] {
		out = append(out, s.place)
	}
	return out, nil
}

// hear believes a place on whatever no nearer place has said. Of one item the
// newest entry that says something counts, and silence is something.
func (h *HeldPolicy) hear(s *spoken, on Day) {
	var heard [policyItems]bool
	for n := len(s.said) - 1; n >= 0; n-- {
		e := &s.said[n]
		if e.From > on {
			continue
		}
		for i := range policyItems {
			c := e.Says.choice(i)
			if heard[i] || c == NotSaid {
				continue
			}
			heard[i] = true
			if c != Inherited && h.choice(i) == NotSaid {
				h.set(i, &e.Says, Source{s.place, e.Seq, e.From})
			}
		}
	}
}

func (h *HeldPolicy) set(i PolicyItem, p *Policy, of Source) {
	switch i {
	case ItemLive:
		h.Live = p.Live
	case ItemSetting:
		h.Unscheduled = p.Unscheduled
	case ItemNotify:
		h.Notify = p.Notify
	case ItemHistory:
		h.History = p.History
	case ItemRoles:
		h.Roles = p.Roles
	case ItemEnded:
		h.Ended = p.Ended
	case ItemLinks:
		h.Links, h.DPIA, h.LinkDays = p.Links, p.DPIA, p.LinkDays
	}
	h.Of[i] = of
}

// record believes an organisation's own record, where it is not zero: only
// then does it say something.
func (h *HeldPolicy) record(o *Organisation, on Day) {
	of := Source{Place: o.Code}
	says := Policy{}
	if o.Silent {
		says.Notify = No
	}
	if o.Hidden {
		says.History = No
	}
	if o.Live != 0 {
		of.From = o.Live
		says.Live = choose(on >= o.Live)
	}
	for _, i := range []PolicyItem{ItemLive, ItemNotify, ItemHistory} {
		if says.choice(i) != NotSaid && h.choice(i) == NotSaid {
			h.set(i, &says, of)
		}
	}
}

// settle fills in what nobody said.
func (h *HeldPolicy) settle(o *Organisation) {
	if h.Unscheduled == NotSaid && o.Setting != SettingNone {
		h.Of[ItemSetting] = Source{Place: o.Code}
	}
	for _, s := range []struct {
		of        *Choice
		otherwise Choice
	}{
		{&h.Unscheduled, choose(o.Setting == SettingUnscheduled)}, {&h.Notify, Yes}, {&h.History, Yes}, {&h.Live, Yes}, {&h.Ended, No}, {&h.Links, No},
	} {
		if *s.of == NotSaid {
			*s.of = s.otherwise
		}
	}
	if h.Links == Yes && h.LinkDays == 0 {
		h.LinkDays = LinkDays
	}
}

func choose(b bool) Choice {
	if b {
		return Yes
	}
	return No
}

// LiveFrom returns the first day after a given one on which the service answers
// at a place, by what is recorded now; zero if none is set.
func LiveFrom(v View, code string, after Day) (Day, error) {
	o, _, err := v.Organisation(code)
	if err != nil {
		return 0, err
	}
	up, err := upwards(v, code, &o, nil)
	if err != nil {
		return 0, err
	}
	days := []Day{o.Live}
	for _, s := range up {
		for i := range s.said {
			if s.said[i].Says.Live != NotSaid {
				days = append(days, s.said[i].From)
			}
		}
	}
	slices.Sort(days)
	for _, day := range days {
		if day <= after {
			continue
		}
		if h, err := policyOn(v, code, &o, day); err != nil || h.Live == Yes {
			return day, err
		}
	}
	return 0, nil
}

// MayLookUp reports whether a role may look people up there.
func (h *HeldPolicy) MayLookUp(r Role) bool {
	return len(h.Roles) == 0 || slices.Contains(h.Roles, r)
}

// governs puts the policy into the record by which a lookup is decided.
func (h *HeldPolicy) governs(o *Organisation) {
	o.Setting = SettingScheduled
	if h.Unscheduled == Yes {
		o.Setting = SettingUnscheduled
	}
	o.Silent, o.Hidden = h.Notify == No, h.History == No
}
