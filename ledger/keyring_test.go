package ledger

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func secrets() Secrets {
	return Secrets{Log: ID{0xc0}, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)}, KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}
}

func ring(t testing.TB, change func(*Secrets)) *Keyring {
	s := secrets()
	if change != nil {
		change(&s)
	}
	k, err := NewKeyring(s, rand.Reader)
	require.NoError(t, err)
	return k
}

func TestAPersonIsAKeyedReference(t *testing.T) {
	k := ring(t, nil)
	p := k.Person("9990000018")
	require.Equal(t, p, ring(t, nil).Person("9990000018"), "on every node")
	require.Equal(t, byte(1), p.Epoch())
	require.NotEqual(t, p, k.Person("9990000026"))
	plain := sha256.Sum256([]byte("9990000018"))
	require.NotContains(t, string(p[:]), string(plain[:]))
	other := ring(t, func(s *Secrets) { s.Person[1] = bytes.Repeat([]byte{9}, 32) })
	require.NotEqual(t, p[1:], sliceOf(other.Person("9990000018"))[1:])
	later := ring(t, func(s *Secrets) { s.Person[2] = bytes.Repeat([]byte{3}, 32) })
	require.Equal(t, byte(2), later.Person("9990000018").Epoch(), "the newest key makes references")
	back, err := ParsePersonRef(p.String())
	require.NoError(t, err)
	require.Equal(t, p, back)
	for _, s := range []string{"", p.String()[1:], p.String() + "0", "zz" + p.String()[2:]} {
		_, err := ParsePersonRef(s)
		require.ErrorIs(t, err, ErrPersonRef)
	}
}

func sliceOf(p PersonRef) []byte { return p[:] }

func TestTagsCompareWithinTheirScopeOnly(t *testing.T) {
	k := ring(t, nil)
	require.Equal(t, k.Tag("birth", "p1", "2020-01-01"), k.Tag("birth", "p1", "2020-01-01"))
	different := map[Tag]bool{}
	for _, x := range [][]string{{"birth", "p1", "2020-01-01"}, {"birth", "p2", "2020-01-01"}, {"local", "p1", "2020-01-01"}, {"birth", "p1", "2020-01-02"},
		{"birth", "p1", "2020-01-0", "1"}, {"birth", "p1", "2", "020-01-01"}, {"birth", "p", "12020-01-01"}} {
		different[k.Tag(x[0], x[1], x[2:]...)] = true
	}
	require.Len(t, different, 7)
	require.True(t, k.Tag("birth", "p1", "").IsZero(), "what is not given has no tag")
	require.Equal(t, k.Content("POST /v1/lookups", []byte("{}")), k.ContentSum("POST /v1/lookups", sha256.Sum256([]byte("{}"))))
	require.NotEqual(t, k.Content("POST /v1/lookups", []byte("{}")), k.Content("POST /v1/trails", []byte("{}")))
}

// A tag is the HMAC of its parts, each after its length, whoever else makes tags
// meanwhile and whatever was tagged before.
func TestTagsAreHMACsOfTheirParts(t *testing.T) {
	k := ring(t, nil)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 200 {
				parts := []string{"row", fmt.Sprint("authority", n)}
				for j := range 1 + i%7 {
					parts = append(parts, strings.Repeat("x", (i*j)%90))
				}
				parts = append(parts, "end")
				h := hmac.New(sha256.New, secrets().Person[1])
				for _, p := range parts {
					h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
					h.Write([]byte(p))
				}
				want := h.Sum(nil)[:16]
				if got := k.Tag(parts[0], parts[1], parts[2:]...); string(got[:]) != string(want) {
					t.Errorf("tag %d of %d", i, n)
				}
			}
		})
	}
	all.Wait()
}

