package tools

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/projection"
)

const nhsStranger = "9990000042" // about whom there is no entry

// state records a state entry.
func (w *world) state() { w.system(&ledger.RecordState{}) }

// proofForgeries make what proofs are made of, or what an insider makes of it.
func init() {
	for name, f := range map[string]func(w *world, n ledger.Seq){
		"state":         func(w *world, _ ledger.Seq) { w.open(); w.state(); w.close() },
		"look":          func(w *world, _ ledger.Seq) { w.open(); w.lookup("doctor", nhsChild); w.close() },
		"supersede":     func(w *world, _ ledger.Seq) { w.open(); w.supersede(nhsSister, nhsChild); w.close() },
		"part":          func(w *world, _ ledger.Seq) { w.open(); w.part(nhsSister); w.close() },
		"read-caseload": func(w *world, _ ledger.Seq) { w.open(); w.caseload(); w.close() },
		// An IG officer lets an auditor know whose a reference is: for n days, which may be over.
		"release":      func(w *world, n ledger.Seq) { w.now = time.Now(); w.release(n) },
		"release-past": func(w *world, n ledger.Seq) { w.release(n) },
		// An insider with the log's key signs a state entry whose index is another.
		"lie-about-state": func(w *world, _ ledger.Seq) {
			c := &ledger.Command{ID: w.id(), Seed: w.id(), Actor: ledger.SystemActor("n1"), Request: &ledger.RecordState{}, Time: ledger.Of(w.now)}
			w.insiderOf(c, func(d *ledger.Decision) { d.Happened[0].Event.(*ledger.StateRecorded).State.Index[0] ^= 1 })
		},
	} {
		forgeries[name] = f
	}
}

func (w *world) reasoned(subject string, q ledger.Request) {
	w.t.Helper()
	c := w.command(w.actor(subject, ledger.RoleIGOfficer, "NAT"), q)
	id := c.Actor.ID()
	w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "the register says so"})
	require.Nil(w.t, w.step(c).Refusal)
}

func (w *world) supersede(old, by string) {
	w.reasoned("ig", &ledger.SupersedeNumber{Old: w.keys.Person(old), New: w.keys.Person(by), Birth: ledger.Tag{1}, Was: ledger.Tag{2}})
}

func (w *world) part(old string) {
	w.reasoned("ig", &ledger.PartNumbers{Old: w.keys.Person(old)})
}

// release writes capability beside the node's folder.
func (w *world) release(days ledger.Seq) {
	w.open()
	defer w.close()
	log, err := projection.View{R: w.db}.Log()
	require.NoError(w.t, err)
	p, nonce := w.keys.Person(nhsChild), ledger.Tag{5}
	c := w.command(w.actor("ig", ledger.RoleIGOfficer, "NAT"), &ledger.ReleaseKey{Person: p, To: ledger.ActorIDOf("https://issuer.test", "auditor"),
		Until: ledger.Of(w.now) + ledger.Time(days)*24*ledger.Hour, Binding: ledger.ReleaseBinding(log.ID, p, nonce, nhsChild)})
	id := c.Actor.ID()
	w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "the court asks"})
	r := w.step(c)
	require.Nil(w.t, r.Refusal)
	e := &r.Entries[len(r.Entries)-1]
	signed, err := w.db.LastSigned()
	require.NoError(w.t, err)
	path, err := w.db.Prove(e.Seq, w.db.Tree().N)
	require.NoError(w.t, err)
	b, err := json.Marshal(capability{capabilityFormat, hex.EncodeToString(log.ID[:]), e.Seq, nhsChild, nonce[:], "https://issuer.test", "auditor",
		string(ledger.Receipt{Seq: e.Seq, Leaf: e.Hash(), Path: path, Checkpoint: signed}.Format())})
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(filepath.Join(filepath.Dir(w.dir), "capability"), b, 0o600))
}

// caseload has the school nurse read a caseload of two.
func (w *world) caseload() {
	w.t.Helper()
	const place = ledger.Place(ledger.PlaceSchool + "100001")
	day := ledger.Of(w.now).Day()
	for _, x := range []struct {
		who  ledger.Actor
		what ledger.Request
	}{
		{w.actor("clerk", ledger.RoleChildHealth, "RYY"), &ledger.Enrol{Rows: []ledger.EnrolmentRow{
			{N: 1, Person: w.keys.Person(nhsChild), Place: place, From: day}, {N: 2, Person: w.keys.Person(nhsSister), Place: place, From: day}}}},
		{w.actor("lead", ledger.RoleTeamLeader, "RYY"), &ledger.Assign{Place: place, Subject: "school-nurse", From: day}},
		{w.actor("school-nurse", ledger.RoleSchoolNurse, "RYY"), &ledger.ReadCaseload{Place: place}},
	} {
		require.Nil(w.t, w.do(x.who, x.what).Refusal)
	}
}

