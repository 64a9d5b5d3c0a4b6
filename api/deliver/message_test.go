package deliver

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"custos/api/cpis"
	"custos/ledger"
	"custos/projection"
)

// Whatever is known of a person and of who looked, a message is made of it that
// is read again and says whom it is about; and it is the same when made twice.
func TestWhateverIsKnownIsWritten(t *testing.T) {
	keys, err := ledger.NewKeyring(ledger.Secrets{Log: logID, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, rand.Reader)
	require.NoError(t, err)
	s := &Service{cfg: Config{Keyring: keys, Service: cpis.Party{Code: "X26", Name: "Custos"}, System: "200000000001"}}
	p := keys.Person(child)
	personKey, err := keys.NewKey(ledger.HolderPerson, p[:])
	require.NoError(t, err)
	actorKey, err := keys.NewKey(ledger.HolderActor, []byte("0123456789abcdef"))
	require.NoError(t, err)
	shown := func(t *rapid.T, key ledger.DataKey, payload ledger.Payload, n ledger.Seq, details any) ledger.Shown {
		sealed, err := keys.Seal(key, payload, ledger.ID{1}, 1, details)
		require.NoError(t, err)
		return ledger.Shown{Seq: n, Payload: payload, Command: ledger.ID{1}, Row: 1, Ciphertext: sealed.Ciphertext, Key: key.Wrapped}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return rapid.StringN(0, 80, 300).Draw(t, label) }
		org := rapid.SampledFrom([]string{emergency, "lower", "TOOLONGACODE", "X"}).Draw(t, "organisation")
		d := &projection.Delivery{Attempt: 9, At: ledger.Time(rapid.Int64Range(0, 1<<52).Draw(t, "at")), Authority: authority1,
			Type: rapid.SampledFrom(types).Draw(t, "type"), Names: []ledger.Named{{Code: authority1, Name: text("recipient")}, {Code: emergency, Name: text("employer")}}}
		plan := projection.PlanShown{Plan: ledger.Plan{Seq: 3}, Details: shown(t, personKey, ledger.PayloadPlan, 3,
			ledger.PlanDetails{NHSNumber: child, LocalID: text("local id")})}
		d.Items = []projection.DeliveryItem{{Notification: 5, Plans: []projection.PlanShown{plan}, File: rapid.Int64Range(1, 1<<62).Draw(t, "file"),
			Visit:  projection.Visit{Seq: 4, At: d.At, Profile: 2, Role: rapid.SampledFrom([]ledger.Role{ledger.RoleClinician, ledger.RoleScheduledClinician, ledger.RoleSchoolNurse, ledger.RoleNone}).Draw(t, "role"), Organisation: org},
			Issuer: "i", Subject: text("subject")}}
		profile := shown(t, actorKey, ledger.PayloadProfile, 2, ledger.ProfileDetails{Name: text("name"), RoleName: text("role name"), Organisation: text("their organisation")})
		message, err := s.message(logID, d, []*ledger.Shown{&profile})
		require.NoError(t, err)
		again, err := s.message(logID, d, []*ledger.Shown{&profile})
		require.NoError(t, err)
		require.Equal(t, message, again)
		if d.Type == ledger.NotifyInactive {
			n, err := cpis.DecodeInactive(bytes.NewReader(message), cpis.Limits{})
			require.NoError(t, err)
			require.Equal(t, child, n.People[0].NHSNumber)
			return
		}
		n, err := cpis.DecodeNotification(bytes.NewReader(message), cpis.Limits{})
		require.NoError(t, err)
		require.Equal(t, child, n.Accesses[0].Asked[0].Person.NHSNumber)
	})
}

// A local id is read back as its attempt's, and no other's is.
func TestLocalIDs(t *testing.T) {
	for _, kind := range types {
		id := localID(logID, kind, 12345)
		n, ok := attemptOf(logID, id)
		require.True(t, ok)
		require.Equal(t, ledger.Seq(12345), n)
		_, ok = attemptOf(ledger.ID{7}, id)
		require.False(t, ok, "another log's")
		_, ok = attemptOf(logID, id[:len(id)-1])
		require.False(t, ok)
	}
	require.NotEqual(t, localID(logID, ledger.NotifyAccess, 1), localID(logID, ledger.NotifyInactive, 1))
	for _, id := range []string{"", "custos-05-", "custos-05-x-", answerID(logID, "m")} {
		_, ok := attemptOf(logID, id)
		require.False(t, ok, id)
	}
}
