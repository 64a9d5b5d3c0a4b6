package tools

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
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
