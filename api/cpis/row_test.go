package cpis

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A record becomes a row for each plan, and a row becomes a record; what rows do
// not have is the hour.
func TestRows(t *testing.T) {
	records := usualRecords()
	rows := records[3].Rows()
	require.Len(t, rows, 2)
	require.Equal(t, []string{number(3), "O'Fableton & Sons", "Marian", "2008-02-29", "UCPP", "2026-02-01", "2026-08-01", "", "C000003", "", ""}, rows[0].Values())
	require.Equal(t, "LAC", rows[1].PlanType)
	for _, r := range records {
		for i, row := range r.Rows() {
			got, err := row.Record("D9X1A")
			require.NoError(t, err)
			want := r.Plans[i]
			want.Start = want.Start.Date().At(0, 0)
			require.Equal(t, []Plan{want}, got.Plans)
			who := *r.Of(&r.Plans[i])
			if who.LocalID != "" {
				who.Assigner = "D9X1A"
			}
			require.Equal(t, []Subject{who}, got.Subjects)
		}
	}
	good := records[0].Rows()[0]
	for want, change := range map[Detail]func(*Row){
		BirthFormat: func(r *Row) { r.DateOfBirth = "05/03/2018" }, PlanTypeUnknown: func(r *Row) { r.PlanType = "CP" }, StartFormat: func(r *Row) { r.Start = "" },
		EndFormat: func(r *Row) { r.End = "x" }, DeleteFormat: func(r *Row) { r.Delete = "2026" }, NHSNumberFormat: func(r *Row) { r.NHSNumber = "1" },
		NameMissing: func(r *Row) { r.FamilyName = "" }, UnbornNeedsEnd: func(r *Row) { r.PlanType = "UCPP" }, EndBeforeStart: func(r *Row) { r.End = "2020-01-01" },
	} {
		row := good
		change(&row)
		var refused *ValueError
		_, err := row.Record("D9X1A")
		require.ErrorAs(t, err, &refused)
		require.Equal(t, want, refused.Detail)
	}
	require.True(t, good.Set("worker", " x "))
	require.Equal(t, "x", good.Worker)
	require.False(t, good.Set("school", "x"))
}
