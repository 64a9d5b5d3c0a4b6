package projection

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"custos/ledger"
)

// unassignedOn asks of everybody, plan by plan and place by place, what the
// index of gaps answers by the day.
func (w *world) unassignedOn(authority string, on ledger.Day, people []ledger.PersonRef, places []ledger.Place) []ledger.PersonRef {
	v := View{w.db}
	var out []ledger.PersonRef
	for _, p := range people {
		plans, err := v.planRow(p)
		require.NoError(w.t, err)
		shown, concerned, covered := false, false, false
		for i := range plans {
			if plans[i].Visible(on) {
				shown = true
				concerned = concerned || plans[i].Authority == authority
			}
		}
		for _, at := range places {
			here := false
			for _, q := range people {
				end, err := v.Follow(q)
				require.NoError(w.t, err)
				spans, err := v.Enrolments(q, at)
				require.NoError(w.t, err)
				here = here || (end == p && slices.ContainsFunc(spans, func(e ledger.Enrolment) bool { return e.At(on) }))
			}
			if !here {
				continue
			}
			held, err := v.Assignments(at)
			require.NoError(w.t, err)
			covered = covered || slices.ContainsFunc(held, func(a ledger.Assignment) bool { return a.Live(on) })
			o, _, err := v.Organisation(at.Code())
			require.NoError(w.t, err)
			parent, _, err := v.Organisation(o.Parent)
			require.NoError(w.t, err)
			concerned = concerned || (parent.Sort == ledger.SortAuthority && parent.Code == authority)
		}
		if shown && concerned && !covered {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b ledger.PersonRef) int { return slices.Compare(a[:], b[:]) })
	return out
}

// Whatever happens to plans, enrolments, assignments, numbers and places, the
// index says of each day, today and for a year, what asking everybody says;
// also where the rules were raised in the middle.
func TestTheUnassignedAreThoseInNoCaseload(t *testing.T) {
	numbers := []string{nhsChild, nhsMother, nhsNobody}
	places := []ledger.Place{ledger.PlaceSchool + "100001", ledger.PlaceArea + "E09000001"}
	rapid.Check(t, func(rt *rapid.T) {
		w := worldUnder(t, rapid.SampledFrom([]int{2, 3}).Draw(rt, "rules"))
		leader, clerk := w.actor("leader", ledger.RoleTeamLeader, "RYY"), w.actor("clerk", ledger.RoleChildHealth, "RYY")
		var people []ledger.PersonRef
		for _, n := range numbers {
			people = append(people, w.keys.Person(n))
		}
		who := func() int { return rapid.IntRange(0, len(numbers)-1).Draw(rt, "who") }
		where := func() ledger.Place { return rapid.SampledFrom(places).Draw(rt, "where") }
		day := func() ledger.Day {
			return ledger.Of(w.now).Day() + ledger.Day(rapid.IntRange(-60, 60).Draw(rt, "day"))
		}
		maybe := func() bool { return rapid.Bool().Draw(rt, "maybe") }
		sequence := int64(0)
		for range rapid.IntRange(4, 14).Draw(rt, "steps") {
			switch rapid.IntRange(0, 7).Draw(rt, "step") {
			case 0, 1:
				sequence++
				n := who()
				start := day()
				r := w.row(1, numbers[n], ledger.ChildProtection, start.String(), "")
				if maybe() {
					r.End = start + 20
				}
				if maybe() {
					r.Delete = start
				}
				w.plan(rapid.SampledFrom([]string{"LA1", "LA2"}).Draw(rt, "authority"), sequence, r)
			case 2:
				r := ledger.EnrolmentRow{N: 1, Person: people[who()], Place: where(), From: day()}
				if maybe() {
					r.To = r.From + 15
				}
				r.Change = ledger.EnrolmentChange(rapid.IntRange(0, 3).Draw(rt, "change")) // before version 3 it says nothing
				w.do(clerk, &ledger.Enrol{Rows: []ledger.EnrolmentRow{r}})
			case 3:
				q := &ledger.Assign{Place: where(), Subject: "nurse", From: day()}
				if maybe() {
					q.To = q.From + 10
				}
				w.do(leader, q)
			case 4:
				at := where()
				if held, err := (View{w.db}).Assignments(at); err == nil && len(held) > 0 {
					w.do(leader, &ledger.EndAssignment{Place: at, Of: held[len(held)-1].Seq, To: day()})
				}
			case 5:
				w.do(ledger.SystemActor("n1"), &ledger.SupersedeNumber{Old: people[who()], New: people[who()], Birth: w.birth(numbers[0], "2015-05-05"), Was: ledger.Tag{1}})
			case 6:
				w.do(ledger.SystemActor("n1"), &ledger.PartNumbers{Old: people[who()]})
			case 7:
				code := where().Code()
				sort := map[string]string{"100001": ledger.SortSchool, "E09000001": ledger.SortArea}[code]
				w.do(w.actor("op", ledger.RoleOperator, "NAT"), &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: code, Name: "Place", Sort: sort,
					Parent: rapid.SampledFrom([]string{"", "LA1", "LA2", "LA3"}).Draw(rt, "parent")}})
				if maybe() {
					w.do(w.actor("op", ledger.RoleOperator, "NAT"), &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: "LA3", Name: "Third", Sort: ledger.SortAuthority}})
				}
			}
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "days")) * 24 * time.Hour)
		}
		if l, err := (View{w.db}).Log(); err == nil && l.Rules < 3 {
			w.must(ledger.SystemActor("n1"), &ledger.RaiseRules{To: 3})
		}
		total := 0
		today := ledger.Of(w.now).Day()
		for on := today; on < today+450; on += 7 {
			for _, authority := range []string{"LA1", "LA2", "LA3"} {
				have, err := View{w.db}.Unassigned(authority, on, ledger.PersonRef{}, 10)
				require.NoError(rt, err)
				want := w.unassignedOn(authority, on, people, places)
				require.Equal(rt, len(want), len(have), "%s on %s", authority, on)
				if len(want) > 0 {
					require.Equal(rt, want, have)
				}
				if on == today {
					total += len(want)
				}
			}
		}
		n, err := View{w.db}.CountUnassigned("", today)
		require.NoError(rt, err)
		require.Equal(rt, total, n)
		w.check()
	})
}

