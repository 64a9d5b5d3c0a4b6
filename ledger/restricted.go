package ledger

// What "restricted" hides is shown to one role alone ([Hide]), and from rules
// version 4 on to nobody of that role who is not strongly signed in: who looked
// at such a child's record, and where, can lead to a refuge.

// sealedFrom denies, and records, what would show what is sealed of a restricted
// person to somebody whose sign-in is too weak for it. Where the request
// names the person, so does the denial: it stands in the person's own trail.
func (d *decider) sealedFrom(p PersonRef) (denied bool, err error) {
	if !d.four() || p.IsZero() || d.c.Actor.Assurance == strongAssurance {
		return false, nil
	}
	plans, _, err := PlansOf(d, p)
	if err != nil || !AnyRestricted(plans) {
		return false, err
	}
	d.deny(RefusedAssurance, 0)
	return true, nil
}
