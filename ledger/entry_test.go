package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// story is a ledger with every kind of entry.
func story(t rapid.TB) []Entry {
	w := newWorld(t)
	everyRequest(w)
	var all []Entry
	for _, g := range w.groups {
		all = append(all, g...)
	}
	return all
}

func TestTheHashIsTheLeafHashOfTheRecord(t *testing.T) {
	for _, e := range story(t) {
		require.Equal(t, tlog.RecordHash(e.Record()), e.Hash())
		h, err := ParseHeader(e.Record())
		require.NoError(t, err)
		require.Equal(t, e.Hash(), h.Hash())
		require.Nil(t, h.Event)
	}
}

// A changed byte anywhere is either refused or gives another hash, and then
// the next entry does not follow.
func TestNoByteOfARecordCanBeChanged(t *testing.T) {
	all := story(t)
	seen := map[Kind]bool{}
	h := Head{}
	for i := range all {
		record := all[i].Record()
		if !seen[all[i].Kind] {
			seen[all[i].Kind] = true
			for at := range record {
				for _, flip := range []byte{1, 0x80, 0xff} {
					changed := bytes.Clone(record)
					changed[at] ^= flip
					e, err := ParseEntry(changed)
					if err != nil {
						require.True(t, errors.Is(err, ErrRecord) || errors.Is(err, ErrUnknownKind), "%v", err)
						continue
					}
					require.NotEqual(t, all[i].Hash(), e.Hash())
					same := e
					require.NoError(t, same.encode())
					require.Equal(t, changed, same.Record())
				}
			}
			for cut := range record {
				_, err := ParseHeader(record[:cut])
				require.ErrorIs(t, err, ErrRecord)
			}
			_, err := ParseHeader(append(bytes.Clone(record), 0))
			require.ErrorIs(t, err, ErrRecord)
		}
		var err error
		h, err = h.Follow(&all[i])
		require.NoError(t, err)
	}
	require.Len(t, seen, len(events))
}

func TestRecordsOfAnotherShapeAreRefused(t *testing.T) {
	all := story(t)
	first, later := all[0], Entry{}
	for _, e := range all {
		if e.Nth == 1 && e.Person != nil {
			later = e
		}
	}
	require.NotNil(t, later.Person)
	alter := func(e Entry, f func(*Entry)) []byte {
		f(&e)
		require.NoError(t, e.encode())
		return e.Record()
	}
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	body := func(e Entry, body []byte) []byte { // put another body in place
		require.NoError(t, e.encode())
		return bytes.Replace(e.record, append([]byte{keyBody}, e.body...), append([]byte{keyBody}, body...), 1)
	}
	envelope := func(e Entry, from, to []byte) []byte {
		require.True(t, bytes.Contains(e.record, from))
		return bytes.Replace(e.record, from, to, 1)
	}
	headerBad := map[string][]byte{
		"nothing":                             nil,
		"an empty map":                        {0xa0},
		"an array":                            {0x80},
		"indefinite map":                      {0xbf, 0x01, 0x01, 0xff},
		"a later format":                      envelope(first, []byte{keyFormat, 1}, []byte{keyFormat, 2}),
		"format spelt long":                   envelope(first, []byte{keyFormat, 1}, []byte{keyFormat, 0x18, 1}),
		"more nth than of":                    alter(first, func(e *Entry) { e.Of = 0 }),
		"a first entry without content":       withoutKey(t, first.record, keyContent),
		"a first entry without actor":         withoutKey(t, first.record, keyActor),
		"a first entry without request":       withoutKey(t, first.record, keyRequest),
		"without a salt":                      withoutKey(t, first.record, keySalt),
		"without a body":                      withoutKey(t, first.record, keyBody),
		"an empty list of commitments":        append(withMapLen(later.record, +1), keyCommitments, 0x80),
		"an unknown key":                      append(withMapLen(later.record, +1), 0x18, 40, 0),
		"a body that is null":                 body(first, []byte{0xf6}),
		"a body with a float":                 body(first, raw("a101f90000")),
		"a body with a tag":                   body(first, raw("a101c100")),
		"a body with keys out of order":       body(first, raw("a202000100")),
		"a body with a key twice":             body(first, raw("a201000100")),
		"a body nested without end":           body(first, bytes.Repeat([]byte{0x81}, 200)),
		"a body of maps whose keys are maps":  body(first, bytes.Repeat([]byte{0xa1}, 200)),
		"a body with an indefinite string":    body(first, raw("a1017f6161ff")),
		"a body longer than the record":       body(first, raw("5affffffff")),
		"a list longer than the record":       body(first, raw("9bffffffffffffffff")),
		"a simple value spelt long":           body(first, raw("f814")),
		"too long":                            make([]byte, MaxRecord+1),
		"a person link of another length":     envelope(later, later.Person.Ref[:], later.Person.Ref[:32]),
		"a salt of another length":            envelope(later, later.Salt[:], later.Salt[:15]),
		"a request that is no pair":           bytes.Replace(first.record, []byte{keyRequest, 0x82}, []byte{keyRequest, 0x83}, 1),
		"later entry with an actor's key":     append(withMapLen(withoutKey(t, later.record, keyPerson), +1), keyActor, 0xa0),
		"later entry with a content's digest": append(withMapLen(withoutKey(t, withoutKey(t, later.record, keyPerson), keyCommitments), +1), append([]byte{keyContent, 0x50}, make([]byte, 16)...)...),
	}
	for name, b := range headerBad {
		_, err := ParseHeader(b)
		require.ErrorIs(t, err, ErrRecord, name)
	}
	entryBad := map[string][]byte{
		"unknown field":                 body(first, raw("a1186300")),
		"text for a number":             body(first, raw("a1046161")),
		"a field given that is nothing": body(first, mustCBOR(t, map[int]any{1: make([]byte, 16), 2: "o", 3: "v", 4: 1, 5: false})),
		"text that is not UTF-8":        body(first, append(append(raw("a40150"), make([]byte, 16)...), raw("0261ff0361760401")...)),
	}
	for name, b := range entryBad {
		_, err := ParseHeader(b)
		require.NoError(t, err, name)
		_, err = ParseEntry(b)
		require.ErrorIs(t, err, ErrRecord, name)
	}
	for _, k := range []Kind{0, 4, 200, 1<<16 - 1} {
		_, err := ParseEntry(alter(first, func(e *Entry) { e.Kind = k }))
		require.ErrorIs(t, err, ErrUnknownKind)
	}
	_, err := ParseEntry(alter(first, func(e *Entry) { e.requestNum = 6 }))
	require.ErrorIs(t, err, ErrUnknownKind)
}

