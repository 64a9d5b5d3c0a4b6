package ledger

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// statuses are what became of a chunk's rows.
func statuses(group []Entry) []string {
	var out []string
	for i := range group {
		if s, code := RowStatus(group[i].Event); s != "" {
			out = append(out, s+code)
		}
	}
	return out
}

// Rows under rules version 2, each against what the authority held before.
func TestRowsOfRulesTwo(t *testing.T) {
	today := begin.Day()
	own := func(start, end Day) Row {
		return Row{Person: person(1), Type: ChildProtection, Start: start, End: end, Birth: tag("b"), Content: tag("c"), LastDay: today + 1000}
	}
	unborn := func(local string, start, end Day) Row {
		r := Row{Person: person(2), Type: UnbornChild, Start: start, End: end, Birth: tag("m"), Content: tag("u" + local)}
		if local != "" {
			r.Local = tag(local)
		}
		return r
	}
	with := func(r Row, f func(*Row)) Row { f(&r); return r }
	for _, c := range []struct {
		name         string
		before, then []Row
		want         []string
	}{
		{"the same again", []Row{own(today-9, 0)}, []Row{own(today-9, 0)}, []string{"unchanged"}},
		{"an end", []Row{own(today-9, 0)}, []Row{own(today-9, today)}, []string{"ended"}},
		{"an end taken back", []Row{own(today-9, today-1)}, []Row{own(today-9, 0)}, []string{"corrected"}},
		{"an overlap corrects", []Row{own(today-9, 0)}, []Row{own(today-5, 0)}, []string{"corrected"}},
		{"an overlap on one day corrects", []Row{own(today-9, today-5)}, []Row{own(today-5, 0)}, []string{"corrected"}},
		{"no overlap is another plan", []Row{own(today-9, today-6)}, []Row{own(today-5, 0)}, []string{"recorded"}},
		{"both stated by one file are two plans", []Row{own(today-9, 0)}, []Row{own(today-9, today-5), own(today-5, 0)}, []string{"ended", "recorded"}},
		{"and stay two", []Row{own(today-9, today-5), own(today-5, 0)}, []Row{own(today-5, 0), own(today-9, today-5)}, []string{"unchanged", "unchanged"}},
		{"one plan twice in a file", nil, []Row{own(today-9, 0), own(today-9, today), own(today-9, 0)}, []string{"recorded", "rejected" + RowTwice, "unchanged"}},
		{"twins", nil, []Row{unborn("a", today-9, today+99), unborn("b", today-9, today+99)}, []string{"recorded", "recorded"}},
		{"a twin ends alone", []Row{unborn("a", today-9, today+99), unborn("b", today-9, today+99)}, []Row{unborn("b", today-9, today)}, []string{"corrected"}},
		{"looked after and expecting", []Row{own(today-9, 0)}, []Row{unborn("", today-9, today+99), with(own(today-4, 0), func(r *Row) { r.Type, r.Person = LookedAfter, person(2) })},
			[]string{"recorded", "recorded"}},
		{"an unborn plan needs its end", nil, []Row{unborn("a", today-9, 0)}, []string{"rejected" + RowUnbornNeedsEnd}},
		{"shown for the last day", nil, []Row{own(today-500, today-364)}, []string{"recorded"}},
		{"never to be shown", nil, []Row{own(today-500, today-365)}, []string{"rejected" + RowEndedLongAgo}},
		{"the 365-day error: what is held can be corrected at any time", []Row{own(today-500, today-300)}, []Row{own(today-500, today-400)}, []string{"corrected"}},
		{"an unborn plan is shown 28 days on", nil, []Row{unborn("a", today-90, today-28), unborn("b", today-90, today-29)}, []string{"recorded", "rejected" + RowEndedLongAgo}},
		{"grown up", nil, []Row{with(own(today-900, 0), func(r *Row) { r.LastDay = today - 1 })}, []string{"rejected" + RowOver18}},
		{"a mother of any age", nil, []Row{with(unborn("a", today-9, today+9), func(r *Row) { r.LastDay = today - 9000 })}, []string{"rejected" + RowEndedLongAgo}},
		{"deleted by its start", []Row{own(today-9, 0)}, []Row{with(own(today-9, 0), func(r *Row) { r.Delete = today })}, []string{"deleted"}},
		{"not by an overlap", []Row{own(today-9, 0)}, []Row{with(own(today-8, 0), func(r *Row) { r.Delete = today })}, []string{"rejected" + RowDeleteUnknown}},
		{"not before the day", []Row{own(today-9, 0)}, []Row{with(own(today-9, 0), func(r *Row) { r.Delete = today + 1 })}, []string{"rejected" + RowDeleteInFuture}},
		{"becomes restricted", []Row{own(today-9, 0)}, []Row{with(own(today-9, 0), func(r *Row) { r.Restricted = true })}, []string{"corrected"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.name == "a mother of any age" { // the edge gives an unborn child's plan no last day
				c.then[0].LastDay, c.want = 0, []string{"recorded"}
			}
			if c.before != nil {
				for _, s := range statuses(w.load(authorityA, 1, c.before...)) {
					require.Equal(t, "recorded", s)
				}
			}
			check := w.cmd(as(RoleUploader, authorityA, "u"), &CheckRows{Rows: c.then})
			require.Equal(t, c.want, prefixed(last[*RowsChecked](t, w.grant(check)).Codes))
			require.Equal(t, c.want, statuses(w.load(authorityA, 2, c.then...)), "a dry run told")
		})
	}
}

