package main

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A node follows links by itself, with nothing configured but policy.
func TestANodeFollowsLinks(t *testing.T) {
	path := meshNode(t, startMESH(t), nil)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(b, &all))
	delete(all, "mesh")
	b, err = json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	cfg, err := readConfig(path)
	require.NoError(t, err)
	n := newNode(t, cfg, slog.New(slog.DiscardHandler))
	keys, err := cfg.keyring(rand.Reader)
	require.NoError(t, err)

	propose := func(r ledger.Role, org string, q ledger.Request, seal func(c *ledger.Command)) {
		t.Helper()
		c := ledger.Command{Actor: ledger.Actor{Issuer: "test", Subject: "x", Role: r, Organisation: org, Node: "n1"}, Request: q}
		for _, id := range []*ledger.ID{&c.ID, &c.Seed} {
			_, _ = rand.Read(id[:])
		}
		if seal != nil {
			seal(&c)
		}
		out, err := n.cluster.Propose(t.Context(), c)
		require.NoError(t, err)
		require.Nil(t, out.Answer.Refusal)
	}
	seal := func(h ledger.Holder, holder []byte, p ledger.Payload, row int, details any) func(c *ledger.Command) {
		return func(c *ledger.Command) {
			key, err := keys.NewKey(h, holder)
			require.NoError(t, err)
			s, err := keys.Seal(key, p, c.ID, row, details)
			require.NoError(t, err)
			c.Keys, c.Sealed = append(c.Keys, key.Wrapped), append(c.Sealed, s)
		}
	}
	for _, o := range []ledger.Organisation{{Code: "E09000001", Name: "Northbank Council", Sort: ledger.SortAuthority}, {Code: "RYY", Name: "Child health", Sort: ledger.SortTrust},
		{Code: "100001", Name: "A school", Sort: ledger.SortSchool}} {
		propose(ledger.RoleOperator, "X26", &ledger.RecordOrganisation{Organisation: o}, nil)
	}
	child, today, place := keys.Person("9990000018"), ledger.Of(time.Now()).Day(), ledger.Place("school:100001")
	op := (&ledger.Actor{Issuer: "test", Subject: "x", Role: ledger.RoleOperator, Organisation: "X26"}).ID()
	propose(ledger.RoleOperator, "X26", &ledger.RecordPolicy{Place: "RYY", From: today, Says: ledger.Policy{Links: ledger.Yes, DPIA: "DPIA 7"}},
		seal(ledger.HolderActor, op[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "as assessed"}))
	propose(ledger.RoleChildHealth, "RYY", &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: child, Link: ledger.Tag{1}}}},
		seal(ledger.HolderPerson, child[:], ledger.PayloadLink, 1, ledger.LinkDetails{Place: place, From: today - 9}))
	id := ledger.DeriveID("upload")
	propose(ledger.RoleUploader, "E09000001", &ledger.OpenUpload{Upload: id, Sequence: 1, Format: 1}, nil)
	propose(ledger.RoleUploader, "E09000001", &ledger.UploadChunk{Upload: id, Rows: []ledger.Row{{N: 1, Person: child, Type: ledger.ChildProtection, Start: today - 9, LastDay: today + 900}}}, nil)
	require.Eventually(t, func() bool {
		have, err := n.cluster.View().Enrolments(child, place)
		return err == nil && len(have) == 1 && have[0].Source == "RYY"
	}, 20*time.Second, 10*time.Millisecond)
}
