package tools

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Which rules held on a day that is over is told from the entries of that day:
// a parent, or a record, that changed since was another then.
func TestWhichRulesHeldThen(t *testing.T) {
	w := newWorld(t)
	site := ledger.Organisation{Code: "RXX01", Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled, Parent: "Y56"}
	w.system(&ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: "Y56", Name: "London", Sort: ledger.SortRegion}})
	w.system(&ledger.RecordOrganisation{Organisation: site})
	boss := w.actor("op", ledger.RoleOperator, "NAT")
	id := boss.ID()
	c := w.command(boss, &ledger.RecordPolicy{Place: "Y56", From: w.day("2026-03-03"), Says: ledger.Policy{Live: ledger.No}})
	w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "pilot"})
	require.Nil(t, w.step(c).Refusal)
	w.now = w.now.Add(48 * time.Hour)
	site.Parent, site.Silent = "", true
	w.system(&ledger.RecordOrganisation{Organisation: site})
	w.close()
	for on, want := range map[string]string{
		"2026-03-02": "", // before there was anything
		"2026-03-03": `(?m)^live +no +Y56 London +2026-03-03 +\d+\n(?s:.*)^notify +yes +nobody's: the default`,
		"2026-03-04": `(?m)^live +no +Y56 London +2026-03-03 +\d+\n(?s:.*)^notify +yes +nobody's: the default`,
		"2026-03-05": `(?m)^live +yes +nobody's: the default +\n(?s:.*)^notify +no +RXX01 Emergency Department, its record`,
		"2030-01-01": `(?m)^live +yes +nobody's: the default`,
	} {
		code, out, errs := run(t, "policy", "show", "--data", w.dir, "--place", "RXX01", "--on", on)
		if on == "2026-03-02" {
			require.Equal(t, ExitUsage, code)
			require.Contains(t, errs, "no organisation that was recorded by then")
			continue
		}
		require.Zero(t, code, errs)
		require.Regexp(t, want, out, on)
	}
	code, out, errs := run(t, "policy", "show", "--data", w.dir)
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^Y56    London  2026-03-03  live no +\d+ +2026-03-03T`, out)
}
