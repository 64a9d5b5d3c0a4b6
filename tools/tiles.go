package tools

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

const tileWidth = 256

// tileCheck computes the tree's tiles from leaves as they come and compares
// them with the stored ones. It holds one unfinished tile of each level.
type tileCheck struct {
	stored func(level int, number int64, width int) ([]byte, error)
	n      int64
	levels [][]tlog.Hash
	bad    *tileFault // the first stored hash that is another
	tiles  int

	unreadable struct {
		level  int
		number int64
		known  bool
	}
}

// tileFault is a stored tree hash that is not what the records give.
type tileFault struct {
	seq   ledger.Seq // the first entry beneath it
	level int
	why   string
}

func (c *tileCheck) push(leaf tlog.Hash) {
	h := leaf
	c.n++
	for level, n := 0, c.n; ; level, n = level+1, n/tileWidth {
		if level == len(c.levels) {
			c.levels = append(c.levels, make([]tlog.Hash, 0, tileWidth))
		}
		c.levels[level] = append(c.levels[level], h)
		if len(c.levels[level]) < tileWidth {
			return
		}
		c.compare(level, n/tileWidth-1)
		h = subtree(c.levels[level]) // which they are compared before: it leaves nothing of them
		c.levels[level] = c.levels[level][:0]
	}
}

// pending compares the unfinished tiles.
func (c *tileCheck) pending() {
	for level, n := 0, c.n; level < len(c.levels); level, n = level+1, n/tileWidth {
		if len(c.levels[level]) > 0 {
			c.compare(level, n/tileWidth)
		}
	}
}

func (c *tileCheck) compare(level int, number int64) {
	c.tiles++
	if c.bad != nil && c.bad.level == 0 {
		return
	}
	width := int64(1)
	for range level {
		width *= tileWidth
	}
	fault := func(at int, why string) {
		seq := ledger.Seq((number*tileWidth + int64(at)) * width)
		if c.bad == nil || seq < c.bad.seq || level < c.bad.level {
			c.bad = &tileFault{seq, level, why}
		}
	}
	if level == c.unreadable.level && number == c.unreadable.number && c.unreadable.known {
		return // saying again that a block does not read takes long
	}
	stored, err := guarded(func() ([]byte, error) { return c.stored(level, number, len(c.levels[level])) })
	if err != nil {
		c.unreadable.level, c.unreadable.number, c.unreadable.known = level, number, true
		fault(0, fmt.Sprintf("tree tile %d of level %d does not read", number, level))
		return
	}
	for i, h := range c.levels[level] {
		if len(stored) < (i+1)*tlog.HashSize {
			fault(i, fmt.Sprintf("tree tile %d of level %d is missing or short", number, level))
			return
		}
		if !bytes.Equal(stored[i*tlog.HashSize:(i+1)*tlog.HashSize], h[:]) {
			fault(i, fmt.Sprintf("tree tile %d of level %d holds another hash", number, level))
			return
		}
	}
}

// subtree returns the root of a full tile, in whose place it works.
func subtree(row []tlog.Hash) tlog.Hash {
	for len(row) > 1 {
		for i := 0; i < len(row)/2; i++ {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

// leaf reads the hash that the stored tree holds for an entry.
func leaf(db *store.DB, n ledger.Seq) (tlog.Hash, bool) {
	b, err := guarded(func() ([]byte, error) { return db.Tile(0, int64(n)/tileWidth) })
	at := int(n%tileWidth) * tlog.HashSize
	if err != nil || len(b) < at+tlog.HashSize {
		return tlog.Hash{}, false
	}
	return tlog.Hash(b[at : at+tlog.HashSize]), true
}
