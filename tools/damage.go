package tools

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// damage is a run of entries that the database does not read: a block's
// checksum fails, and with it everything in the block. A block holds many
// entries, and one flipped byte is in one of them: which, the bytes of the
// tables tell, because entries lie in them whole and uncompressed.
type damage struct {
	from, to ledger.Seq // not read, to excluded
	bad      []ledger.Seq
	unknown  bool // the tree's hashes of them do not read either
	cause    error
}

func (d *damage) String() string {
	span := fmt.Sprintf("entries %d to %d", d.from, d.to-1)
	if d.to == d.from+1 {
		span = fmt.Sprintf("entry %d", d.from)
	}
	switch {
	case d.unknown:
		return fmt.Sprintf("%s stand in a damaged block, and the tree's hashes of them do not read: which of them is damaged cannot be said", span)
	case len(d.bad) == 0:
		return fmt.Sprintf("%s stand in a damaged block; each of them is intact, what holds them is not", span)
	case len(d.bad) == 1:
		return fmt.Sprintf("entry %d is damaged: no copy of it has the hash that the tree holds (%s stand in the same block)", d.bad[0], span)
	}
	return fmt.Sprintf("%d entries are damaged, the first is %d: no copy of them has the hash that the tree holds (%s stand in the same block)", len(d.bad), d.bad[0], span)
}

// first is the entry to name.
func (d *damage) first() ledger.Seq {
	if len(d.bad) > 0 {
		return d.bad[0]
	}
	return d.from
}

// investigate finds out how far the damage at an entry goes and which entries
// it struck.
func (f *folder) investigate(from ledger.Seq, cause error) (*damage, error) {
	d := &damage{from: from, to: from, cause: cause}
	size := f.db.Head().Size
	for d.to < size {
		err := guard(func() error {
			_, err := store.Record(f.db, d.to)
			return err
		})
		if err == nil {
			break
		}
		if isDisk(err) {
			return nil, failing(ExitUnreadable, err)
		}
		d.to++
		if errors.Is(err, store.ErrNoEntry) {
			d.bad = append(d.bad, d.to-1)
		}
	}
	if d.to == d.from {
		d.to++ // it reads by itself and not in a walk: an index does not
	}
	intact, err := f.intact(d.from, d.to)
	if err != nil {
		return nil, err
	}
	d.bad = nil
	for n := d.from; n < d.to; n++ {
		if _, ok := leaf(f.db, n); !ok {
			d.unknown = true
			continue
		}
		if !intact[n] {
			d.bad = append(d.bad, n)
		}
	}
	d.unknown = d.unknown && len(d.bad) == 0
	return d, nil
}

// intact searches the bytes of every table for records from one sequence number
// up to another, and tells which have a copy with the hash in the tree.
func (f *folder) intact(from, to ledger.Seq) (map[ledger.Seq]bool, error) {
	tables, err := filepath.Glob(filepath.Join(f.tables, "*.sst"))
	if err != nil {
		return nil, failing(ExitUsage, err)
	}
	log := f.db.Head().Log
	// Every record goes on, after its format and rules, with the log's identifier
	// and its sequence number: keys 3 and 4 of the envelope.
	mark := append([]byte{0x03, 0x50}, log[:]...)
	mark = append(mark, 0x04)
	out := make(map[ledger.Seq]bool)
	for _, path := range tables {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, failing(ExitUnreadable, err)
		}
		for at := 0; ; {
			i := bytes.Index(b[at:], mark)
			if i < 0 {
				break
			}
			at += i + len(mark)
			n, ok := uintAt(b[at:])
			if !ok || ledger.Seq(n) < from || ledger.Seq(n) >= to || out[ledger.Seq(n)] {
				continue
			}
			want, ok := leaf(f.db, ledger.Seq(n))
			if ok && recordAt(b, at-len(mark), want) {
				out[ledger.Seq(n)] = true
			}
		}
	}
	return out, nil
}

// recordAt reports whether a record with the given hash has its key 3 at a
// place in a table's bytes.
func recordAt(b []byte, key3 int, want tlog.Hash) bool {
	// Before it stand a map's head, key 1 with the format and key 2 with the rules, which take one to three bytes.
	for rules := 1; rules <= 3; rules++ {
		start := key3 - rules - 4
		if start < 0 || b[start]>>5 != 5 || b[start+1] != 1 || b[start+3] != 2 {
			continue
		}
		length, ok := itemLength(b[start:min(len(b), start+ledger.MaxRecord)], 0)
		if ok && tlog.RecordHash(b[start:start+length]) == want {
			return true
		}
	}
	return false
}

// uintAt reads a CBOR unsigned integer.
func uintAt(b []byte) (uint64, bool) {
	if len(b) < 9 || b[0]>>5 != 0 {
		return 0, false
	}
	v, _, ok := cborHead(b)
	return v, ok
}

// cborHead reads an item's argument and the length of its head.
func cborHead(b []byte) (v uint64, n int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	switch info := b[0] & 31; {
	case info < 24:
		return uint64(info), 1, true
	case info == 24 && len(b) >= 2:
		return uint64(b[1]), 2, true
	case info == 25 && len(b) >= 3:
		return uint64(binary.BigEndian.Uint16(b[1:])), 3, true
	case info == 26 && len(b) >= 5:
		return uint64(binary.BigEndian.Uint32(b[1:])), 5, true
	case info == 27 && len(b) >= 9:
		return binary.BigEndian.Uint64(b[1:]), 9, true
	}
	return 0, 0, false
}

// itemLength returns how long the CBOR item at the start of b is. It is asked
// of damaged bytes, so it trusts nothing; only a hash says that an item is right.
func itemLength(b []byte, depth int) (int, bool) {
	v, n, ok := cborHead(b)
	if !ok || depth > 16 || v > uint64(len(b)) && b[0]>>5 >= 2 && b[0]>>5 <= 5 {
		return 0, false
	}
	items := 0
	switch b[0] >> 5 {
	case 2, 3:
		n += int(v)
		return n, n <= len(b)
	case 4:
		items = int(v)
	case 5:
		items = 2 * int(v)
	case 6:
		items = 1
	}
	for range items {
		if n >= len(b) {
			return 0, false
		}
		m, ok := itemLength(b[n:], depth+1)
		if !ok {
			return 0, false
		}
		n += m
	}
	return n, n <= len(b)
}
