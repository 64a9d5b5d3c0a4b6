package projection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// A policy is in the views as the fold of its entries, whatever their order
// (the world compares both), and a list that was handed out never changes.
func TestPoliciesAreFolded(t *testing.T) {
	w := newWorld(t)
	boss := w.actor("op", ledger.RoleOperator, "NAT")
	say := func(place string, from ledger.Day, p ledger.Policy) ledger.Seq {
		t.Helper()
		c := w.command(boss, &ledger.RecordPolicy{Place: place, From: from, Says: p})
		id := boss.ID()
		w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "pilot"})
		r, a := w.step(c)
		require.Nil(t, r.Refusal)
		return a.Seq
	}
	today := ledger.Of(w.now).Day()
	said := func() []ledger.DatedPolicy {
		list, err := View{w.db}.Policies("RXX01")
		require.NoError(t, err)
		return list
	}
	require.Empty(t, said())
	late := say("RXX01", today+9, ledger.Policy{Live: ledger.No})
	before := said()
	early := say("RXX01", today, ledger.Policy{Notify: ledger.No})
	again := say("RXX01", today+9, ledger.Policy{Live: ledger.Yes})
	var order []ledger.Seq
	for _, e := range said() {
		order = append(order, e.Seq)
	}
	require.Equal(t, []ledger.Seq{early, late, again}, order)
	require.Len(t, before, 1)
	say(ledger.Nation, today, ledger.Policy{History: ledger.No})
	places, err := View{w.db}.PolicyPlaces()
	require.NoError(t, err)
	require.Equal(t, []string{ledger.Nation, "RXX01"}, places)
}

// BenchmarkPolicy is what the policy of a place four steps below the nation
// costs a decision, with its rows in the writer's memory.
func BenchmarkPolicy(b *testing.B) {
	w := newBenchWorld(b)
	for _, place := range []string{"SERVICE", ledger.Nation} {
		b.Run(place, func(b *testing.B) {
			b.ReportAllocs()
			t := w.Begin()
			defer func() { require.NoError(b, t.Discard()) }()
			for b.Loop() {
				h, err := ledger.PolicyOn(View{t}, place, 20000)
				if err != nil || h.Live != ledger.Yes {
					b.Fatal(err)
				}
			}
		})
	}
}

func newBenchWorld(b *testing.B) *store.DB {
	dir := b.TempDir()
	require.NoError(b, store.Init(dir, store.Options{Scratch: true}))
	db, err := store.Open(dir, store.Options{Scratch: true})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	t := db.Begin()
	above := map[string]string{"SERVICE": "TRUST", "TRUST": "BOROUGH", "BOROUGH": "REGION", "REGION": ""}
	for code, parent := range above {
		require.NoError(b, set(t, organisationKey(code), ledger.Organisation{Code: code, Parent: parent, Setting: ledger.SettingUnscheduled}))
	}
	for _, place := range []string{"REGION", ledger.Nation} {
		said := []ledger.DatedPolicy{{From: 1, Says: ledger.Policy{Live: ledger.No}}, {From: 2, Says: ledger.Policy{Live: ledger.Yes}}}
		require.NoError(b, set(t, policyKey(place), said))
	}
	require.NoError(b, t.Commit())
	return db
}
