package ledger

import (
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

// wireCommand is a command as the CBOR library writes it.
type wireCommand struct {
	_       struct{} `cbor:",toarray"`
	Version int
	ID      ID
	Seed    ID
	Content Tag
	Actor   cbor.RawMessage
	Number  RequestKind
	Request cbor.RawMessage
	Sealed  []Sealed
	Keys    []WrappedKey
}

func TestACommandIsWhatTheLibraryWrites(t *testing.T) {
	w := blankWorld(t)
	for _, c := range []*Command{
		w.cmd(named(clinician()), &LookUp{Person: person(1)}, PayloadAccess),
		w.cmd(named(clinician()), &Deny{Action: ActUpload}),
		w.chunk(as(RoleUploader, authorityA, "u"), ID{0xa2}, 1, row(1), row(2)),
	} {
		whole, err := c.Encode()
		require.NoError(t, err)
		want, err := encMode.Marshal(wireCommand{Version: 1, ID: c.ID, Seed: c.Seed, Content: c.Content, Actor: c.actorRaw,
			Number: c.Request.Number(), Request: c.requestRaw, Sealed: c.Sealed, Keys: c.Keys})
		require.NoError(t, err)
		require.Equal(t, want, whole)
	}
}

func TestACommandOfAnotherEncodingIsRefused(t *testing.T) {
	w := blankWorld(t)
	c := w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)
	whole, err := c.Encode()
	require.NoError(t, err)
	_, err = ParseCommand(whole)
	require.NoError(t, err)

	actor, err := Marshal(c.Actor)
	require.NoError(t, err)
	request, err := Marshal(c.Request)
	require.NoError(t, err)
	wire := func(version int, actor, request []byte, k RequestKind) []byte {
		b, err := Marshal(wireCommand{Version: version, Actor: actor, Number: k, Request: request})
		require.NoError(t, err)
		return b
	}
	_, err = ParseCommand(wire(1, actor, request, RequestLookUp))
	require.NoError(t, err)
	for name, b := range map[string][]byte{
		"request spells a field out that is not given": wire(1, actor, append([]byte{0xa2}, append(request[1:], 0x03, 0x00)...), RequestLookUp),
		"request's map has a longer head than needed":  wire(1, actor, append([]byte{0xb8, 0x01}, request[1:]...), RequestLookUp),
		"request has an unknown field":                 wire(1, actor, append([]byte{0xa2}, append(request[1:], 0x18, 0x63, 0x00)...), RequestLookUp),
		"actor's map has a longer head than needed":    wire(1, append([]byte{0xb8, actor[0] & 31}, actor[1:]...), request, RequestLookUp),
		"actor is not there":                           wire(1, nil, request, RequestLookUp),
		"bytes after the end":                          append(wire(1, actor, request, RequestLookUp), 0),
		"cut":                                          whole[:len(whole)-1],
		"nothing":                                      nil,
	} {
		_, err := ParseCommand(b)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, ErrUnknownKind, name)
	}
	_, err = ParseCommand(wire(2, actor, request, RequestLookUp))
	require.ErrorIs(t, err, ErrUnknownKind)
	_, err = ParseCommand(wire(1, actor, request, 999))
	require.ErrorIs(t, err, ErrUnknownKind)
}

func BenchmarkParseCommand(b *testing.B) {
	w := blankWorld(b)
	c := w.cmd(named(clinician()), &LookUp{Person: person(1), Birth: tag("b")}, PayloadAccess)
	whole, err := c.Encode()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseCommand(whole); err != nil {
			b.Fatal(err)
		}
	}
}
