package tools

import (
	"hash/maphash"
	"sort"
	"strings"

	"custos/api/cpis"
	"custos/ledger"
)

// planKey is what tells a plan from others of its authority.
type planKey struct{ nhs, kind, start string }

func keyOf(r *cpis.Row) planKey { return planKey{digits(r.NHSNumber), r.PlanType, r.Start} }

var between = strings.NewReplacer(" ", "", "-", "", "\u00a0", "")

// digits is an NHS number without what is put between its digits.
func digits(nhs string) string { return between.Replace(nhs) }

// meet takes one line of what is held: the plan of a row, one to pair later, or
// a row that became no plan.
func (c *compare) meet(l *heldLine) {
	if !l.plan() {
		c.loose = append(c.loose, l)
		return
	}
	key := keyOf(&l.Row)
	at, ok := c.index[maphash.Comparable(c.seed, key)]
	if !ok {
		at = -1
	}
	found := int32(-1)
	for ; at >= 0; at = c.rows[at].before {
		r := &c.rows[at]
		switch {
		case r.state != "" || keyOf(&r.Row) != key || twins(&r.Row, &l.Row):
		case r.LocalID == l.LocalID:
			c.join(r, l)
			return
		default:
			found = at // the first of the file
		}
	}
	if found < 0 {
		c.left = append(c.left, l)
		return
	}
	c.join(&c.rows[found], l)
}

// twins reports two unborn children of one mother.
func twins(a, b *cpis.Row) bool {
	return a.PlanType == "UCPP" && a.LocalID != "" && b.LocalID != "" && a.LocalID != b.LocalID
}

// join says that a row and a held plan are one plan.
func (c *compare) join(r *ownRow, l *heldLine) {
	r.state, r.held = stateSame, true
	for _, name := range c.columns {
		if column(&r.Row, name) != column(&l.Row, name) {
			r.fields = append(r.fields, name)
		}
	}
	if r.Delete != "" {
		r.fields = append(r.fields, "delete")
	}
	if len(r.fields) > 0 {
		r.state, r.there = stateDiffers, l
	}
}

// column is a row's value of a column.
func column(r *cpis.Row, name string) string {
	for i, v := range r.Values() {
		if cpis.Columns[i] == name {
			return v
		}
	}
	return ""
}

// pair finds plans whose start differs: of the same person and type, with the
// same local id or overlapping days, as an upload would find the one to correct.
func (c *compare) pair() {
	open := map[planKey][]int{}
	for i := range c.rows {
		if r := &c.rows[i]; r.state == "" && r.NHSNumber != "" {
			key := keyOf(&r.Row)
			key.start = ""
			open[key] = append(open[key], i)
		}
	}
	left := c.left[:0]
	for _, l := range c.left {
		key := keyOf(&l.Row)
		key.start = ""
		found := -1
		for _, i := range open[key] {
			r := &c.rows[i]
			if r.state != "" || twins(&r.Row, &l.Row) {
				continue
			}
			if r.LocalID != "" && r.LocalID == l.LocalID {
				found = i
				break
			}
			if found < 0 && overlap(&r.Row, &l.Row) {
				found = i
			}
		}
		if found < 0 {
			left = append(left, l)
			continue
		}
		c.join(&c.rows[found], l)
	}
	c.left = left
}

// overlap compares days as they are written: ISO 8601 sorts.
func overlap(a, b *cpis.Row) bool {
	end := func(r *cpis.Row) string {
		if r.End == "" {
			return "9999"
		}
		return r.End
	}
	return a.Start <= end(b) && b.Start <= end(a)
}

// The ways in which a row of the file is found to be one that became no plan
// there: by all that it says, by number, by local id, by name and birth date, and
// by person alone, for a record that broke a rule is not taken apart.
func whole(r *cpis.Row) string {
	return strings.Join([]string{digits(r.NHSNumber), r.PlanType, r.Start, r.End, r.LocalID, r.FamilyName, r.GivenNames, r.DateOfBirth}, "\x00")
}
func byNumber(r *cpis.Row) string  { return joined(digits(r.NHSNumber), r.PlanType, r.Start) }
func byLocalID(r *cpis.Row) string { return joined(r.LocalID, r.PlanType) }
func byName(r *cpis.Row) string {
	return joined(r.FamilyName, r.GivenNames, r.DateOfBirth, r.PlanType)
}
func byPerson(r *cpis.Row) string {
	return joined(digits(r.NHSNumber)+r.LocalID, r.FamilyName, r.GivenNames, r.DateOfBirth)
}

// place finds the rows of the file that became no plan there, by ways in their
// order. A row that says the very same may have a plan as well: one that was
// held before, and stays as it was.
func (c *compare) place(ways ...func(*cpis.Row) string) {
	for _, key := range ways {
		wanted := map[string][]int{}
		for _, l := range c.loose {
			if k := key(&l.Row); k != "" {
				wanted[k] = nil
			}
		}
		for i := range c.rows {
			r := &c.rows[i]
			k := key(&r.Row)
			if at, ok := wanted[k]; ok && r.reason == nil && (r.state == "" || len(ways) == 1) {
				wanted[k] = append(at, i)
			}
		}
		loose := c.loose[:0]
		for _, l := range c.loose {
			k := key(&l.Row)
			at := wanted[k]
			if len(at) == 0 {
				loose = append(loose, l)
				continue
			}
			r := &c.rows[at[0]]
			wanted[k] = at[1:]
			r.state, r.reason = state(l.State), l
		}
		c.loose = loose
	}
}

// joined is empty if a part is: nothing is found by what is missing.
func joined(parts ...string) string {
	for _, p := range parts {
		if p == "" {
			return ""
		}
	}
	return strings.Join(parts, "\x00")
}

// settle says what the rows are that nothing there speaks of.
func (c *compare) settle(today ledger.Day) {
	for i := range c.rows {
		r := &c.rows[i]
		switch {
		case r.state != "":
		case r.Delete != "":
			r.state = stateSame // to be taken out, and not there
		case !visibleOn(&r.Row, today):
			r.state = stateEndedHere
		default:
			r.state = stateHere
		}
	}
	sort.SliceStable(c.left, func(i, j int) bool {
		a, b := &c.left[i].Row, &c.left[j].Row
		return joinedRow(a) < joinedRow(b)
	})
}

func joinedRow(r *cpis.Row) string { return r.NHSNumber + r.PlanType + r.Start + r.LocalID }

// visibleOn reports whether the service would still show the plan. A plan that
// cannot be told is one to look at.
func visibleOn(r *cpis.Row, today ledger.Day) bool {
	if r.End == "" {
		return true
	}
	kind, ok := ledger.ParsePlanType(r.PlanType)
	start, err := ledger.ParseDay(r.Start)
	end, err2 := ledger.ParseDay(r.End)
	if !ok || err != nil || err2 != nil || start > today {
		return true
	}
	p := ledger.Plan{Type: kind, Start: start, End: end}
	return p.Visible(today)
}

// judge says what each row is, when all that is held was met.
func (c *compare) judge(today ledger.Day) {
	c.place(whole)
	c.pair()
	c.place(byNumber, byLocalID, byName, byPerson)
	c.settle(today)
}