// editProof does to a proof what its keeper might: see the scripts.
func editProof(ts *testscript.TestScript, args []string) {
	file := ts.MkAbs(args[0])
	b, err := os.ReadFile(file)
	ts.Check(err)
	var p map[string]any
	ts.Check(json.Unmarshal(b, &p))
	entries := func(p map[string]any, number int) []any {
		if list, ok := p["entries"].([]any); ok {
			return list
		}
		return p["numbers"].([]any)[number].(map[string]any)["entries"].([]any)
	}
	put := func(number int, list []any) {
		if _, ok := p["entries"].([]any); ok {
			p["entries"] = list
			return
		}
		p["numbers"].([]any)[number].(map[string]any)["entries"] = list
	}
	at := func(n string) int {
		return slices.IndexFunc(entries(p, 0), func(e any) bool { return strconv.Itoa(int(e.(map[string]any)["seq"].(float64))) == n })
	}
	list := entries(p, 0)
	switch how := args[1]; how {
	case "leave-out":
		i := at(args[2])
		put(0, slices.Delete(slices.Clone(list), i, i+1))
	case "swap":
		i := at(args[2])
		list[i], list[i+1] = list[i+1], list[i]
	case "repeat":
		i := at(args[2])
		put(0, slices.Insert(slices.Clone(list), i, list[i]))
	case "renumber":
		list[at(args[2])].(map[string]any)["seq"] = float64(2)
	case "graft": // the first entry of another proof
		put(0, append(slices.Clone(list), entries(readProof(ts, args[2]), 0)[0]))
	case "nobody": // says that there is nothing
		put(0, []any{})
	case "leave-out-number":
		p["numbers"] = p["numbers"].([]any)[:1]
	case "add-number":
		p["numbers"] = append(p["numbers"].([]any), readProof(ts, args[2])["numbers"].([]any)[0])
	case "without":
		delete(p, args[2])
	case "other-state":
		p["state"] = readProof(ts, args[2])["state"]
	case "other":
		p["numbers"].([]any)[0].(map[string]any)["other"] = readProof(ts, args[2])["numbers"].([]any)[0].(map[string]any)["other"]
	case "notice":
		p["notice"] = "This is everything."
	case "extra":
		p["extra"] = true
	case "shorten":
		ts.Check(os.WriteFile(file, b[:len(b)/2], 0o600))
		return
	default:
		ts.Fatalf("no edit of that name")
	}
	b, err = json.Marshal(p)
	ts.Check(err)
	ts.Check(os.WriteFile(file, b, 0o600))
}

func readProof(ts *testscript.TestScript, file string) map[string]any {
	b, err := os.ReadFile(ts.MkAbs(file))
	ts.Check(err)
	var p map[string]any
	ts.Check(json.Unmarshal(b, &p))
	return p
}

// toldBy is all that a proof tells: whose trails, or which command, and their records.
func toldBy(t testing.TB, proof []byte) map[string][]string {
	t.Helper()
	var p struct {
		Person  string
		Numbers []numberChain
		Entries []provedEntry
	}
	require.NoError(t, json.Unmarshal(proof, &p))
	told := map[string][]string{"asked for": {strings.ToLower(p.Person)}}
	for _, n := range append(p.Numbers, numberChain{Reference: "of a caseload", Entries: p.Entries}) {
		for _, e := range n.Entries {
			told[strings.ToLower(n.Reference)] = append(told[strings.ToLower(n.Reference)], string(e.Record))
		}
	}
	return told
}

// FuzzCheckTrail: whatever is called a proof is refused, or tells exactly what one
// of those told that the log's key made; nothing panics.
func FuzzCheckTrail(f *testing.F) {
	w := newWorld(f)
	w.usual()
	w.supersede(nhsSister, nhsChild)
	w.caseload()
	w.state()
	signed, err := w.db.LastSigned()
	require.NoError(f, err)
	var all []map[string][]string
	for _, nhs := range []string{nhsChild, nhsStranger} {
		p, err := projection.ProveTrail(w.db, w.keys.Person(nhs), signed, w.db.Tree().N)
		require.NoError(f, err)
		b, err := json.Marshal(p)
		require.NoError(f, err)
		f.Add(b)
		all = append(all, toldBy(f, b))
	}
	c, err := projection.ProveCaseload(w.db, w.db.Head().Size-2, signed, w.db.Tree().N)
	require.NoError(f, err)
	b, err := json.Marshal(c)
	require.NoError(f, err)
	f.Add(b)
	all = append(all, toldBy(f, b))
	f.Cleanup(w.close)
	f.Fuzz(func(t *testing.T, b []byte) {
		file := t.TempDir() + "/proof"
		require.NoError(t, os.WriteFile(file, b, 0o600))
		var out strings.Builder
		if code := Main([]string{"check-trail", file, "--vkey", w.vkey}, &out, &out); code != ExitDone {
			require.NotContains(t, out.String(), "COMPLETE")
			return
		}
		require.Contains(t, out.String(), "COMPLETE")
		require.Contains(t, all, toldBy(t, b))
	})
}
