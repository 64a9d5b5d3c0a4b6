package ledger

// Where no NHS number is known, care asks by exact names and birth date. That
// finds only rows that have no number either, and never a plan: the answer is
// which authorities to ring.

// Trace asks whether a provisional row has exactly these names and this birth
// date. What was asked travels sealed, as the actor's reason.
type Trace struct {
	Trace Tag `cbor:"1,keyasint"`
}

// Traced records a possible match.
type Traced struct {
	Authorities []string `cbor:"1,keyasint"`
	Profile     Seq      `cbor:"2,keyasint,omitempty"`
}

// NotTraced records that there was none.
type NotTraced struct {
	Profile Seq `cbor:"1,keyasint,omitempty"`
}

// Provisional is a row without an NHS number on an authority's worklist.
type Provisional struct {
	Authority string
	Standing  Standing
}

// IsProvisional reports whether the row has no NHS number but names to be found by.
func (s *Standing) IsProvisional() bool { return s.Reason == RowNumberMissing && !s.Trace.IsZero() }

// visible reports whether its plan would be shown on a day.
func (s *Standing) visible(on Day) bool {
	p := Plan{Type: s.Type, Start: s.Start, End: s.End}
	return p.Visible(on)
}

// Kind implements [Event].
func (Traced) Kind() Kind    { return KindTraced }
func (NotTraced) Kind() Kind { return KindNotTraced }

// Number implements [Request].
func (*Trace) Number() RequestKind { return RequestTrace }

// Discloses implements [Request].
func (*Trace) Discloses() bool { return true }

func (*Trace) action() Action { return ActTrace }

func (q *Trace) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	if _, ok, err := d.careSetting(); err != nil || !ok {
		return err
	}
	switch {
	case q.Trace.IsZero():
		d.refuse(RefusedState)
		return nil
	case len(d.sealed(PayloadReason)) == 0:
		d.refuse(RefusedReasonMissing)
		return nil
	}
	found, err := d.Provisionals(q.Trace)
	if err != nil {
		return err
	}
	e := &Traced{Profile: d.profile}
	for i := range found {
		if found[i].Standing.visible(d.today()) && !contains(e.Authorities, found[i].Authority) {
			e.Authorities = append(e.Authorities, found[i].Authority)
		}
	}
	if len(e.Authorities) == 0 {
		d.record(&NotTraced{Profile: d.profile}, PersonRef{}, d.sealed(PayloadReason)...)
		return nil
	}
	d.record(e, PersonRef{}, d.sealed(PayloadReason)...)
	return nil
}
