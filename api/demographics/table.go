package demographics

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sort"
	"strings"
)

// table is a register in memory: about 100 bytes a person. It never changes.
type table struct {
	text   []byte // names and postcodes of all rows, each row's fields separated by 0x1f
	rows   []row  // by number
	index  []key  // by hash, then row
	seed   maphash.Seed
	people int // rows that are neither superseded nor invalid
}

// row is one number. Its text is family, given names, postcode, other names.
type row struct {
	number    uint64
	successor uint64 // the number that superseded it; after finish, the last of the chain
	at        uint32
	birth     Date
	size      uint16
	state     state
}

type state uint8

const (
	restricted state = 1 << iota
	invalid
	superseded
)

// key leads from a surname and birth date to a person. Surnames may share a hash: what it leads to is compared.
type key struct {
	hash uint64
	row  uint32
}

const separator = '\x1f' // in no field: control characters are refused

func (t *table) hash(foldedFamily string, birth Date) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	_, _ = h.WriteString(foldedFamily)
	_, _ = h.Write([]byte{0, byte(birth), byte(birth >> 8), byte(birth >> 16), byte(birth >> 24)})
	return h.Sum64()
}

// find returns the row of a number.
func (t *table) find(number uint64) (row, bool) {
	i, ok := slices.BinarySearchFunc(t.rows, number, func(r row, n uint64) int { return cmp.Compare(r.number, n) })
	if !ok {
		return row{}, false
	}
	return t.rows[i], true
}

// current returns the row in force for a number: itself, or the end of the chain of those that superseded
// it. False: the register has no such number.
func (t *table) current(number uint64) (row, bool) {
	r, ok := t.find(number)
	if ok && r.state&superseded != 0 {
		return t.find(r.successor)
	}
	return r, ok
}

func (t *table) fields(r row) []string {
	return strings.Split(string(t.text[r.at:r.at+uint32(r.size)]), string(separator))
}

// record takes a row out of its packing, with the postcode.
func (t *table) record(r row) (*record, string) {
	f := t.fields(r)
	rec := &record{number: digits(r.number), name: name{f[0], strings.Fields(f[1])}, birth: r.birth, restricted: r.state&restricted != 0}
	rec.others, _ = parseOtherNames(f[3])
	return rec, f[2]
}

// born returns the people in force who have, or had, this surname and have this birth date.
func (t *table) born(family string, birth Date) []row {
	want := fold(family)
	if want == "" || birth == 0 {
		return nil
	}
	h := t.hash(want, birth)
	var out []row
	for i := sort.Search(len(t.index), func(i int) bool { return t.index[i].hash >= h }); i < len(t.index) && t.index[i].hash == h; i++ {
		if r := t.rows[t.index[i].row]; r.birth == birth {
			out = append(out, r)
		}
	}
	return out
}

// twin reports whether somebody else has the same surname now, and the same birth date.
func (t *table) twin(of *record) bool {
	for _, r := range t.born(of.name.family, of.birth) {
		if digits(r.number) != of.number && sameFamily(t.fields(r)[0], of.name.family) {
			return true
		}
	}
	return false
}

// trace returns the one person of these details; nil for none or several.
func (t *table) trace(q TraceQuery) *record {
	if !q.complete() {
		return nil
	}
	var found *record
	postcode := foldPostcode(q.Postcode)
	for _, r := range t.born(q.Family, q.Birth) {
		rec, lives := t.record(r)
		if !q.traced(rec) || postcode != "" && (rec.restricted || lives != postcode) {
			continue
		}
		if found != nil {
			return nil
		}
		found = rec
	}
	return found
}
