package cpis

// repeats remembers which plans stood in a file already. A number of ten digits,
// a type and a day fit into 64 bits, so that 225,000 plans take a few megabytes.
type repeats struct {
	plans  map[uint64]struct{}
	unborn map[string]struct{}
}

// note tells which of a record's plans stood in the file before, and remembers
// them if none did: a record that is rejected must not stand in the way of one
// that comes after it. A person without an NHS number is nobody yet. Unborn
// children of one mother are told apart by the authority's own ids: they may be
// twins.
func (k *repeats) note(r *Record) (Detail, string) {
	if k.plans == nil {
		k.plans, k.unborn = map[uint64]struct{}{}, map[string]struct{}{}
	}
	for i := range r.Plans {
		key, name := repeatKey(r, &r.Plans[i])
		_, seen := k.plans[key]
		if name != "" {
			_, seen = k.unborn[name]
		}
		if seen {
			t := templateOf(r.Plans[i].Type, uploaded)
			return PlanRepeated, r.planPlace(i) + "/" + t.place(t.start)
		}
	}
	for i := range r.Plans {
		switch key, name := repeatKey(r, &r.Plans[i]); {
		case name != "":
			k.unborn[name] = struct{}{}
		case key != 0:
			k.plans[key] = struct{}{}
		}
	}
	return "", ""
}

// repeatKey is what a plan is remembered by: a number, or a name; neither for
// somebody without an NHS number.
func repeatKey(r *Record, p *Plan) (key uint64, name string) {
	s := r.Of(p)
	n, ok := digits([]byte(s.NHSNumber), 0, 10)
	if !ok {
		return 0, ""
	}
	if s.Unborn && s.LocalID != "" {
		return 0, s.NHSNumber + "\x00" + p.Start.Date().ISO() + "\x00" + s.LocalID
	}
	return uint64(n)<<30 | uint64(p.Type)<<28 | uint64(p.Start.Date()), "" // 34, 2 and 28 bits
}
