package tools

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"custos/api/cpis"
	"custos/ledger"
)

// compare sets an authority's own file beside what the service holds for it.
type compare struct {
	a        *app
	of       serviceFlags
	all      bool
	patience time.Duration

	columns    []string // that the file has and both sides can differ in
	rows       []ownRow
	seed       maphash.Seed
	index      map[uint64]int32 // the last row of a key's hash; rows chain to the one before
	repeated   int
	unreadable int

	left  []*heldLine // plans there that no row of the same start speaks of
	loose []*heldLine // rows there that became no plan
	ages  map[uint64]standing
}

// ownRow is one row of the authority's file, and what it was found to be.
type ownRow struct {
	cpis.Row
	n      int
	before int32 // the row of the same hash before it; -1
	state  state
	held   bool // a plan there is this one
	fields []string
	there  *heldLine // the plan, where it differs
	reason *heldLine // the row of the authority's that became no plan, or none any more
}

// A state is how a row stands: it is the interface's word.
type state string

// The states. Those up to stateRejected but the first are differences.
const (
	stateSame      state = "same"
	stateDiffers   state = "differs"
	stateHere      state = "only-here"
	stateThere     state = "only-there"
	stateUnmatched state = "unmatched"
	stateRejected  state = "rejected"

	stateEndedThere state = "ended-there" // held as ended; the file need not name it
	stateEndedHere  state = "ended-here"  // ended too long ago to be held
)

var states = []state{stateSame, stateDiffers, stateHere, stateThere, stateUnmatched, stateRejected, stateEndedThere, stateEndedHere}

func (s state) difference() bool {
	return s != stateSame && s != stateEndedThere && s != stateEndedHere
}

func (a *app) cpisCompareCommand() *cobra.Command {
	c := &compare{a: a}
	cmd := &cobra.Command{
		Use: "compare FILE", Short: "Set an authority's own export beside what the service holds, row by row",
		Long: "Set an authority's own export (message 01, CSV or JSON, every plan in force) beside what the service holds for\n" +
			"it, row by row: the same; differs, and in what; only here; only there; unmatched there, with reason and age;\n" +
			"rejected there, of the newest file. Rows that are the same are counted, and shown with --all; so are plans that\n" +
			"ended: held there and not named here, or ended here too long ago to be held. Neither is a difference.\n\n" +
			"What is printed holds names, NHS numbers and birth dates: FILE's, and those that your own authority sent before.\n" +
			"Do not send it where FILE itself may not go. Each reading is recorded by the service, with everybody in it.\n\n" +
			"Exit codes: 0 the same; 7 they differ; 3 FILE, or a record of it, cannot be read; 2 usage; 5 no server, or none\n" +
			"that answers in time; 6 not permitted.",
		Args: exactly(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error { return c.run(args[0]) },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "text" && a.output != "json" && a.output != "csv" {
				return failf(ExitUsage, "-o takes text, json or csv")
			}
			return nil
		},
	}
	c.of.add(cmd)
	f := cmd.Flags()
	f.StringVarP(&a.output, "output", "o", "text", "text, json or csv")
	f.BoolVar(&c.all, "all", false, "show what is the same, and what ended, as well")
	f.DurationVar(&c.patience, "patience", 10*time.Minute, "how long to go on asking for an answer")
	return cmd
}

func (c *compare) run(path string) error {
	s, err := c.of.open()
	if err != nil {
		return err
	}
	if err := c.load(path); err != nil {
		return failing(ExitUnreadable, err)
	}
	err = c.a.persist(c.patience, func(ctx context.Context, key string) error {
		c.forget()
		if err := s.holdings(ctx, key, c.meet); err != nil {
			return err
		}
		var err error
		c.ages, err = s.worklist(ctx)
		return err
	})
	if err != nil {
		return err
	}
	c.judge(ledger.Of(time.Now()).Day())
	different, err := c.print()
	switch {
	case err != nil:
		return failing(ExitUnreadable, err)
	case c.unreadable > 0:
		return failf(ExitUnreadable, "%d records of the file cannot be read", c.unreadable)
	case different:
		return &failure{ExitDiffers, errSaid}
	}
	return nil
}

// judge says what each row is, when all that is held was met.
func (c *compare) judge(today ledger.Day) {
	c.place(whole)
	c.pair()
	c.place(byNumber, byLocalID, byName, byPerson)
	c.settle(today)
}

// planKey is what tells a plan from others of its authority.
type planKey struct{ nhs, kind, start string }

func keyOf(r *cpis.Row) planKey { return planKey{digits(r.NHSNumber), r.PlanType, r.Start} }

var between = strings.NewReplacer(" ", "", "-", "", "\u00a0", "")

// digits is an NHS number without what is put between its digits.
func digits(nhs string) string { return between.Replace(nhs) }

// load reads the file: some 300 bytes a row stay in memory.
func (c *compare) load(path string) error {
	in, err := openRows(path)
	if err != nil {
		return err
	}
	defer in.close()
	c.begin()
	var has [2]bool // JSON says only by its values whether it has teams and workers
	for {
		row, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		var lost *rowError
		switch {
		case errors.As(err, &lost) && lost.row != cpis.Row{}:
			row = lost.row // it breaks a rule, and the service will have said so
		case lost != nil:
			c.unreadable++
			fmt.Fprintln(c.a.stderr, lost)
			continue
		case err != nil:
			return err
		}
		has[0], has[1] = has[0] || row.Team != "", has[1] || row.Worker != ""
		c.add(in.n, row)
	}
	c.columns = []string{"family_name", "given_names", "date_of_birth", "start", "end", "local_id"}
	for i, name := range []string{"team", "worker"} {
		if has[i] {
			c.columns = append(c.columns, name)
		}
	}
	return nil
}

func (c *compare) begin() { c.seed, c.index = maphash.MakeSeed(), map[uint64]int32{} }

func (c *compare) add(n int, row cpis.Row) {
	key := maphash.Comparable(c.seed, keyOf(&row))
	before, ok := c.index[key]
	if !ok {
		before = -1
	}
	for i := before; i >= 0; i = c.rows[i].before {
		if c.rows[i].Row == row {
			c.repeated++
			return
		}
	}
	c.index[key] = int32(len(c.rows))
	c.rows = append(c.rows, ownRow{Row: row, n: n, before: before})
}

// forget makes ready for a reading from its beginning.
func (c *compare) forget() {
	c.left, c.loose = nil, nil
	for i := range c.rows {
		r := &c.rows[i]
		r.state, r.held, r.fields, r.there, r.reason = "", false, nil, nil, nil
	}
}

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
