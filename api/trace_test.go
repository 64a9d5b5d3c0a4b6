package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Somebody without an NHS number is found by exact names and birth date alone,
// as somebody to ring about, and no longer once the number is known.
func TestTraces(t *testing.T) {
	w := newWorld(t)
	row := ann(func(p *planRow) { p.NHSNumber, p.FamilyName = "", "Nonumberson" })
	w.keep(row)
	require.Equal(t, 200, w.upload(uploader, 1, row).status)
	ask := func(who caller, family, given, birth string) *reply {
		return w.call(who, "POST", "/v1/traces", object{"familyName": family, "givenNames": given, "dateOfBirth": birth})
	}
	out, e := ask(doctor, row.FamilyName, row.GivenNames, row.DateOfBirth).recorded(200)
	requireFields(t, out, "outcome", "caution", "authorities", "seq", "receipt")
	require.Equal(t, "possible-match", out["outcome"])
	require.Equal(t, []any{object{"ods": authority1, "name": "Northbank Council", "officeHours": "020 7946 0001", "emergencyDuty": "020 7946 0002"}}, out["authorities"])
	require.Equal(t, ledger.KindTraced, e.Kind)
	out, _ = ask(planner, "NONUMBERSON", row.GivenNames, row.DateOfBirth).recorded(200)
	require.Equal(t, "possible-match", out["outcome"], "whatever the case of the letters")
	for _, other := range [][3]string{{"Nonumberso", row.GivenNames, row.DateOfBirth}, {row.FamilyName, "Anna", row.DateOfBirth}, {row.FamilyName, row.GivenNames, "2015-05-05"}} {
		out, e := ask(doctor, other[0], other[1], other[2]).recorded(200)
		requireFields(t, out, "outcome", "caution", "coverage", "seq", "receipt")
		require.Equal(t, "not-found", out["outcome"])
		require.Equal(t, ledger.KindNotTraced, e.Kind)
	}
	ask(nurse, row.FamilyName, row.GivenNames, row.DateOfBirth).denied("role-not-permitted")
	require.Equal(t, 400, ask(doctor, row.FamilyName, row.GivenNames, "4 May 2015").status)
	require.Equal(t, 400, ask(doctor, "", row.GivenNames, row.DateOfBirth).status)

	// Deleted, it is found no more; sent again, it is.
	gone := row
	gone.Delete = "2026-03-03"
	require.Equal(t, "deleted", csvLines(t, w.upload(uploader, 2, gone).body)[1][1])
	out, _ = ask(doctor, row.FamilyName, row.GivenNames, row.DateOfBirth).recorded(200)
	require.Equal(t, "not-found", out["outcome"])
	require.Equal(t, "unmatched", csvLines(t, w.upload(uploader, 3, row).body)[1][1])
	out, _ = ask(doctor, row.FamilyName, row.GivenNames, row.DateOfBirth).recorded(200)
	require.Equal(t, "possible-match", out["outcome"])

	row.NHSNumber = nhs(70)
	w.plans(uploader, 4, row)
	out, _ = ask(doctor, row.FamilyName, row.GivenNames, row.DateOfBirth).recorded(200)
	require.Equal(t, "not-found", out["outcome"])
	found, _ := w.lookup(doctor, object{"nhsNumber": row.NHSNumber}).recorded(200)
	require.Equal(t, "found", found["outcome"])
}
