package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/projection"
)

// TestTrailProofs: an auditor has a proof made that reaches to what was recorded a
// moment ago; nobody names a person by number.
func TestTrailProofs(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	_, e := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	ref := e.Person.Ref.String()
	for _, who := range []caller{auditor, officer} {
		var h header
		if who == officer {
			w.call(who, "POST", "/v1/trail-proofs", object{"reference": ref}).turnedAway("assurance-too-low")
			h = w.signedIn(officer, "AAL3_ANY")
		}
		r := w.call(who, "POST", "/v1/trail-proofs", object{"reference": ref}, h)
		require.Equal(t, 200, r.status, string(r.body))
		var p projection.TrailProof
		require.NoError(t, json.Unmarshal(r.body, &p))
		require.Len(t, p.Numbers, 1)
		require.Equal(t, ref, p.Person)
		tree, err := ledger.OpenCheckpoint([]byte(p.Checkpoint), worldOrigin, note.VerifierList(worldKeys().verifier))
		require.NoError(t, err)
		seen := false
		for _, x := range append(p.Numbers[0].Entries, p.State) {
			var path tlog.RecordProof
			for _, h := range x.Proof {
				path = append(path, tlog.Hash(h))
			}
			require.NoError(t, tlog.CheckRecord(path, tree.N, tree.Hash, int64(x.Seq), tlog.RecordHash(x.Record)))
			seen = seen || x.Seq == e.Seq
		}
		require.True(t, seen, "the lookup before is in it")
		require.Greater(t, p.State.Seq, e.Seq)
	}
	w.call(doctor, "POST", "/v1/trail-proofs", object{"reference": ref}).denied("role-not-permitted")
	for _, bad := range []object{{}, {"reference": ""}, {"reference": nhs(1)}, {"reference": ref[:64]}, {"reference": ref, "nhsNumber": nhs(1)}} {
		r := w.call(auditor, "POST", "/v1/trail-proofs", bad)
		require.Equal(t, 400, r.status, "%v", bad)
		require.NotContains(t, string(r.body), nhs(1))
	}
}
