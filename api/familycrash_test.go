package api

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"custos/tools"
)

// TestAFamilyWhileLeadersDie: the story on three nodes over the real network and
// the real edge, once in peace, and once while the leader dies at most requests:
// before them, at some write meanwhile, or when the outcome is recorded and nobody
// has heard of it. Machines lose what they had not synced and start again. Both
// ledgers say the same, entry by entry and field by field; all of it, and the
// trails of each of the family, are verified offline from the disks.
// CUSTOS_WALK_SEED chooses other deaths.
func TestAFamilyWhileLeadersDie(t *testing.T) {
	seed := uint64(1)
	if v := os.Getenv("CUSTOS_WALK_SEED"); v != "" {
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		require.NoError(t, err)
	}
	var peace []string
	walk := func(t *testing.T, kills bool) []string {
		w, c := newCrashWorld(t, seed)
		c.settled()
		from := w.size()
		c.kills = kills
		w.family(c.told)
		c.kills = false
		c.told()
		facts, again := w.facts(from)
		t.Logf("%d facts; %d crashes (%v: before, within, after), %d retries, %d answers shown again", len(facts), c.crashes.Load(), c.how, c.retries, again)
		if kills {
			require.Greater(t, int(c.crashes.Load()), 12)
			require.Positive(t, c.retries)
		} else {
			require.Zero(t, c.crashes.Load())
		}
		c.proved()
		return facts
	}
	t.Run("in peace", func(t *testing.T) { peace = walk(t, false) })
	t.Run("while leaders die", func(t *testing.T) {
		died := walk(t, true)
		for i := range min(len(peace), len(died)) {
			require.Equal(t, peace[i], died[i], "fact %d", i)
		}
		require.Len(t, died, len(peace))
	})
}

// proved verifies what lies on each machine's disk with custos-tools alone, at
// every level, and proves each trail complete.
func (c *crashCluster) proved() {
	t := c.w.t
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	require.NoError(t, os.Mkdir(keys, 0o700))
	key := filepath.Join(keys, "log.vkey")
	require.NoError(t, os.WriteFile(key, []byte(worldKeys().vkey+"\n"), 0o600))
	run := func(code int, args ...string) []byte {
		t.Helper()
		var out, errs bytes.Buffer
		require.Equal(t, code, tools.Main(args, &out, &errs), "%v: %s%s", args, out.String(), errs.String())
		return out.Bytes()
	}
	for _, n := range []int{5, 6, 7} {
		ref := c.w.keys.Person(nhs(n)).String()
		r := c.w.call(auditor, "POST", "/v1/trail-proofs", object{"reference": ref})
		require.Equal(t, 200, r.status)
		proof := r.body
		file := filepath.Join(dir, "proof")
		require.NoError(t, os.WriteFile(file, proof, 0o600))
		said := string(run(tools.ExitDone, "check-trail", file, "--vkey", key, "--ref", ref))
		require.Contains(t, said, "COMPLETE: these ")
		for _, kind := range []string{"plan-recorded", "accessed", "notification-queued"} {
			require.Contains(t, said, kind)
		}
		// One that leaves an access out does not hold.
		var p map[string]any
		require.NoError(t, json.Unmarshal(proof, &p))
		numbers := p["numbers"].([]any)[0].(map[string]any)
		entries := numbers["entries"].([]any)
		numbers["entries"] = append(entries[:1:1], entries[2:]...)
		forged, err := json.Marshal(p)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, forged, 0o600))
		run(tools.ExitIntegrity, "check-trail", file, "--vkey", key, "--ref", ref)
	}
	c.quiet()
	c.stop()
	for _, x := range c.nodes {
		to := filepath.Join(dir, x.name)
		ok, err := vfs.Clone(x.current().fs, vfs.Default, "data", to)
		require.NoError(t, err)
		require.True(t, ok)
		var report struct {
			Verdict string
			Levels  []struct {
				Name    string
				OK      bool
				Checked int
			}
		}
		require.NoError(t, json.Unmarshal(run(tools.ExitDone, "verify", "-o", "json", "--data", to, "--keys", keys), &report))
		require.Equal(t, "verified", report.Verdict)
		require.GreaterOrEqual(t, len(report.Levels), 5)
		for _, level := range report.Levels {
			require.True(t, level.OK, level.Name)
			require.Positive(t, level.Checked, level.Name)
		}
	}
}

// quiet waits until a state entry covers everything, and each machine has it all.
func (c *crashCluster) quiet() {
	c.waited("waited for quiet", func() bool {
		c.settled()
		for _, x := range c.nodes {
			n := x.current().node
			since, _, _, err := n.View().Covered()
			s := n.Status()
			if err != nil || since != s.Size || s.LastLog != s.Applied {
				return false
			}
		}
		return true
	})
}
