package projection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// link sends a row about somebody, sealed as the edge seals it.
func (w *world) link(a ledger.Actor, p ledger.PersonRef, d ledger.LinkDetails) Result {
	w.t.Helper()
	q := &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: p, Place: d.Place, From: d.From, To: d.To, Change: d.Change,
		Link: w.keys.Tag("link", string(p[:]), string(d.Place), d.From.String(), d.To.String())}}}
	c := w.command(a, q)
	w.seal(c, ledger.HolderPerson, p[:], ledger.PayloadLink, 1, d)
	r, _ := w.step(c)
	require.Equal(w.t, ledger.KindEnrolmentLinked, r.Entries[len(r.Entries)-1].Kind)
	return r
}

// follow does what a node does that finds links due, and returns what it recorded.
func (w *world) follow(at DueLinks) []ledger.Entry {
	w.t.Helper()
	_, a := w.do(ledger.SystemActor("n1"), &ledger.OpenLinks{Person: at.Person, Source: at.Source})
	require.Nil(w.t, a.Refusal)
	require.Len(w.t, a.Details, len(at.Links.Each))
	var details []ledger.LinkDetails
	for _, s := range a.Details {
		var d ledger.LinkDetails
		require.NoError(w.t, w.keys.Open(s, &d))
		details = append(details, d)
	}
	kept, err := (View{w.db}).KeepsAny(at.Person, at.Source)
	require.NoError(w.t, err)
	r, _ := w.do(ledger.SystemActor("n1"), &ledger.FollowLinks{Person: at.Person, Source: at.Source, Of: a.Seq,
		Rows: ledger.LinkedRows(at.Person, details, kept, ledger.Of(w.now).Day())})
	require.Nil(w.t, r.Refusal)
	return r.Entries
}

// policy records what a place says from today on.
func (w *world) policy(place string, says ledger.Policy) {
	w.t.Helper()
	a := w.actor("op", ledger.RoleOperator, "NAT")
	c := w.command(a, &ledger.RecordPolicy{Place: place, From: ledger.Of(w.now).Day(), Says: says})
	op := a.ID()
	w.seal(c, ledger.HolderActor, op[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "why"})
	r, _ := w.step(c)
	require.Nil(w.t, r.Refusal)
}

func (w *world) dueLinks() []DueLinks {
	w.t.Helper()
	out, err := (View{w.db}).DueLinks(ledger.Of(w.now).Day(), 10)
	require.NoError(w.t, err)
	return out
}

// Links of two sources are due once a plan is visible, under the number that was sent and whichever replaced it, and their rows are the views'
// from then on; the world's end folds it all again.
func TestLinksAreDueWhenAPlanIsVisible(t *testing.T) {
	w := newWorld(t)
	child, old := w.keys.Person(nhsChild), w.keys.Person(nhsNobody)
	ch, council := w.actor("child-health", ledger.RoleChildHealth, "RYY"), w.actor("council", ledger.RoleUploader, "LA2")
	w.policy(ledger.Nation, ledger.Policy{Links: ledger.Yes, DPIA: "D1"})

	school, area := ledger.Place("school:100001"), ledger.Place("area:E09000001")
	w.link(ch, child, ledger.LinkDetails{Place: school, From: w.day("2025-09-01")})
	w.link(ch, child, ledger.LinkDetails{Place: "school:999999", From: w.day("2025-09-01")})
	w.link(council, old, ledger.LinkDetails{Place: area, From: w.day("2025-09-01")})
	require.Empty(t, w.dueLinks())
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-03-01", ""))
	due := w.dueLinks()
	require.Len(t, due, 1)
	require.Equal(t, "RYY", due[0].Source)

	entries := w.follow(due[0])
	require.Equal(t, []ledger.Kind{ledger.KindLinksFollowed, ledger.KindEnrolled, ledger.KindEnrolmentRejected},
		[]ledger.Kind{entries[0].Kind, entries[1].Kind, entries[2].Kind})
	require.Empty(t, w.dueLinks())
	have, err := (View{w.db}).Enrolments(child, school)
	require.NoError(t, err)
	require.Equal(t, "RYY", have[0].Source)
	wanted, err := (View{w.db}).Wanted("RYY", ledger.PersonRef{}, 9)
	require.NoError(t, err)
	require.Equal(t, []ledger.PersonRef{child}, wanted, "one of the places could not be recorded")

	// The number that the council sent is replaced by one with a plan.
	r, _ := w.do(ledger.SystemActor("n1"), &ledger.SupersedeNumber{Old: old, New: child, Birth: w.keys.Tag("birth", string(child[:]), "2015-01-01"), Was: w.keys.Tag("birth", string(old[:]), "2015-01-01")})
	require.Nil(t, r.Refusal)
	due = w.dueLinks()
	require.Len(t, due, 1)
	require.Equal(t, DueLinks{Person: old, Source: "LA2", Links: due[0].Links}, due[0])
	w.follow(due[0])
	require.Empty(t, w.dueLinks())

	row, err := (View{w.db}).TrailRow(entries[1].Seq)
	require.NoError(t, err)
	require.Equal(t, []any{ledger.RoleSystem, "RYY", school}, []any{row.Role, row.Organisation, row.Place}, "a trail says whose word it is")
	row, err = (View{w.db}).TrailRow(entries[2].Seq)
	require.NoError(t, err)
	require.Equal(t, []any{"RYY", ledger.RowPlaceUnknown}, []any{row.Organisation, row.Code})
	for key := range rows(t, w.db) {
		require.NotEqual(t, byte(viewDueLinks), key[1])
	}
}
