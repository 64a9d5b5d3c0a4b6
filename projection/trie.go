package projection

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// A trie is a Merkle tree over a set of leaves, each under a key of a fixed
// length. Its root follows from the set alone, in whatever order it came to be:
//
//	no leaf            32 zero bytes
//	one leaf           its own hash, SHA-256(0x00 ‖ key ‖ value)
//	more               SHA-256(0x01 ‖ of those whose next bit is 0 ‖ of those where it is 1)
//
// It is stored in pages, each for four bits of the key: a bucket holds leaves, and
// becomes a branch of sixteen pages once it has more than bucketLeaves. A branch
// stays one, so pages follow from the changes and the moments when they were
// applied, which are state entries: on every node the same.
//
// See page.go for what a page is, in the store and in memory.
type trie struct {
	r       store.Reader
	view    byte
	size    int  // of a key, in bytes
	appends bool // what changes is written behind a bucket's leaves: from rules version 4 on

	grown int // by how many leaves the last changes made it larger
}

// bucketLeaves is how many leaves a bucket has at most. Fewer make more pages,
// more make each change hash more.
const bucketLeaves = 32

// leaf is one leaf. With a zero value it stands for the absence of its key.
type leaf struct {
	key   []byte
	value ledger.Hash
}

func (l *leaf) hash() ledger.Hash {
	b := append(make([]byte, 0, 65), 0)
	return sha256.Sum256(append(append(b, l.key...), l.value[:]...))
}

// sortLeaves returns leaves in the order of their keys, which are of eight bytes at least. It
// compares these first: nearly always they differ, and a number is compared at once.
func sortLeaves(leaves []leaf) []leaf {
	type place struct {
		first uint64
		at    int
	}
	places := make([]place, len(leaves))
	for i := range leaves {
		places[i] = place{binary.BigEndian.Uint64(leaves[i].key), i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		return bytes.Compare(leaves[a.at].key, leaves[b.at].key)
	})
	out := make([]leaf, len(leaves))
	for i, p := range places {
		out[i] = leaves[p.at]
	}
	return out
}

// node is the root of a subtree, and whether it has no leaf, one, or more.
type node struct {
	hash  ledger.Hash
	count uint8 // 0, 1, or 2 for more
}

func join(left, right node) node {
	switch {
	case left.count == 0 && right.count <= 1:
		return right
	case right.count == 0 && left.count <= 1:
		return left
	}
	var b [65]byte
	b[0] = 1
	copy(b[1:], left.hash[:])
	copy(b[33:], right.hash[:])
	return node{sha256.Sum256(b[:]), 2}
}

func bit(key []byte, n int) byte { return key[n/8] >> (7 - n%8) & 1 }

// nibble returns four bits of a key.
func nibble(key []byte, n int) byte {
	if n%2 == 0 {
		return key[n/2] >> 4
	}
	return key[n/2] & 15
}

// fold returns the root of leaves in order whose first bits are the same.
func foldLeaves(leaves []leaf, bits int) node {
	switch len(leaves) {
	case 0:
		return node{}
	case 1:
		return node{leaves[0].hash(), 1}
	}
	at, _ := slices.BinarySearchFunc(leaves, byte(1), func(l leaf, want byte) int { return int(bit(l.key, bits)) - int(want) })
	return join(foldLeaves(leaves[:at], bits+1), foldLeaves(leaves[at:], bits+1))
}

// foldChildren returns the root of some children of a branch that stand together.
func foldChildren(c []node) node {
	if len(c) == 1 {
		return c[0]
	}
	return join(foldChildren(c[:len(c)/2]), foldChildren(c[len(c)/2:]))
}

// key is a page's row. A path has one byte for each four bits.
func (t *trie) key(path []byte) []byte {
	return append(store.AppendViewKey(make([]byte, 0, 2+len(path)), t.view), path...)
}

// page reads a page. The writer remembers what it made of one, with its hashes,
// and nobody changes it.
func (t *trie) page(path []byte) (*page, error) {
	key := t.key(path)
	x, writing := t.r.(*store.Txn)
	if writing {
		if p, ok := x.Memo(key).(*page); ok {
			return p, nil
		}
	}
	b, err := t.r.Get(key)
	if err != nil {
		return nil, err
	}
	p, err := t.parse(b, len(path))
	if err == nil && writing && b != nil {
		x.SetMemoOf(key, p, memoBytes)
	}
	return p, err
}

// pages are what changes write, by key; nil deletes one.
type pages map[string]*page

