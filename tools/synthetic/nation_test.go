package synthetic

import (
	"bytes"
	"encoding/csv"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func aNation(t *testing.T, change func(*Nation)) (*Nation, error) {
	t.Helper()
	day, err := ledger.ParseDay("2026-11-26")
	require.NoError(t, err)
	n := Nation{Plans: 1000, Schools: 50, Authorities: 5, Caseload: 100, Today: day, School: "990001", Area: "E05999001"}
	if change != nil {
		change(&n)
	}
	return NewNation(n)
}

func table(t *testing.T, write func(io.Writer) error) []map[string]string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = r[i]
		}
		out = append(out, m)
	}
	return out
}

func TestANationIsWhatItSays(t *testing.T) {
	n, err := aNation(t, nil)
	require.NoError(t, err)
	of, unborn := map[string]string{}, 0
	counts := map[string]int{}
	for i := range n.Authorities {
		for _, r := range table(t, func(w io.Writer) error { _, err := n.WritePlans(w, i); return err }) {
			require.NotContains(t, of, r["nhs_number"])
			of[r["nhs_number"]] = n.Authority(i)
			counts[n.Authority(i)]++
			if r["plan_type"] == "UCPP" {
				require.NotEmpty(t, r["end"])
				unborn++
			}
		}
	}
	require.Len(t, of, 1000)
	require.Equal(t, map[string]int{"D9N001": 100, "D9N002": 200, "D9N003": 234, "D9N004": 233, "D9N005": 233}, counts)
	require.Equal(t, 33, unborn)

	schools := map[string]string{}
	for _, r := range table(t, n.WriteSchools) {
		schools[r["URN"]] = r["LA (code)"]
		require.NotContains(t, []string{"D9N001", "D9N002"}, r["LA (code)"])
	}
	require.Len(t, schools, 50)

	listed := map[string]bool{}
	at := map[string]int{}
	for _, r := range table(t, n.WriteCaseloads) {
		require.Equal(t, "D9N002", of[r["nhs_number"]])
		listed[r["nhs_number"]] = true
		at[r["school"]+r["area"]]++
	}
	require.Len(t, listed, 200)
	require.Equal(t, map[string]int{"990001": 100, "E05999001": 100}, at)

	// Two files in a row go on where the first ended; as one they are the same.
	year := n.NewEnrolments()
	rows := append(table(t, func(w io.Writer) error { return year.Write(w, 30_000) }), table(t, func(w io.Writer) error { return year.Write(w, 30_000) })...)
	whole := n.NewEnrolments()
	require.Equal(t, table(t, func(w io.Writer) error { return whole.Write(w, 60_000) }), rows)
	joins, moves, strangers := map[string]string{}, 0, map[string]bool{}
	wrong := map[string]int{} // counted: a check of each row by itself takes longer than to make it
	note := func(what string, is bool) {
		if is {
			wrong[what]++
		}
	}
	for _, r := range rows {
		number, school := r["nhs_number"], r["school"]
		note("a school that is not there", schools[school] == "")
		switch r["change"] {
		case "join":
			note("who joins again", joins[number] != "")
			joins[number] = school
		case "move":
			note("who moves nowhere", joins[number] == school)
			moves++
		default:
			note("a stranger with a plan", of[number] != "")
			strangers[number] = true
			continue
		}
		note("who is in no caseload, or listed", of[number] == "" || of[number] <= "D9N002")
	}
	require.Empty(t, wrong)
	require.Len(t, joins, 700)
	require.Equal(t, (60_000+PlanEvery-1)/PlanEvery-700, moves)
	require.Len(t, strangers, 60_000-700-moves)
}

func TestANationThatCannotBe(t *testing.T) {
	for _, change := range []func(*Nation){
		func(n *Nation) { n.Plans = 300 }, func(n *Nation) { n.Plans = MaxChildren + 1 }, func(n *Nation) { n.Authorities = 2 },
		func(n *Nation) { n.Schools = 0 }, func(n *Nation) { n.Schools = 900_000 }, func(n *Nation) { n.Caseload = 0 },
		func(n *Nation) { n.Today = 0 }, func(n *Nation) { n.School = "" }, func(n *Nation) { n.Area = "" },
	} {
		_, err := aNation(t, change)
		require.ErrorIs(t, err, ErrConfig)
	}
}

// A year of rows takes no more memory than a day of them.
func TestANationIsWrittenAsItIsMade(t *testing.T) {
	n, err := aNation(t, func(n *Nation) { n.Plans, n.Schools, n.Authorities, n.Caseload = 200_000, 24_000, 150, 2000 })
	require.NoError(t, err)
	year := n.NewEnrolments()
	live := func(rows int) uint64 {
		require.NoError(t, year.Write(io.Discard, rows))
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	few := live(1000)
	require.InDelta(t, few, live(800_000), 1<<20) // beyond the last number: they come round again
}
