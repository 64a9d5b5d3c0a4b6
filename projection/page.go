package projection

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"custos/ledger"
)

// page is one page of a tree as it is in memory: its row, and the hashes that were
// made of it. A change hashes what changed and the way up from there, so those are
// kept for as long as the row is. A page is never changed: another takes its place.
//
// A row is one of these, after a byte that says which:
//
//	0  leaves, in order of their keys: until rules version 3
//	1  a branch: which of its children have leaves, which of those only one (two bytes each), and their hashes
//	2  how many leaves stand in order (one byte), these, and then what changed since, the newest last; a value of zeros takes a leaf away
//
// In the last kind a change writes what is new and no more, since a row is grown
// by what the store puts behind it. Once appendedMost changes stand there, the
// whole of it is written again: after the same changes every node has the same row.
type page struct {
	row    []byte
	branch bool
	depth  int // of its path
	size   int // of a key

	order    []uint8   // of a bucket's leaves, by key: which in the row each is
	appended int       // how many of those in the row are changes
	fresh    int       // bytes at the row's end that its maker appended; 0: all is new
	nodes    *[32]node // 1 is the root, 2 and 3 are below it, and so on; the last 16 are children, or the leaves with the same next four bits
}

const (
	pageBucket = 0
	pageBranch = 1
	pageGrown  = 2

	appendedMost = 16
	allDirty     = 1<<16 - 1
	memoBytes    = 1300 // what a page takes beside its row, about
)

var errPage = errors.New("a page of a tree of the views is damaged")

func (t *trie) parse(b []byte, depth int) (*page, error) {
	p := &page{row: b, depth: depth, size: t.size, nodes: new([32]node)}
	if b == nil {
		return p, nil
	}
	if len(b) == 0 {
		return nil, errPage
	}
	if b[0] == pageBranch {
		p.branch = true
		return p, p.parseBranch(b[1:])
	}
	head := p.head()
	width := p.size + len(ledger.Hash{})
	if b[0] != pageBucket && b[0] != pageGrown || len(b) < head || (len(b)-head)%width != 0 || (len(b)-head)/width > bucketLeaves+appendedMost {
		return nil, errPage
	}
	n := (len(b) - head) / width
	if b[0] == pageGrown {
		if p.appended = n - int(b[1]); p.appended < 0 || p.appended > appendedMost {
			return nil, errPage
		}
	}
	p.order = make([]uint8, 0, n)
	for i := range n {
		l := p.at(uint8(i))
		at, found := p.search(l.key)
		switch {
		case i < n-p.appended && at < len(p.order), found && i < n-p.appended, !found && l.value == ledger.Hash{}:
			return nil, errPage
		case !found:
			p.order = slices.Insert(p.order, at, uint8(i))
		case l.value == ledger.Hash{}:
			p.order = slices.Delete(p.order, at, at+1)
		default:
			p.order[at] = uint8(i)
		}
	}
	if len(p.order) == 0 || len(p.order) > bucketLeaves {
		return nil, errPage
	}
	p.gather(allDirty)
	p.join(allDirty)
	return p, nil
}

func (p *page) parseBranch(b []byte) error {
	if len(b) < 4 {
		return errPage
	}
	present, single := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	if single&^present != 0 || len(b) != bits.OnesCount16(present)*len(ledger.Hash{}) {
		return errPage
	}
	for i := range 16 {
		if present>>i&1 == 1 {
			p.nodes[16+i] = node{ledger.Hash(b[:32]), 2 - uint8(single>>i&1)}
			b = b[32:]
		}
	}
	p.join(allDirty)
	return nil
}

// encodeBranch makes a branch's row.
func (p *page) encodeBranch() {
	var present, single uint16
	b := make([]byte, 5, 5+16*32)
	b[0] = pageBranch
	for i, c := range p.nodes[16:] {
		if c.count == 0 {
			continue
		}
		present |= 1 << i
		if c.count == 1 {
			single |= 1 << i
		}
		b = append(b, c.hash[:]...)
	}
	binary.BigEndian.PutUint16(b[1:], present)
	binary.BigEndian.PutUint16(b[3:], single)
	p.row, p.fresh = b, 0
}

// bucket makes a bucket of leaves in order, at least one.
func (t *trie) bucket(leaves []leaf, depth int) *page {
	p := &page{depth: depth, size: t.size, nodes: new([32]node)}
	p.row = make([]byte, 0, 2+len(leaves)*(t.size+len(ledger.Hash{})))
	if p.row = append(p.row, pageBucket); t.appends {
		p.row = append(p.row[:0], pageGrown, byte(len(leaves)))
	}
	for i := range leaves {
		p.row = append(append(p.row, leaves[i].key...), leaves[i].value[:]...)
		p.order = append(p.order, uint8(i))
	}
	p.gather(allDirty)
	p.join(allDirty)
	return p
}