func TestASealedPayloadOpensInItsPlaceOnly(t *testing.T) {
	k := ring(t, nil)
	ref := k.Person("9990000018")
	key, err := k.NewKey(HolderPerson, ref[:])
	require.NoError(t, err)
	require.True(t, key.New)
	said := PlanDetails{NHSNumber: "9990000018", Family: "Archer", Given: "Kenton Éamonn", Birth: "2008-05-01", LocalID: "L/1"}
	s, err := k.Seal(key, PayloadPlan, ID{7}, 3, said)
	require.NoError(t, err)
	require.NotContains(t, string(s.Ciphertext), "Archer")
	require.Equal(t, Commitment{Payload: PayloadPlan, Holder: HolderPerson, Key: key.Wrapped.Key, Digest: sha256.Sum256(s.Ciphertext)}, s.Commitment())
	shown := Shown{Seq: 9, Payload: PayloadPlan, Command: ID{7}, Row: 3, Ciphertext: s.Ciphertext, Key: key.Wrapped}

	var read PlanDetails
	require.NoError(t, k.Open(shown, &read))
	require.Equal(t, said, read)
	require.NoError(t, ring(t, nil).Open(shown, &read), "another node has the same keys")

	wrong := func(change func(*Shown)) Shown {
		x := shown
		x.Ciphertext, x.Key.Wrapped, x.Key.ID = bytes.Clone(shown.Ciphertext), bytes.Clone(shown.Key.Wrapped), bytes.Clone(shown.Key.ID)
		change(&x)
		return x
	}
	for name, x := range map[string]Shown{
		"another command":            wrong(func(x *Shown) { x.Command[0]++ }),
		"another row":                wrong(func(x *Shown) { x.Row++ }),
		"another payload":            wrong(func(x *Shown) { x.Payload = PayloadAccess }),
		"another holder":             wrong(func(x *Shown) { x.Key.ID[5] ^= 1 }),
		"another kind of holder":     wrong(func(x *Shown) { x.Key.Holder = HolderActor }),
		"another key's name":         wrong(func(x *Shown) { x.Key.Key[0] ^= 1 }),
		"another wrapped key":        wrong(func(x *Shown) { x.Key.Wrapped[20] ^= 1 }),
		"a wrapped key that is cut":  wrong(func(x *Shown) { x.Key.Wrapped = x.Key.Wrapped[:11] }),
		"the first byte altered":     wrong(func(x *Shown) { x.Ciphertext[0] ^= 1 }),
		"the last byte altered":      wrong(func(x *Shown) { x.Ciphertext[len(x.Ciphertext)-1] ^= 1 }),
		"a ciphertext that is cut":   wrong(func(x *Shown) { x.Ciphertext = x.Ciphertext[:len(x.Ciphertext)-1] }),
		"only a nonce left":          wrong(func(x *Shown) { x.Ciphertext = x.Ciphertext[:12] }),
		"a ciphertext of the holder": wrong(func(x *Shown) { x.Ciphertext = append(x.Ciphertext, 0) }),
	} {
		var into PlanDetails
		require.ErrorIs(t, ring(t, nil).Open(x, &into), ErrSealed, name)
		require.Zero(t, into, name)
	}
	require.ErrorIs(t, k.Open(shown, new(ProfileDetails)), ErrSealed, "read as something else")
	require.ErrorIs(t, ring(t, func(s *Secrets) { s.Log = ID{0xd0} }).Open(shown, &read), ErrSealed, "another log")
	require.ErrorIs(t, ring(t, func(s *Secrets) { s.KEK[1] = bytes.Repeat([]byte{8}, 32) }).Open(shown, &read), ErrSealed)

	for name, x := range map[string]Shown{
		"the row was dropped":         wrong(func(x *Shown) { x.Ciphertext = nil }),
		"the wrapped key was dropped": wrong(func(x *Shown) { x.Key = WrappedKey{} }),
		"its epoch was destroyed":     wrong(func(x *Shown) { x.Key.KEK = 2 }),
	} {
		require.ErrorIs(t, ring(t, nil).Open(x, &read), ErrErased, name)
	}
}

// The cache of unwrapped keys must not answer for another holder or epoch than
// the one it was filled for.
func TestACachedKeyOpensNothingElse(t *testing.T) {
	k := ring(t, nil)
	a, err := k.NewKey(HolderPerson, []byte("a"))
	require.NoError(t, err)
	s, err := k.Seal(a, PayloadAccess, ID{1}, 0, AccessDetails{NHSNumber: "9990000018"})
	require.NoError(t, err)
	shown := Shown{Payload: PayloadAccess, Command: ID{1}, Ciphertext: s.Ciphertext, Key: a.Wrapped}
	var read AccessDetails
	require.NoError(t, k.Open(shown, &read))
	shown.Key.ID = []byte("b")
	require.ErrorIs(t, k.Open(shown, &read), ErrSealed)
}

func TestTwoNodesMaySealANewPersonAtOnce(t *testing.T) {
	one, two := ring(t, nil), ring(t, nil)
	a, err := one.NewKey(HolderPerson, []byte("p"))
	require.NoError(t, err)
	b, err := two.NewKey(HolderPerson, []byte("p"))
	require.NoError(t, err)
	require.NotEqual(t, a.Wrapped.Key, b.Wrapped.Key)
	used, err := two.Unwrap(a.Wrapped)
	require.NoError(t, err)
	require.False(t, used.New)
	s, err := two.Seal(used, PayloadAccess, ID{1}, 0, AccessDetails{Reason: "r"})
	require.NoError(t, err)
	var read AccessDetails
	require.NoError(t, one.Open(Shown{Payload: PayloadAccess, Command: ID{1}, Ciphertext: s.Ciphertext, Key: a.Wrapped}, &read))
	require.Equal(t, "r", read.Reason)
}

func TestTheCacheOfKeysIsBounded(t *testing.T) {
	k := ring(t, nil)
	k.maximum = 4
	maker := ring(t, nil)
	for i := range 20 {
		w, err := maker.NewKey(HolderPerson, []byte{byte(i)})
		require.NoError(t, err)
		_, err = k.Unwrap(w.Wrapped)
		require.NoError(t, err)
		require.LessOrEqual(t, len(k.opened), 4)
	}
}

func TestKeyringsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Secrets){
		"no person key":      func(s *Secrets) { s.Person = nil },
		"no KEK":             func(s *Secrets) { s.KEK = nil },
		"a short person key": func(s *Secrets) { s.Person[1] = make([]byte, 31) },
		"a short KEK":        func(s *Secrets) { s.KEK[1] = make([]byte, 16) },
	} {
		s := secrets()
		change(&s)
		_, err := NewKeyring(s, rand.Reader)
		require.Error(t, err, name)
	}
	broken, err := NewKeyring(secrets(), iotest.ErrReader(errors.New("no entropy")))
	require.NoError(t, err)
	_, err = broken.NewKey(HolderPerson, nil)
	require.Error(t, err)
	key, err := ring(t, nil).NewKey(HolderPerson, nil)
	require.NoError(t, err)
	_, err = broken.Seal(key, PayloadPlan, ID{}, 0, PlanDetails{})
	require.Error(t, err, "never a nonce that was not drawn")
}