func mustCBOR(t rapid.TB, v any) []byte {
	b, err := Marshal(v)
	require.NoError(t, err)
	return b
}

// withMapLen changes the count in the record's map head, which is one byte.
func withMapLen(record []byte, by int) []byte {
	out := bytes.Clone(record)
	out[0] = byte(int(out[0]) + by)
	return out
}

// withoutKey takes one key and its value out of a record.
func withoutKey(t rapid.TB, record []byte, key uint64) []byte {
	var whole map[uint64]cbor.RawMessage
	require.NoError(t, Unmarshal(record, &whole))
	delete(whole, key)
	return mustCBOR(t, whole)
}

// Whatever an event or request of any kind holds, it is written and read back
// the same, and its envelope's reader agrees with the CBOR library's.
func TestAnyEntryIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := blankWorld(t)
		w.now = Time(rapid.Int64Range(0, 1<<52).Draw(t, "now"))
		c := w.cmd(as(Role(rapid.IntRange(1, 14).Draw(t, "role")), rapid.String().Draw(t, "org"), rapid.String().Draw(t, "subject")),
			&LookUp{Person: person(rapid.Byte().Draw(t, "p")), Declared: Declared(rapid.Byte().Draw(t, "declared")), AttendedAt: Time(rapid.Int64().Draw(t, "at"))})
		d := Decision{Rules: rapid.IntRange(0, 1<<40).Draw(t, "rules"), Log: ID{1}}
		for i := range rapid.IntRange(1, 4).Draw(t, "entries") {
			h := Happened{Event: anyEvent(t)}
			if rapid.Bool().Draw(t, "about somebody") {
				h.Person = person(rapid.ByteRange(0, 2).Draw(t, "who"))
			}
			for range rapid.IntRange(0, 3).Draw(t, "sealed") {
				c.Sealed = append(c.Sealed, Sealed{Payload: Payload(rapid.Byte().Draw(t, "payload")), Holder: Holder(rapid.Byte().Draw(t, "holder")),
					Key: ID{byte(i)}, Ciphertext: rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "ciphertext")})
				h.Sealed = append(h.Sealed, len(c.Sealed)-1)
			}
			d.Happened = append(d.Happened, h)
		}
		before := Head{Log: ID{1}, Size: Seq(rapid.Uint64Range(1, 1<<60).Draw(t, "size")), Time: Time(rapid.Int64Range(0, 1<<52).Draw(t, "before"))}
		people := func(p PersonRef) (PersonHead, error) { return PersonHead{N: uint64(p[1])}, nil }
		entries, after, err := Seal(before, c, d, people)
		require.NoError(t, err)
		h := before
		for i := range entries {
			e, err := ParseEntry(entries[i].Record())
			require.NoError(t, err)
			h, err = h.Follow(&e)
			require.NoError(t, err)
			want := entries[i]
			require.Equal(t, want.Event, e.Event)
			require.Equal(t, want.Commitments, e.Commitments)
			require.Equal(t, want.Person, e.Person)
			if i == 0 {
				require.Equal(t, *want.Actor, *e.Actor)
				require.Equal(t, want.Request, e.Request)
				require.Equal(t, want.Content, e.Content)
			}
			require.Equal(t, []any{want.Rules, want.Log, want.Seq, want.Prev, want.Time, want.RawTime, want.Command, want.Nth, want.Of, want.Salt, want.Kind},
				[]any{e.Rules, e.Log, e.Seq, e.Prev, e.Time, e.RawTime, e.Command, e.Nth, e.Of, e.Salt, e.Kind})
			require.NoError(t, e.encode())
			require.Equal(t, want.Record(), e.Record())
			oracle(t, e.Record())
		}
		require.Equal(t, after, h)
	})
}