// another is a page to be changed, which has the hashes of this one.
func (p *page) another() *page {
	q := *p
	q.nodes = new([32]node)
	*q.nodes = *p.nodes
	return &q
}

// grow is the bucket with changes behind its leaves.
func (p *page) grow(changes []leaf) *page {
	q := p.another()
	q.row = append(make([]byte, 0, len(p.row)+len(changes)*(p.size+len(ledger.Hash{}))), p.row...)
	q.order = append(make([]uint8, 0, len(p.order)+len(changes)), p.order...)
	q.fresh = 0
	next := uint8((len(p.row) - p.head()) / (p.size + len(ledger.Hash{})))
	var dirty uint16
	for i := range changes {
		c := &changes[i]
		at, found := q.search(c.key)
		gone := c.value == ledger.Hash{}
		if gone && !found {
			continue // it was not there
		}
		q.row = append(append(q.row, c.key...), c.value[:]...)
		switch {
		case gone:
			q.order = slices.Delete(q.order, at, at+1)
		case found:
			q.order[at] = next
		default:
			q.order = slices.Insert(q.order, at, next)
		}
		q.appended, next = q.appended+1, next+1
		dirty |= 1 << nibble(c.key, q.depth)
	}
	q.fresh = len(q.row) - len(p.row)
	q.gather(dirty)
	q.join(dirty)
	return q
}

// rewrite puts a grown bucket's leaves in order again; its hashes stay as they are.
func (p *page) rewrite() {
	width := p.size + len(ledger.Hash{})
	row := append(make([]byte, 0, 2+len(p.order)*width), pageGrown, byte(len(p.order)))
	for n, i := range p.order {
		row = append(row, p.row[p.head()+int(i)*width:][:width]...)
		p.order[n] = uint8(n)
	}
	p.row, p.appended, p.fresh = row, 0, 0
}

// head is how many bytes stand before the leaves of a bucket's row.
func (p *page) head() int { return 1 + int(p.row[0]>>1) }

// at is a leaf by its place in the row, leaf one by its place in order.
func (p *page) at(i uint8) leaf {
	b := p.row[p.head()+int(i)*(p.size+len(ledger.Hash{})):]
	return leaf{b[:p.size:p.size], ledger.Hash(b[p.size:])}
}

func (p *page) leaf(n int) leaf { return p.at(p.order[n]) }

func (p *page) leaves() []leaf {
	out := make([]leaf, len(p.order))
	for i := range out {
		out[i] = p.leaf(i)
	}
	return out
}

func (p *page) keyAt(i uint8) []byte {
	return p.row[p.head()+int(i)*(p.size+len(ledger.Hash{})):][:p.size]
}

// search finds a leaf's place in order.
func (p *page) search(key []byte) (int, bool) {
	return slices.BinarySearchFunc(p.order, key, func(i uint8, key []byte) int { return bytes.Compare(p.keyAt(i), key) })
}

// gather hashes the leaves of some of a bucket's sixteen parts.
func (p *page) gather(dirty uint16) {
	var part [bucketLeaves + appendedMost]leaf
	for n := 0; n < len(p.order); {
		at, m := nibble(p.keyAt(p.order[n]), p.depth), n+1
		for m < len(p.order) && nibble(p.keyAt(p.order[m]), p.depth) == at {
			m++
		}
		if dirty>>at&1 == 1 {
			for i := n; i < m; i++ {
				part[i-n] = p.leaf(i)
			}
			p.nodes[16+at] = foldLeaves(part[:m-n], 4*p.depth+4)
			dirty &^= 1 << at
		}
		n = m
	}
	for ; dirty != 0; dirty &= dirty - 1 {
		p.nodes[16+bits.TrailingZeros16(dirty)] = node{}
	}
}

// join hashes the way up from some of the sixteen.
func (p *page) join(dirty uint16) {
	for width := 8; width > 0; width /= 2 {
		var above uint16
		for ; dirty != 0; dirty &= dirty - 1 {
			above |= 1 << (bits.TrailingZeros16(dirty) / 2)
		}
		for d := above; d != 0; d &= d - 1 {
			i := width + bits.TrailingZeros16(d)
			p.nodes[i] = join(p.nodes[2*i], p.nodes[2*i+1])
		}
		dirty = above
	}
}

func (p *page) root() node {
	if p == nil {
		return node{}
	}
	return p.nodes[1]
}
