package tools

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// A block whose checksum fails takes every entry in it along, and one flipped
// byte is in one of them. Which, the bytes of the tables tell, for entries lie in
// them whole and uncompressed: the hash of an intact one stands in the next
// record, in a tree tile or in the head; that of a damaged one nowhere. No more
// than the bytes is needed, for the damaged block may also hold the ledger's
// head or the edge of its tree, and then the database does not even open.

// rawWindow is after how many entries the search ends: a table holds fewer.
const rawWindow = 1 << 18

// investigate says which entries the damage at one has struck: the earliest of
// them, and a sentence.
func (f *folder) investigate(from ledger.Seq, cause error) (ledger.Seq, string, error) {
	bad, _, err := rawDamage(f.tables, from, min(from+rawWindow, f.db.Head().Size))
	if err != nil {
		return 0, "", err
	}
	switch len(bad) {
	case 0:
		return from, fmt.Sprintf("it stands in a damaged block (%v); the entries in it are intact, what holds them is not", cause), nil
	case 1:
		return bad[0], fmt.Sprintf("it is damaged (%v)", cause), nil
	}
	return bad[0], fmt.Sprintf("it is damaged, and %d more up to entry %d (%v)", len(bad)-1, bad[len(bad)-1], cause), nil
}

// rawCopies is what the tables' bytes hold of some entries.
type rawCopies struct {
	from, to ledger.Seq
	hashes   map[ledger.Seq][]tlog.Hash // of the copies that read; none for a torn record
	named    map[tlog.Hash]bool         // by a next record
}

// rawDamage searches every table for the records from one sequence number up to
// another and returns those without an intact copy, and how many were found.
func rawDamage(tables string, from, to ledger.Seq) (bad []ledger.Seq, found int, err error) {
	paths, err := filepath.Glob(filepath.Join(tables, "*.sst"))
	if err != nil {
		return nil, 0, failing(ExitUsage, err)
	}
	c := &rawCopies{from: from, to: to, hashes: map[ledger.Seq][]tlog.Hash{}, named: map[tlog.Hash]bool{}}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, 0, failing(ExitUnreadable, err)
		}
		rawRecords(b, c.add)
	}
	for n, end := from, c.end(); n < end; n++ {
		if slices.ContainsFunc(c.hashes[n], func(h tlog.Hash) bool { return c.named[h] }) {
			continue
		}
		ok, err := stands(paths, c.hashes[n])
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			bad = append(bad, n)
		}
	}
	return bad, len(c.hashes), nil
}

// add takes one record; e is nil for one that is torn.
func (c *rawCopies) add(n ledger.Seq, e *ledger.Entry) {
	if e != nil && n > c.from && n <= c.to {
		c.named[e.Prev] = true
	}
	if n < c.from || n >= c.to {
		return
	}
	have := c.hashes[n]
	switch {
	case e == nil:
		c.hashes[n] = append([]tlog.Hash{}, have...)
	case !slices.Contains(have, e.Hash()):
		c.hashes[n] = append(have, e.Hash())
	}
}

// end is after the newest entry found. A flipped sequence number must not make
// it larger than the entries could be.
func (c *rawCopies) end() ledger.Seq {
	end := c.from
	for n := range c.hashes {
		if n < c.from+ledger.Seq(len(c.hashes))+64 {
			end = max(end, n+1)
		}
	}
	return end
}

// stands reports whether one of the hashes is anywhere in the tables' bytes.
func stands(paths []string, hashes []tlog.Hash) (bool, error) {
	for _, path := range paths {
		if len(hashes) == 0 {
			return false, nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return false, failing(ExitUnreadable, err)
		}
		for _, h := range hashes {
			if bytes.Contains(b, h[:]) {
				return true, nil
			}
		}
	}
	return false, nil
}

// rawRecords finds records by what each begins with: a map's head, key 1 with
// the format, key 2 with the rules, key 3 with the log's identifier, key 4 with
// the sequence number. A record that begins so and does not read comes as nil.
func rawRecords(b []byte, each func(ledger.Seq, *ledger.Entry)) {
	mark := []byte{0x01, ledger.Format, 0x02}
	for at := 1; at < len(b); at++ {
		i := bytes.Index(b[at:], mark)
		if i < 0 {
			return
		}
		at += i
		start := at - 1
		if b[start]>>5 != 5 {
			continue
		}
		if length, ok := itemLength(b[start:min(len(b), start+ledger.MaxRecord)], 0); ok {
			if e, err := ledger.ParseHeader(b[start : start+length]); err == nil {
				each(e.Seq, &e)
				continue
			}
		}
		// After the rules, one byte while they are below 24: key 3, 16 bytes, key 4.
		rest := b[min(len(b), at+4):]
		if len(rest) > 19 && rest[0] == 3 && rest[1] == 0x50 && rest[18] == 4 {
			if n, ok := uintAt(rest[19:]); ok && n < math.MaxInt64 {
				each(ledger.Seq(n), nil)
			}
		}
	}
}