// prefixed writes a dry run's codes as statuses does.
func prefixed(codes []string) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		switch c {
		case "recorded", "ended", "corrected", "unchanged", "deleted":
			out[i] = c
		default:
			out[i] = "rejected" + c
		}
	}
	return out
}

// An end up to the 18th birthday can be put right after it; a plan beyond it cannot.
func TestAnEndBeforeTheBirthdayIsCorrectedAfterIt(t *testing.T) {
	w := newWorld(t)
	birthday := begin.Day() + 10
	plan := Row{Person: person(1), Type: LookedAfter, Start: begin.Day() - 30, Birth: tag("b"), Content: tag("c"), LastDay: birthday}
	w.load(authorityA, 1, plan)
	w.now += 20 * 24 * Hour
	for n, c := range []struct {
		end  Day
		want string
	}{{0, "rejected" + RowOver18}, {birthday + 1, "rejected" + RowOver18}, {birthday - 2, "ended"}, {birthday, "corrected"}} {
		r := plan
		r.End = c.end
		require.Equal(t, []string{c.want}, statuses(w.load(authorityA, int64(n+2), r)))
	}
}

// What is left of an older file cannot undo a newer one. Under version 1 it did.
func TestAnOvertakenUploadChangesNothing(t *testing.T) {
	for version := 1; version <= CurrentRules; version++ {
		w := worldUnder(t, version)
		a := as(RoleUploader, authorityA, "a")
		older, newer := row(1), row(1)
		older.N, newer.N = 1, 1
		newer.End, newer.Content = w.now.Day(), tag("newer")
		open := &OpenUpload{Upload: ID{1}, Sequence: 1, Format: 1}
		w.grant(w.cmd(a, open))
		w.load(authorityA, 2, newer)
		if version == 1 {
			w.grant(w.cmd(a, open))
			w.grant(w.chunk(a, ID{1}, 0, older))
			continue
		}
		w.deny(RefusedSequenceLower, w.cmd(a, open))
		w.refuse(RefusedOvertaken, w.chunk(a, ID{1}, 0, older))
		w.refuse(RefusedOvertaken, w.cmd(a, &CloseUpload{Upload: ID{1}}))
		require.Equal(t, newer.End, w.view.plans[person(1)][0].End)
	}
}