// write writes them.
func (ps pages) write(t *store.Txn) error {
	for key, p := range ps {
		var err error
		if p == nil {
			err = t.Delete([]byte(key))
		} else {
			err = t.SetGrown([]byte(key), p.row, p.fresh, p, memoBytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// apply returns the root after changes, in order of their keys and each key once,
// and what they write. It writes nothing itself.
func (t *trie) apply(changes []leaf, out pages) (ledger.Hash, error) {
	t.grown = 0
	if err := t.fetch(changes); err != nil {
		return ledger.Hash{}, err
	}
	n, err := t.change(nil, changes, out)
	return n.hash, err
}

func (t *trie) change(path []byte, changes []leaf, out pages) (node, error) {
	p, err := t.page(path)
	if err != nil || len(changes) == 0 {
		return p.root(), err
	}
	if !p.branch {
		return t.changeBucket(p, path, changes, out), nil
	}
	q := p.another()
	var dirty uint16
	for len(changes) > 0 {
		at, n := nibble(changes[0].key, len(path)), 1
		for n < len(changes) && nibble(changes[n].key, len(path)) == at {
			n++
		}
		if q.nodes[16+at], err = t.change(append(path[:len(path):len(path)], at), changes[:n], out); err != nil {
			return node{}, err
		}
		dirty |= 1 << at
		changes = changes[n:]
	}
	q.join(dirty)
	q.encodeBranch()
	out[string(t.key(path))] = q
	return q.root(), nil
}

// changeBucket appends changes to a bucket, or writes it anew.
func (t *trie) changeBucket(p *page, path []byte, changes []leaf, out pages) node {
	before := len(p.order)
	if t.appends && p.row != nil && p.row[0] == pageGrown && len(changes) <= appendedMost {
		if q := p.grow(changes); len(q.order) > 0 && len(q.order) <= bucketLeaves {
			t.grown += len(q.order) - before
			if q.appended > appendedMost {
				q.rewrite()
			}
			if q.appended != p.appended {
				out[string(t.key(path))] = q
			}
			return q.root()
		}
	}
	leaves := merged(p.leaves(), changes)
	t.grown += len(leaves) - before
	return t.put(path, leaves, out)
}

// put writes leaves in a bucket, or in a branch if they are too many.
func (t *trie) put(path []byte, leaves []leaf, out pages) node {
	if len(leaves) == 0 {
		out[string(t.key(path))] = nil
		return node{}
	}
	if len(leaves) <= bucketLeaves {
		p := t.bucket(leaves, len(path))
		out[string(t.key(path))] = p
		return p.root()
	}
	p := &page{branch: true, depth: len(path), size: t.size, nodes: new([32]node)}
	for len(leaves) > 0 {
		at, n := nibble(leaves[0].key, len(path)), 1
		for n < len(leaves) && nibble(leaves[n].key, len(path)) == at {
			n++
		}
		p.nodes[16+at] = t.put(append(path[:len(path):len(path)], at), leaves[:n], out)
		leaves = leaves[n:]
	}
	p.join(allDirty)
	p.encodeBranch()
	out[string(t.key(path))] = p
	return p.root()
}

// merged lays changes over leaves; both are in order.
func merged(leaves, changes []leaf) []leaf {
	out := make([]leaf, 0, len(leaves)+len(changes))
	for len(leaves) > 0 || len(changes) > 0 {
		order := 1
		if len(changes) == 0 {
			order = -1
		} else if len(leaves) > 0 {
			order = bytes.Compare(leaves[0].key, changes[0].key)
		}
		if order < 0 {
			out, leaves = append(out, leaves[0]), leaves[1:]
			continue
		}
		if order == 0 {
			leaves = leaves[1:]
		}
		if changes[0].value != (ledger.Hash{}) {
			out = append(out, changes[0])
		}
		changes = changes[1:]
	}
	return out
}

// find returns what the tree has where a key would be: the hashes beside the
// path to it, from the leaf to the root, and the leaf at its end, which may be
// another's; nil if there is none.
func (t *trie) find(key []byte) (path []ledger.Hash, end *leaf, err error) {
	beside, end, err := t.descend(nil, key)
	slices.Reverse(beside)
	return beside, end, err
}

// descend returns the hashes beside the path from the root of a page on.
func (t *trie) descend(path, key []byte) (beside []ledger.Hash, end *leaf, err error) {
	p, err := t.page(path)
	if err != nil {
		return nil, nil, err
	}
	if !p.branch {
		leaves := p.leaves()
		for bits := 4 * len(path); len(leaves) > 1; bits++ {
			at, _ := slices.BinarySearchFunc(leaves, byte(1), func(l leaf, want byte) int { return int(bit(l.key, bits)) - int(want) })
			own, other := leaves[:at], leaves[at:]
			if bit(key, bits) == 1 {
				own, other = other, own
			}
			beside = append(beside, foldLeaves(other, bits+1).hash)
			leaves = own
		}
		if len(leaves) == 1 {
			end = &leaves[0]
		}
		return beside, end, nil
	}
	c, first := p.nodes[16:], byte(0)
	for bits := 4 * len(path); len(c) > 1; bits++ {
		if foldChildren(c).count < 2 {
			end, err = t.only(path, c, first)
			return beside, end, err
		}
		half := len(c) / 2
		own, other := c[:half], c[half:]
		if bit(key, bits) == 1 {
			own, other, first = other, own, first+byte(half)
		}
		beside = append(beside, foldChildren(other).hash)
		c = own
	}
	if c[0].count < 2 {
		end, err = t.only(path, c, first)
		return beside, end, err
	}
	more, end, err := t.descend(append(path[:len(path):len(path)], first), key)
	return append(beside, more...), end, err
}

// only returns the one leaf under some children of a branch, or nil. It may
// stand under a branch again, whose other leaves are gone.
func (t *trie) only(path []byte, c []node, first byte) (*leaf, error) {
	for i := range c {
		if c[i].count == 0 {
			continue
		}
		below := append(path[:len(path):len(path)], first+byte(i))
		p, err := t.page(below)
		switch {
		case err != nil:
			return nil, err
		case p.branch:
			return t.only(below, p.nodes[16:], 0)
		case len(p.order) != 1:
			return nil, errPage
		}
		l := p.leaf(0)
		return &l, nil
	}
	return nil, nil
}
