package projection

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// Links whose time is over wait no longer, under whichever number; what is sealed
// of them is no longer in the store, and of nobody else's; and whoever sent them
// is asked when there is a plan, also by a number that has replaced theirs.
func TestLinksThatAreOver(t *testing.T) {
	w := newWorld(t)
	child, old, other := w.keys.Person(nhsChild), w.keys.Person(nhsNobody), w.keys.Person(nhsMother)
	ch, council := w.actor("child-health", ledger.RoleChildHealth, "RYY"), w.actor("council", ledger.RoleUploader, "LA2")
	w.policy(ledger.Nation, ledger.Policy{Links: ledger.Yes, DPIA: "D1"})
	w.policy("RYY", ledger.Policy{Links: ledger.Yes, DPIA: "D2", LinkDays: 30})
	here := ledger.LinkDetails{Place: "school:100001", From: w.day("2025-09-01")}
	linked := func(r Result) ledger.Seq { return r.Entries[len(r.Entries)-1].Seq }
	sealed := func(n ledger.Seq) bool {
		b, err := store.Sealed(w.db, n, 0)
		require.NoError(t, err)
		return b != nil
	}
	wanted := func(source string) []ledger.PersonRef {
		out, err := (View{w.db}).Wanted(source, ledger.PersonRef{}, 9)
		require.NoError(t, err)
		return out
	}
	tell := func(days int) (out []ledger.Entry) {
		w.now = w.now.Add(time.Duration(days) * 24 * time.Hour)
		v, now := View{w.db}, ledger.Of(w.now)
		any, err := v.AnyDue(now)
		require.NoError(t, err)
		r, a := w.do(ledger.SystemActor("n1"), &ledger.TellDue{Until: now})
		require.Equal(t, any, a.Refusal == nil, "a leader asks just when there is something to tell")
		return r.Entries
	}
	mine, again, theirs, mothers := linked(w.link(ch, old, here)), linked(w.link(ch, old, ledger.LinkDetails{Place: "area:E09000001", From: here.From})),
		linked(w.link(council, old, here)), linked(w.link(ch, other, here))
	sources, err := (View{w.db}).LinkSources()
	require.NoError(t, err)
	require.Equal(t, []string{"LA2", "RYY"}, sources)
	require.Empty(t, tell(29))
	w.link(ch, other, ledger.LinkDetails{Place: here.Place, From: here.From})
	over := tell(1)
	require.Len(t, over, 2)
	require.Equal(t, &ledger.LinksFollowed{Source: "RYY", Links: []ledger.Seq{mine, again}, Code: ledger.LinksExpired}, over[1].Event)
	require.Equal(t, []bool{false, false, true, true}, []bool{sealed(mine), sealed(again), sealed(theirs), sealed(mothers)})
	require.Empty(t, wanted("RYY"))

	// The number is replaced, and the one that replaced it has a plan later.
	supersede := &ledger.SupersedeNumber{Old: old, New: child, Birth: w.keys.Tag("birth", string(child[:]), "2015-01-01"), Was: w.keys.Tag("birth", string(old[:]), "2015-01-01")}
	_, a := w.do(ledger.SystemActor("n1"), supersede)
	require.Nil(t, a.Refusal)
	require.Empty(t, wanted("RYY"))
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-03-01", ""))
	require.Equal(t, []ledger.PersonRef{child}, wanted("RYY"))
	require.Empty(t, wanted("LA2"), "its links are followed")
	due := w.dueLinks()
	require.Len(t, due, 1)
	w.follow(due[0])
	require.True(t, sealed(theirs), "what was followed stays: it proves what was recorded")

	// What a row passes because policy has ended is gone from the store as well.
	w.policy("RYY", ledger.Policy{Links: ledger.No})
	c := w.command(ch, &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: other, Place: here.Place, From: here.From}}})
	r, _ := w.step(c)
	require.Equal(t, ledger.KindEnrolmentNotKept, r.Entries[len(r.Entries)-1].Kind)
	require.False(t, sealed(mothers))
	require.Empty(t, tell(1000))
	for key := range rows(t, w.db) {
		require.NotContains(t, []byte{viewLinkSaid, viewDueLinks}, key[1])
	}
}

// A source is asked whose links were over, or whose row was not kept, before a
// number with a plan was found to be the same person's.
func TestAPlanOfAnotherNumberHasSourcesAsked(t *testing.T) {
	w := newWorld(t)
	child, old := w.keys.Person(nhsChild), w.keys.Person(nhsNobody)
	w.policy("RYY", ledger.Policy{Links: ledger.Yes, DPIA: "D2", LinkDays: 30})
	w.link(w.actor("child-health", ledger.RoleChildHealth, "RYY"), old, ledger.LinkDetails{Place: "school:100001", From: w.day("2025-09-01")})
	c := w.command(w.actor("council", ledger.RoleUploader, "LA2"), &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: old, Place: "school:100001", From: w.day("2025-09-01")}}})
	w.step(c)
	w.now = w.now.Add(30 * 24 * time.Hour)
	w.must(ledger.SystemActor("n1"), &ledger.TellDue{Until: ledger.Of(w.now)})
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-03-01", ""))
	_, a := w.do(ledger.SystemActor("n1"), &ledger.SupersedeNumber{Old: old, New: child, Birth: w.keys.Tag("birth", string(child[:]), "2015-01-01"), Was: w.keys.Tag("birth", string(old[:]), "2015-01-01")})
	require.Nil(t, a.Refusal)
	for _, source := range []string{"RYY", "LA2"} {
		have, err := (View{w.db}).Wanted(source, ledger.PersonRef{}, 9)
		require.NoError(t, err)
		require.Equal(t, []ledger.PersonRef{child}, have, source)
	}
}