// Whatever files come: what a file's accepted rows say is held after it, the
// same file again changes nothing, and no file touches another authority's plans.
func TestAnyFileIsHeldAfterIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		sequence := map[string]int64{}
		for range rapid.IntRange(1, 6).Draw(rt, "files") {
			authority := rapid.SampledFrom([]string{authorityA, authorityB}).Draw(rt, "authority")
			other := map[string]string{authorityA: authorityB, authorityB: authorityA}[authority]
			rows := drawRows(rt, w.now.Day())
			theirs := plansBy(w, other)
			sequence[authority]++
			first := w.load(authority, sequence[authority], rows...)
			held := plansBy(w, authority)
			for i := range first {
				switch e := first[i].Event.(type) {
				case *PlanRecorded:
					require.True(rt, holds(held, &e.Row, first), "row %d is accepted and not held", e.Row.N)
				case *PlanUnchanged:
					require.True(rt, holds(held, &e.Row, first), "row %d is unchanged and not held", e.Row.N)
				}
			}
			require.Equal(rt, theirs, plansBy(w, other), "another authority's plans")
			if slices.ContainsFunc(rows, func(r Row) bool { return r.Delete != 0 }) {
				continue // a deletion before the plan's own row takes the plan out the second time
			}
			sequence[authority]++
			for _, s := range statuses(w.load(authority, sequence[authority], rows...)) {
				require.NotContains(rt, []string{"recorded", "deleted", "ended", "corrected"}, s, "the same file again")
			}
			w.now += Hour
		}
	})
}

// holds reports whether a plan is as the row says, or a later row of the file deleted it.
func holds(plans []Plan, r *Row, group []Entry) bool {
	for i := range plans {
		p := &plans[i]
		if p.Type == r.Type && p.Start == r.Start && p.End == r.End && p.Content == r.Content {
			return true
		}
	}
	for _, e := range only[*PlanDeleted](group) {
		if e.Row.N > r.N && e.Row.Person == r.Person && e.Row.Start == r.Start {
			return true
		}
	}
	return false
}

func plansBy(w *world, authority string) []Plan {
	var out []Plan
	for n := byte(0); n < 4; n++ {
		for _, p := range w.view.plans[person(n)] {
			if p.Authority == authority {
				p.Named = 0
				out = append(out, p)
			}
		}
	}
	return out
}

func drawRows(t *rapid.T, today Day) []Row {
	out := make([]Row, rapid.IntRange(1, 6).Draw(t, "rows"))
	for i := range out {
		start := today - Day(rapid.IntRange(-1, 8).Draw(t, "start"))
		r := Row{N: i + 1, Person: person(rapid.ByteRange(0, 2).Draw(t, "person")), Start: start, Birth: tag("b"),
			Type: PlanType(rapid.IntRange(1, 3).Draw(t, "type")), Content: tag(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "content"))}
		if r.Type == UnbornChild || rapid.Bool().Draw(t, "ends") {
			r.End = start + Day(rapid.IntRange(0, 9).Draw(t, "end"))
		}
		if r.Type == UnbornChild && rapid.Bool().Draw(t, "twin") {
			r.Local = tag(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "local"))
		}
		if rapid.IntRange(0, 9).Draw(t, "deleted") == 0 {
			r.Delete = today
		}
		out[i] = r
	}
	return out
}

// What is made of a person's plans when another is recorded belongs to whoever asked
// for it: it is named in place, and what others read stays as it was.
func TestRecordedPlansAreNobodyElses(t *testing.T) {
	have := append(make([]Plan, 0, 8), Plan{Seq: 1}, Plan{Seq: 2})
	for _, e := range []*PlanRecorded{{Change: PlanNew}, {Change: PlanCorrected, Of: 1}, {Change: PlanEnded, Of: 2}} {
		plans := RecordPlan(have, e, "LA1", 3, 4)
		NamePlanIn(plans, 2, 9)
		NamePlanIn(plans, 3, 9)
		require.Equal(t, []Plan{{Seq: 1}, {Seq: 2}, {}}, have[:3])
		named := 0
		for i := range plans {
			if plans[i].Named == 9 {
				named++
			}
		}
		require.NotZero(t, named)
	}
}
