package api

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// TestKeyReleases: an IG officer's recorded, reasoned act lets one auditor know
// whose one reference is; nobody else may, and the entry alone tells nothing.
func TestKeyReleases(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	body := object{"nhsNumber": nhs(1), "auditor": "auditor-7", "days": 30, "reason": "ordered by the court"}
	out, e := w.call(officer, "POST", "/v1/key-releases", body, header{"Idempotency-Key": "6f1c2b1e-4f77-4c25-9a55-1c6a9a3f7d21"}).recorded(201)
	requireFields(t, out, "format", "log", "nhsNumber", "nonce", "issuer", "subject", "seq", "receipt")
	released := e.Event.(*ledger.KeyReleased)
	nonce, err := base64.StdEncoding.DecodeString(out["nonce"].(string))
	require.NoError(t, err)
	require.Equal(t, released.Binding, ledger.ReleaseBinding(worldLog, e.Person.Ref, ledger.Tag(nonce), nhs(1)))
	require.Equal(t, released.To, ledger.ActorIDOf(out["issuer"].(string), "auditor-7"))
	require.Equal(t, "custos-capability@v1", out["format"])
	require.NotContains(t, string(e.Record()), nhs(1))
	require.InDelta(t, float64(e.Time+30*24*ledger.Hour), float64(released.Until), float64(2*ledger.Minute))

	again := w.call(officer, "POST", "/v1/key-releases", body, header{"Idempotency-Key": "6f1c2b1e-4f77-4c25-9a55-1c6a9a3f7d21"}).json()
	require.Equal(t, out["nonce"], again["nonce"], "a retry is the same release")
	require.EqualValues(t, e.Seq, again["seq"])

	w.call(auditor, "POST", "/v1/key-releases", body).denied("role-not-permitted")
	size := w.size()
	for _, change := range []object{{"nhsNumber": "9990000019"}, {"auditor": ""}, {"auditor": nhs(1)}, {"days": 0}, {"days": 91}, {"days": nil}, {"reason": ""}, {"reason": nil}} {
		r := w.call(officer, "POST", "/v1/key-releases", merged(merged(object{}, body), change))
		require.Equal(t, 400, r.status, "%v", change)
		require.NotContains(t, string(r.body), nhs(1))
	}
	require.Equal(t, size, w.size())
}