func anyEvent(t *rapid.T) Event {
	seqs := rapid.SliceOfN(rapid.Map(rapid.Uint64(), func(n uint64) Seq { return Seq(n) }), 1, 5)
	r := Row{N: rapid.IntRange(1, 1<<30).Draw(t, "n"), Start: Day(rapid.Int32().Draw(t, "start")), End: Day(rapid.Int32().Draw(t, "end")),
		Type: PlanType(rapid.Byte().Draw(t, "type")), Fault: rapid.String().Draw(t, "fault"), Restricted: rapid.Bool().Draw(t, "restricted")}
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return &Accessed{Outcome: Outcome(rapid.Byte().Draw(t, "outcome")), Disclosed: seqs.Draw(t, "disclosed"), Told: []string{rapid.String().Draw(t, "told")}}
	case 1:
		return &PlanRecorded{Row: r, Authority: rapid.String().Draw(t, "authority"), Change: PlanNew}
	case 2:
		return &PlanRejected{Row: r, Code: rapid.String().Draw(t, "code")}
	case 3:
		return &SubjectAccessed{Disclosed: seqs.Draw(t, "disclosed"), Change: CaseloadChange(rapid.Byte().Draw(t, "change"))}
	case 4:
		return &OrganisationRecorded{Organisation: Organisation{Code: rapid.String().Draw(t, "code"), Live: r.Start,
			Directory: Directory{Hours: rapid.StringMatching("[a-z]+").Draw(t, "hours"), Confirmed: Time(rapid.Int64().Draw(t, "confirmed"))}}}
	case 5:
		return &RowsChecked{Codes: rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "codes")}
	}
	return &CaseloadAccessed{Place: school, Count: r.N, Digest: Hash{byte(r.N)}, Since: Time(rapid.Int64().Draw(t, "since"))}
}

var (
	oracleDec, _ = cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, UTF8: cbor.UTF8DecodeInvalid, MaxNestedLevels: 64}.DecMode()
	oracleEnc, _ = cbor.CoreDetEncOptions().EncMode()
)

// oracle wants the CBOR library, which knows nothing of envelopes, to agree
// that the bytes are one whole item in its deterministic form.
func oracle(t rapid.TB, b []byte) {
	t.Helper()
	require.NoError(t, oracleDec.Wellformed(b))
	var v any
	if err := oracleDec.Unmarshal(b, &v); err != nil {
		return // a map in a body with keys that Go cannot hold; decoding the body refuses it
	}
	again, err := oracleEnc.Marshal(v)
	require.NoError(t, err)
	require.Equal(t, b, again)
}
