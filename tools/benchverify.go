package tools

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// verifySpeed is what one level of a verification took. What a core does is by
// processor time: it is the same with other work beside it, and counts what a pass
// does on other cores, the collector's work too.
type verifySpeed struct {
	Level     int     `json:"level"`
	Name      string  `json:"name"`
	Entries   int64   `json:"entries"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"entriesPerSecond"`
	Processor float64 `json:"processorSeconds"`
	PerCore   float64 `json:"entriesPerSecondOfACore"`
}

func speedOf(level int, name string, n int64, seconds float64, processor time.Duration) verifySpeed {
	per := func(s float64) float64 { return round(float64(n) / max(s, 1e-9)) }
	return verifySpeed{level, name, n, seconds, per(seconds), processor.Seconds(), per(processor.Seconds())}
}

func (a *app) benchVerifyCommand() *cobra.Command {
	var flags verifyFlags
	level := levelRules
	cmd := &cobra.Command{
		Use: "verify", Short: "Measure a verification: entries a second at each level, by the clock and by a core's time, and memory",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			if level != levelChain && level != levelRules {
				return failf(ExitUsage, "--level is %d, or %d for all", levelChain, levelRules)
			}
			return a.benchVerify(flags, level)
		},
	}
	cmd.Flags().StringVar(&flags.data, "data", "", "a stopped node's data folder")
	cmd.Flags().StringVar(&flags.keys, "keys", "", "folder with the log's verifier key")
	cmd.Flags().IntVar(&level, "level", level, "measure up to this level: 3 or 5")
	return cmd
}

// benchVerify runs verify and divides. Levels 1 to 3 are one pass, and so are 4
// and 5: the processor time of the pass is given for both, and by the clock level
// 5 is only its own part. What levels 1 and 3 take alone is measured after that.
func (a *app) benchVerify(flags verifyFlags, upTo int) error {
	v := &verification{a: a, flags: flags, quiet: true, short: upTo < levelDecisions}
	started := time.Now()
	memory := watchMemory([]string{"self"})
	if err := v.run(); err != nil {
		return err
	}
	peak, all := memory.peak(), time.Since(started).Seconds()
	if v.report.Verdict == failed {
		return failf(ExitIntegrity, "the ledger does not verify")
	}
	pass := map[int]int{levelHashes: 1, levelChain: 1, levelSealed: 1, levelDecisions: 2, levelRules: 2}
	out := []verifySpeed{}
	for _, l := range v.report.Levels {
		if at, ok := pass[l.Level]; ok && at < len(v.took) {
			out = append(out, speedOf(l.Level, l.Name, v.report.Size, l.Seconds, v.took[at]))
		}
	}
	alone, err := benchAlone(flags.data)
	if err != nil {
		return err
	}
	trail, err := benchTrail(flags.data)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(map[string]any{"verdict": v.report.Verdict, "upToLevel": upTo, "seconds": all, "levels": out, "alone": alone, "mibBefore": memory.before, "mibPeak": peak, "trailProof": trail})
	}
	for _, s := range append(out, alone...) {
		fmt.Fprintf(a.stdout, "L%d %-20s %10.0f entries/s (%d in %.2f s), %.0f on one core (%.2f s of processor time)\n",
			s.Level, s.Name, s.PerSecond, s.Entries, s.Seconds, s.PerCore, s.Processor)
	}
	fmt.Fprintf(a.stdout, "%d entries up to level %d in %.1f s\n", v.report.Size, upTo, all)
	if memory.before != nil && peak != nil {
		fmt.Fprintf(a.stdout, "memory: %.0f MiB before, %.0f MiB at the most\n", *memory.before, *peak)
	}
	if trail != nil {
		fmt.Fprintln(a.stdout, trail)
	}
	return nil
}

// benchAlone measures, each in a pass of its own over the records: the tree made
// as level 1 makes it, by this program and by this and the other one; and the
// chains as level 3 follows them, for which each record is read and hashed.
func benchAlone(data string) ([]verifySpeed, error) {
	f, err := openFolder(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.close() }() // it was only read
	defer roomForGarbage()()
	var out []verifySpeed
	for _, p := range []struct {
		level int
		name  string
		begin func() (each func(record []byte) error, end func() error)
	}{
		{levelHashes, "tree, here alone", func() (func([]byte) error, func() error) { return treeAlone(f, nil) }},
		{levelHashes, "tree, by both programs", func() (func([]byte) error, func() error) { return treeAlone(f, newSecondTree(nil)) }},
		{levelChain, "chains alone", func() (func([]byte) error, func() error) {
			var c ledger.Checker
			return c.Add, c.End
		}},
	} {
		each, end := p.begin()
		before, _ := ownCPU()
		started, n := time.Now(), int64(0)
		err := guard(func() error {
			for record, err := range f.db.Records(0, f.db.Head().Size) {
				if err != nil {
					return err
				}
				if err := each(record); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err == nil {
			err = end()
		}
		if err != nil {
			return nil, failing(ExitUnreadable, err) // it was verified a moment ago
		}
		after, _ := ownCPU()
		out = append(out, speedOf(p.level, p.name, n, time.Since(started).Seconds(), after-before))
	}
	return out, nil
}

func treeAlone(f *folder, second *secondTree) (each func([]byte) error, end func() error) {
	tiles := tileCheck{stored: f.tile}
	var out *handout
	if second != nil {
		out = handOut(second.read)
	}
	each = func(record []byte) error {
		tiles.push(tlog.RecordHash(record))
		if out != nil {
			out.push(record)
		}
		return nil
	}
	return each, func() error {
		if out != nil {
			out.stop()
			if other := second.differs(f.db.Tree()); other != "" {
				return failf(ExitIntegrity, "%s", other)
			}
		}
		if tiles.pending(); tiles.bad != nil {
			return failf(ExitIntegrity, "%s", tiles.bad.why)
		}
		return nil
	}
}
