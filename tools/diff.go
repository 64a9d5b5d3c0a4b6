package tools

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"custos/ledger"
)

// diffReport is what diff -o json prints.
type diffReport struct {
	Verdict string      `json:"verdict"` // same, continues or differs
	Common  ledger.Seq  `json:"common"`  // entries that are the same in both
	SizeA   ledger.Seq  `json:"sizeA"`
	SizeB   ledger.Seq  `json:"sizeB"`
	Seq     *ledger.Seq `json:"seq,omitempty"`   // the first that differs
	KindA   string      `json:"kindA,omitempty"` // and what it is in each
	KindB   string      `json:"kindB,omitempty"`
	State   []string    `json:"state,omitempty"` // of two state entries: which parts of what the views say differ
}

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use: "diff A B", Short: "Name the first entry in which two copies of a ledger differ",
		Long: "Name the first entry in which two copies of a ledger differ, by the records' own bytes.\n\n" +
			"A and B are data folders of stopped nodes, or copies. Exit 0: they are the same, or one goes on from\n" +
			"the other. Exit 1: they are two histories. Whether either of them is intact is for verify to say.",
		Args: exactly(2, "two data folders"),
		RunE: func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1]) },
	}
}

func (a *app) diff(dirA, dirB string) error {
	fa, err := openFolder(dirA)
	if err != nil {
		return fmt.Errorf("the first folder: %w", err)
	}
	defer func() { _ = fa.close() }()
	fb, err := openFolder(dirB)
	if err != nil {
		return fmt.Errorf("the second folder: %w", err)
	}
	defer func() { _ = fb.close() }()
	r := diffReport{Verdict: "same", SizeA: fa.db.Head().Size, SizeB: fb.db.Head().Size}
	if err := guard(func() error { return a.compare(fa, fb, &r) }); err != nil {
		fa.struck, fb.struck = true, true
		var damaged *damagedError
		if errors.As(err, &damaged) {
			return failf(ExitIntegrity, "after %d entries that are the same in both: %w; verify says whose", r.Common, err)
		}
		return err
	}
	if a.json() {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintln(a.stdout, r.text()); err != nil {
		return failing(ExitUnreadable, err)
	}
	if r.Verdict == "differs" {
		return failing(ExitIntegrity, errSaid)
	}
	return nil
}

// compare walks both in step.
func (a *app) compare(fa, fb *folder, r *diffReport) error {
	size := min(r.SizeA, r.SizeB)
	bar := a.progress(int64(size), "entries")
	defer bar.done()
	next, stop := iter.Pull2(fb.db.Records(0, size))
	defer stop()
	for record, err := range fa.db.Records(0, size) {
		other, errB, ok := next()
		if err = errors.Join(err, errB); err != nil {
			return failing(ExitUnreadable, err)
		}
		if !ok || !bytes.Equal(record, other) {
			n := r.Common
			r.Verdict, r.Seq, r.KindA, r.KindB = "differs", &n, kindOf(record), kindOf(other)
			r.State = statesDiffer(record, other)
			return nil
		}
		r.Common++
		bar.at(int64(r.Common))
	}
	if r.SizeA != r.SizeB {
		r.Verdict = "continues"
	}
	return nil
}

func kindOf(record []byte) string {
	e, err := ledger.ParseHeader(record)
	if err != nil {
		return "not an entry"
	}
	return e.Kind.String()
}

// statesDiffer names what two state entries say otherwise; nothing if they are none.
func statesDiffer(a, b []byte) []string {
	one, two := stateOf(a), stateOf(b)
	if one == nil || two == nil {
		return nil
	}
	var out []string
	for _, part := range []struct {
		name string
		same bool
	}{
		{"the views", one.Views == two.Views},
		{"the index of people", one.Index == two.Index && one.People == two.People && one.Below == two.Below},
		{"the outbox", one.Outbox == two.Outbox && one.Undelivered == two.Undelivered},
	} {
		if !part.same {
			out = append(out, part.name)
		}
	}
	return out
}

func stateOf(record []byte) *ledger.State {
	e, err := ledger.ParseEntry(record)
	if err != nil {
		return nil
	}
	if s, ok := e.Event.(*ledger.StateRecorded); ok {
		return &s.State
	}
	return nil
}

func (r *diffReport) text() string {
	switch {
	case len(r.State) > 0:
		return fmt.Sprintf("DIFFER from entry %d on, a state entry: A and B say otherwise of %s", *r.Seq, strings.Join(r.State, " and "))
	case r.Verdict == "differs":
		return fmt.Sprintf("DIFFER from entry %d on: A has %s there, B has %s", *r.Seq, r.KindA, r.KindB)
	case r.SizeA > r.SizeB:
		return fmt.Sprintf("A goes on from B: %d entries are the same, A has %d more", r.Common, r.SizeA-r.SizeB)
	case r.SizeA < r.SizeB:
		return fmt.Sprintf("B goes on from A: %d entries are the same, B has %d more", r.Common, r.SizeB-r.SizeA)
	}
	return fmt.Sprintf("the same: %d entries", r.Common)
}