// A child who lives in one authority with a plan of another is on both lists,
// and stays right when the place turns out to lie elsewhere.
func TestAChildAcrossABorderIsOnBothLists(t *testing.T) {
	w := newWorld(t)
	op := w.actor("op", ledger.RoleOperator, "NAT")
	today := ledger.Of(w.now).Day()
	on := func(authority string) int {
		people, err := View{w.db}.Unassigned(authority, today, ledger.PersonRef{}, 10)
		require.NoError(t, err)
		return len(people)
	}
	record := func(code, sort, parent string) {
		w.must(op, &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: code, Name: "Somewhere", Sort: sort, Parent: parent}})
	}
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.LookedAfter, "2026-01-10", ""))
	require.Equal(t, []int{1, 0}, []int{on("LA1"), on("LA2")})
	record("100001", ledger.SortSchool, "LA2")
	at := ledger.Place(ledger.PlaceSchool + "100001")
	clerk, leader := w.actor("clerk", ledger.RoleChildHealth, "RYY"), w.actor("leader", ledger.RoleTeamLeader, "RYY")
	w.do(clerk, &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: w.keys.Person(nhsChild), Place: at, From: today - 9}}})
	require.Equal(t, []int{1, 1}, []int{on("LA1"), on("LA2")}, "whose plan it is, and where the school is")
	record("100001", ledger.SortSchool, "LA1")
	require.Equal(t, []int{1, 0}, []int{on("LA1"), on("LA2")})
	record("100001", ledger.SortSchool, "LA3")
	require.Zero(t, on("LA3"), "nobody knows that it is an authority")
	record("LA3", ledger.SortAuthority, "")
	require.Equal(t, []int{1, 1}, []int{on("LA1"), on("LA3")})
	_, a := w.do(leader, &ledger.Assign{Place: at, Subject: "nurse", From: today})
	require.Nil(t, a.Refusal)
	require.Equal(t, []int{0, 0}, []int{on("LA1"), on("LA3")})
}
