package tools

import (
	"fmt"

	"github.com/spf13/cobra"
)

type verifySpeed struct {
	Level     int     `json:"level"`
	Name      string  `json:"name"`
	Entries   int64   `json:"entries"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"entriesPerSecond"`
}

func (a *app) benchVerifyCommand() *cobra.Command {
	var flags verifyFlags
	cmd := &cobra.Command{
		Use: "verify", Short: "Measure a verification: entries a second at each level, and memory",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.benchVerify(flags) },
	}
	cmd.Flags().StringVar(&flags.data, "data", "", "a stopped node's data folder")
	cmd.Flags().StringVar(&flags.keys, "keys", "", "folder with the log's verifier key")
	return cmd
}

// benchVerify runs verify and divides. Levels 1 and 3 are one pass: its time is
// given for both.
func (a *app) benchVerify(flags verifyFlags) error {
	v := &verification{a: a, flags: flags, quiet: true}
	memory := watchMemory([]string{"self"})
	if err := v.run(); err != nil {
		return err
	}
	peak := memory.peak()
	if v.report.Verdict == failed {
		return failf(ExitIntegrity, "the ledger does not verify")
	}
	out := []verifySpeed{}
	for _, l := range v.report.Levels {
		if l.Level == levelSignatures {
			continue
		}
		out = append(out, verifySpeed{l.Level, l.Name, v.report.Size, l.Seconds, round(float64(v.report.Size) / max(l.Seconds, 1e-9))})
	}
	trail, err := benchTrail(flags.data)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(map[string]any{"verdict": v.report.Verdict, "levels": out, "mibBefore": memory.before, "mibPeak": peak, "trailProof": trail})
	}
	for _, s := range out {
		fmt.Fprintf(a.stdout, "L%d %-20s %10.0f entries/s (%d in %.2f s)\n", s.Level, s.Name, s.PerSecond, s.Entries, s.Seconds)
	}
	if memory.before != nil && peak != nil {
		fmt.Fprintf(a.stdout, "memory: %.0f MiB before, %.0f MiB at the most\n", *memory.before, *peak)
	}
	if trail != nil {
		fmt.Fprintln(a.stdout, trail)
	}
	return nil
}
