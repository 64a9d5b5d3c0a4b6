package tools

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/projection"
)

// lateOfRule verifies the world, and returns what one rule about time found.
func (w *world) lateOfRule(rule string) lateRule {
	w.t.Helper()
	w.close()
	defer w.open()
	code, r := w.verify()
	require.Zero(w.t, code, r)
	for _, f := range r.Findings {
		if f.Rule == rule {
			f.Seq, f.Worst = nil, 0
			return f
		}
	}
	w.t.Fatal("there is no such rule")
	return lateRule{}
}

// follow has the links of a child followed, as a node does that finds them due.
func (w *world) follow(nhs string) {
	w.t.Helper()
	opened := w.step(w.command(ledger.SystemActor("n1"), &ledger.OpenLinks{Person: w.keys.Person(nhs), Source: "RXX01"}))
	require.Nil(w.t, opened.Refusal)
	r := w.step(w.command(ledger.SystemActor("n1"), &ledger.FollowLinks{Person: w.keys.Person(nhs), Source: "RXX01", Of: opened.Entries[0].Seq}))
	require.Nil(w.t, r.Refusal)
}

// A child whose school was sealed and who has a plan is on no list until the
// links are followed: that it was late, or never came, is a finding.
func TestLinksThatAreFollowedLateAreAFinding(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(ledger.Policy{Links: ledger.Yes, DPIA: "DPIA 7"})
	w.step(w.linkCommand(nhsChild))
	w.step(w.linkCommand(nhsSister))
	w.step(w.linkCommand(nhsNobody))
	w.now = w.now.Add(24 * time.Hour)
	w.upload(1, nhsChild, nhsSister)
	w.follow(nhsChild)
	require.Equal(t, lateRule{Rule: ruleLinks, Checked: 1}, w.lateOfRule(ruleLinks), "in time, and the other's time has not come")
	w.now = w.now.Add(5 * time.Minute)
	w.lookup("nurse", nhsNobody)
	require.Zero(t, w.lateOfRule(ruleLinks).Open)
	w.now = w.now.Add(6 * time.Minute)
	w.lookup("nurse", nhsNobody)
	require.EqualValues(t, 1, w.lateOfRule(ruleLinks).Open)
	w.follow(nhsSister)
	require.Equal(t, lateRule{Rule: ruleLinks, Checked: 2, Late: 1}, w.lateOfRule(ruleLinks))

	// A plan that comes after one that was recorded in error: from then on, and no sooner.
	w.upload(2, nhsNobody)
	w.remove(3, nhsNobody)
	w.now = w.now.Add(48 * time.Hour)
	require.Equal(t, lateRule{Rule: ruleLinks, Checked: 2, Late: 1}, w.lateOfRule(ruleLinks))
	w.upload(4, nhsNobody)
	w.follow(nhsNobody)
	require.Equal(t, lateRule{Rule: ruleLinks, Checked: 3, Late: 1}, w.lateOfRule(ruleLinks))
	w.close()
}

// remove takes a child's plan back.
func (w *world) remove(sequence int64, nhs string) {
	w.t.Helper()
	up := w.actor("uploader", ledger.RoleUploader, "LA1")
	id := w.id()
	require.Nil(w.t, w.do(up, &ledger.OpenUpload{Upload: id, Sequence: sequence, Content: ledger.Tag(id), Format: 1}).Refusal)
	q := &ledger.UploadChunk{Upload: id, Rows: []ledger.Row{{N: 1, Person: w.keys.Person(nhs), Type: ledger.ChildProtection, Start: w.day("2026-01-05"),
		LastDay: w.day("2033-05-05"), Birth: w.keys.Tag("birth", nhs, "2015-05-05"), Content: w.keys.Tag("row", nhs, "x"), Delete: ledger.Of(w.now).Day()}}}
	r := w.do(up, q)
	require.Nil(w.t, r.Refusal)
	require.Equal(w.t, ledger.KindPlanDeleted, r.Entries[len(r.Entries)-1].Kind)
	require.Nil(w.t, w.do(up, &ledger.CloseUpload{Upload: id, Rows: 1, Chunks: 1}).Refusal)
}

// Links that wait beyond their time are a finding, while nobody has let them go
// and after that; what shortens their time counts from when it was said. What was
// sealed of them is gone, and level 2 says why; were it there, level 2 would fail.
func TestLinksThatAreLetGoLateAreAFinding(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(ledger.Policy{Links: ledger.Yes, DPIA: "DPIA 7", LinkDays: 30})
	for _, nhs := range []string{nhsChild, nhsSister, nhsNobody} {
		w.step(w.linkCommand(nhs))
		w.now = w.now.Add(24 * time.Hour)
	}
	have, err := (projection.View{R: w.db}).Links(w.keys.Person(nhsChild), "RXX01")
	require.NoError(t, err)
	link := have.Each[0].Seq
	kept := map[ledger.Seq][]byte{}
	for row, err := range w.db.SealedRows(link, link+1) {
		require.NoError(t, err)
		kept[link] = bytes.Clone(row.Value)
	}
	at := func(days ledger.Day, d time.Duration) {
		w.now = (ledger.Of(w.now).Day() + days).Start().Std().Add(d)
	}
	at(27, time.Second)
	w.lookup("nurse", nhsChild)
	require.Equal(t, lateRule{Rule: ruleOver}, w.lateOfRule(ruleOver))
	at(0, 11*time.Minute)
	w.lookup("nurse", nhsChild)
	require.EqualValues(t, 1, w.lateOfRule(ruleOver).Open)
	tell := func() { w.system(&ledger.TellDue{Until: ledger.Of(w.now)}) }
	tell()
	require.Equal(t, lateRule{Rule: ruleOver, Checked: 1, Late: 1}, w.lateOfRule(ruleOver))
	at(1, time.Minute)
	tell()
	require.Equal(t, lateRule{Rule: ruleOver, Checked: 2, Late: 1}, w.lateOfRule(ruleOver), "on its day")
	at(0, 12*time.Hour)
	w.keepsLinks(ledger.Policy{Links: ledger.Yes, DPIA: "DPIA 8", LinkDays: 28})
	w.now = w.now.Add(5 * time.Minute)
	tell()
	require.Equal(t, lateRule{Rule: ruleOver, Checked: 3, Late: 1}, w.lateOfRule(ruleOver), "it has been over since noon alone")

	w.close()
	code, r := w.verify()
	require.Zero(t, code)
	require.Contains(t, r.Levels[levelSealed].Detail, "3 were erased, 3 of these with links that were let go")
	w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Set(append(rowKey('s', link), 0), kept[link], nil) })
	code, r = w.verify()
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, r.FirstBad.Why, fmt.Sprintf("it lets links go, and what entry %d sealed of them is there", link))
}
