package main

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
)

func compareSame(t *testing.T, o *office) {
	rows := o.export()
	out, _ := o.cpis(0, "compare", o.writeRows("export.csv", rows))
	require.Regexp(t, fmt.Sprintf(`^same %d, differs 0, only here 0, only there 0, unmatched 0, rejected 0; held there as ended, and not named here \d+\n$`, len(rows)), out)
}

func compareShows(t *testing.T, o *office) {
	// The newest file: one row matches nobody, one is rejected.
	newest := o.write("newest.csv", o.rows(",Numberless,Lee,2020-01-01,LAC,START,,,CASE-3",
		"9997000014,Wrongdigit,Kim,2020-01-01,CPP,START,,,CASE-2"))
	o.cpis(3, "send", newest)
	rows := o.export()
	changed := append([]cpis.Row{}, rows...)
	changed[0].FamilyName, changed[0].End = "Otherwise", o.now.Format(time.DateOnly)
	changed[1].Start = "2001-01-01" // found by its local id, or as overlapping
	changed[2].Delete = o.ago(1)
	gone := changed[3]
	changed = append(changed[:3], changed[4:]...)
	changed = append(changed,
		changed[4], // twice
		cpis.Row{NHSNumber: "9997000013", FamilyName: "Sampleton", GivenNames: "Only", DateOfBirth: "2019-05-14", PlanType: "LAC", Start: o.ago(5), LocalID: "CASE-7"},
		cpis.Row{NHSNumber: "9997000013", FamilyName: "Sampleton", GivenNames: "Long", DateOfBirth: "2009-05-14", PlanType: "LAC", Start: o.ago(900), End: o.ago(500), LocalID: "CASE-8"},
		cpis.Row{FamilyName: "Numberless", GivenNames: "Lee", DateOfBirth: "2020-01-01", PlanType: "LAC", Start: o.ago(30), LocalID: "CASE-3"},
		cpis.Row{NHSNumber: "9997000014", FamilyName: "Wrongdigit", GivenNames: "Kim", DateOfBirth: "2020-01-01", PlanType: "CPP", Start: o.ago(30), LocalID: "CASE-2"})
	out, _ := o.cpis(7, "compare", o.writeRows("changed.csv", changed))
	for _, want := range []string{
		`\ndiffers +1 .*Otherwise.* family_name: here Otherwise, there ` + rows[0].FamilyName + `; end: here \S+, there none\n`,
		`\ndiffers +2 .* start: here 2001-01-01, there ` + rows[1].Start + `\n`,
		`\ndiffers +3 .* to be deleted here, held there\n`,
		`\nonly-here +\d+ +9997000013 +Sampleton +Only `,
		`\nunmatched +\d+ +Numberless .* nhs-number-missing: the NHS number is missing: held provisional, and not found by it; for 0 h\n`,
		`\nrejected +\d+ +9997000014 +Wrongdigit .* nhs-number-check-digit: the NHS number's check digit is wrong\n`,
		`\nonly-there +- +` + gone.NHSNumber + ` +` + gone.FamilyName + ` `,
		fmt.Sprintf(`\nsame %d, differs 3, only here 1, only there 1, unmatched 1, rejected 1; held there as ended, and not named here \d+; ended here too long ago to be held 1; rows that the file has twice, and are counted once 1\n$`, len(rows)-4),
	} {
		require.Regexp(t, want, out)
	}
	require.NotContains(t, out, rows[9].NHSNumber, "what is the same is counted, and shown with --all")
	all, _ := o.cpis(7, "compare", o.path("changed.csv"), "--all")
	require.Contains(t, all, rows[9].NHSNumber)

	out, errs := o.cpis(7, "compare", o.path("changed.csv"), "-o", "csv")
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 8)
	require.Equal(t, "state,fields,row,code,message,since,age_hours,nhs_number", strings.Join(lines[0][:8], ","))
	require.Regexp(t, `^same \d+, differs 3, only here 1`, errs)

	_, errs = o.cpis(3, "compare", o.write("quote.csv", officeHead+"\"9990000018,x\n"))
	require.Equal(t, "custos-tools: line 2 is not CSV: extraneous or missing \" in quoted-field\n", errs)
}
