package store

import (
	"encoding/binary"

	"custos/ledger"
)

// Every key begins with one of these bytes. This is the one table of them;
// bytes are never reused.
const (
	prefixEntry  = 'e' // sequence number -> record
	prefixSealed = 's' // sequence number, commitment's place -> ciphertext
	prefixKey    = 'k' // holder, holder's reference, key id -> wrapped key
	prefixTile   = 't' // tile level, tile number -> hashes, 32 bytes each; with a byte more, the roots of a full tile's groups
	prefixView   = 'v' // view's own prefix and key -> row; projection has their table
	prefixMeta   = 'm' // head, applied index, last signed checkpoint, format
)

var (
	keyHead    = []byte{prefixMeta, 'h'}
	keyApplied = []byte{prefixMeta, 'a'}
	keyFormat  = []byte{prefixMeta, 'f'}
	keyLayout  = []byte{prefixMeta, 'v'}
	keySigned  = []byte{prefixMeta, 's'}
	// the newest checkpoint with the cosignatures that its witnesses' policy asks for
	keyCosigned = []byte{prefixMeta, 'c'}
)

// formatVersion is the version of this layout. It ratchets: a newer program
// reads every older one, an older program refuses a newer one.
const formatVersion = 1

func entryKey(n ledger.Seq) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), prefixEntry), uint64(n))
}

// entrySeq reads the sequence number of an entry's key.
func entrySeq(key []byte) (ledger.Seq, bool) {
	if len(key) != 9 || key[0] != prefixEntry {
		return 0, false
	}
	return ledger.Seq(binary.BigEndian.Uint64(key[1:])), true
}

func sealedKey(n ledger.Seq, place int) []byte {
	b := binary.BigEndian.AppendUint64(append(make([]byte, 0, 10), prefixSealed), uint64(n))
	return append(b, byte(place))
}

func wrappedKey(h ledger.Holder, id []byte, key ledger.ID) []byte {
	b := append(make([]byte, 0, 3+len(id)+16), prefixKey, byte(h), byte(len(id)))
	return append(append(b, id...), key[:]...)
}

func wrappedPrefix(h ledger.Holder, id []byte) []byte {
	return append(append(make([]byte, 0, 3+len(id)), prefixKey, byte(h), byte(len(id))), id...)
}

func tileKey(level int, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 10), prefixTile, byte(level)), uint64(n))
}

// groupsKey stands right behind its tile's, and so mostly in the same block.
func groupsKey(level int, n int64) []byte { return append(tileKey(level, n), 'g') }

// ViewKey returns the key of a row of a view: the view's own byte and the
// row's parts.
func ViewKey(view byte, parts ...[]byte) []byte {
	n := 2
	for _, p := range parts {
		n += len(p)
	}
	b := append(make([]byte, 0, n), prefixView, view)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// AppendViewKey begins a key of a view's row, for those who know its length.
func AppendViewKey(b []byte, view byte) []byte { return append(b, prefixView, view) }

// after returns the first key that does not begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
