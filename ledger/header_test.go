package ledger

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever reads on in the same memory, or knows actors from before, finds in any
// bytes exactly what [ParseHeader] and [ParseEntry] find, whatever came before.
func TestReadersThatGoOnAgreeWithThoseThatBegin(t *testing.T) {
	var headers, unhashed HeaderReader
	var decoder Decoder
	agree := func(record []byte) {
		want, wrong := ParseHeader(record)
		got, err := headers.Read(record)
		require.Equal(t, wrong, err)
		require.Equal(t, want.hash, got.hash)
		bare, err := unhashed.ReadUnhashed(record)
		require.Equal(t, wrong, err)
		require.Zero(t, bare.hash)
		if wrong == nil { // of what is refused nobody reads more than the hash
			require.Equal(t, want, *got)
			bare.hash = want.hash
			require.Equal(t, want, *bare)
		}
		want, wrong = ParseEntry(record)
		decoded, err := decoder.ParseEntry(record)
		require.Equal(t, wrong, err)
		if wrong == nil {
			require.Equal(t, want, decoded)
		}
	}
	seen := map[Kind]bool{}
	all := story(t)
	for i := range all {
		record := all[i].Record()
		agree(record)
		if seen[all[i].Kind] {
			continue
		}
		seen[all[i].Kind] = true
		for at := range record {
			changed := bytes.Clone(record)
			changed[at] ^= 1
			agree(changed)
			agree(record)
		}
	}
	require.NotEmpty(t, decoder.actors)
}

// The memory of a decoder is bounded, and entries share what is in it.
func TestADecoderForgets(t *testing.T) {
	var d Decoder
	records := chainOf(t, 5, 3, 0)
	first, err := d.ParseEntry(records[1])
	require.NoError(t, err)
	again, err := d.ParseEntry(records[1])
	require.NoError(t, err)
	require.Same(t, first.Actor, again.Actor)
	for i := len(d.actors); i < decoderActors; i++ {
		d.actors[string(rune(i))] = nil
	}
	_, err = d.ParseEntry(records[0])
	require.NoError(t, err)
	require.Len(t, d.actors, 1)
}

// Reading on and on takes no memory for each.
func TestAHeaderReaderAllocatesNothing(t *testing.T) {
	records := chainOf(t, 50, 7, 0)
	var headers HeaderReader
	require.Zero(t, testing.AllocsPerRun(20, func() {
		for _, r := range records {
			if _, err := headers.Read(r); err != nil {
				t.Fatal(err)
			}
		}
	}))
}
