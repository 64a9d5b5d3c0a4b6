package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/consensus"
)

// watchedNode is a node with witnesses, of which one is ahead of it.
type watchedNode struct {
	Node
	why string
}

func (n *watchedNode) Status() consensus.Status {
	s := n.Node.Status()
	s.ReadOnly = n.why
	s.Witness = &consensus.WitnessStatus{Size: 40, Lag: 7, Since: 90 * time.Second, Alarm: true, Each: []consensus.OneWitness{
		{Name: "region", Size: 47, Agreed: true, Seen: time.Unix(1_800_000_000, 0)}, {Name: "council", Size: 90, Trouble: "not reached"}}}
	return s
}

func TestWhatWitnessesSayIsShown(t *testing.T) {
	w := newWorld(t)
	n := &watchedNode{Node: w.seam.Node}
	cfg := w.server.cfg
	cfg.Node = n
	s, err := New(cfg)
	require.NoError(t, err)
	get := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		innerAsDescribed(t, s).ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
		return r
	}
	require.Equal(t, 200, get("/readyz").Code)
	metrics := get("/metrics").Body.String()
	for _, line := range []string{"custos_witness_lag_entries 7\n", "custos_witness_lag_seconds 90\n", "custos_witness_alarm 1\n"} {
		require.Contains(t, metrics, line)
	}
	n.why = "restored behind witnessed history: witness council has signed 90 entries, this ledger holds 40"
	r := get("/readyz")
	require.Equal(t, 503, r.Code)
	require.Contains(t, r.Body.String(), `"behind-witnesses"`)
	var b statusBody
	require.NoError(t, json.Unmarshal(get("/statusz").Body.Bytes(), &b))
	require.Equal(t, n.why, b.ReadOnly)
	require.Equal(t, &witnessBody{Size: 40, LagEntries: 7, LagSeconds: 90, Alarm: true, Each: []witnessSeen{
		{Name: "region", Size: 47, Agreed: true, Seen: "2027-01-15T08:00:00.000Z"}, {Name: "council", Size: 90, Trouble: "not reached"}}}, b.Witness)
}
