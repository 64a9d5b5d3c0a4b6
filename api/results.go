package api

import (
	"slices"

	"custos/ledger"
)

// results is what became of a file's rows, in their order: a byte for each, so
// that a file's length costs next to nothing.
type results struct {
	kinds []rowResult // the different ones: some sixty statuses and codes
	rows  []uint8
}

// rowResult is what became of one row.
type rowResult struct{ status, code string }

func (r *results) add(status, code string) { r.rows = append(r.rows, r.kind(status, code)) }

func (r *results) set(i int, status, code string) { r.rows[i] = r.kind(status, code) }

func (r *results) kind(status, code string) uint8 {
	want := rowResult{status, code}
	i := slices.Index(r.kinds, want)
	if i < 0 {
		i = len(r.kinds)
		r.kinds = append(r.kinds, want)
	}
	return uint8(i)
}

func (r *results) at(i int) (status, code string) {
	k := r.kinds[r.rows[i]]
	return k.status, k.code
}

func (r *results) len() int { return len(r.rows) }

// matchings is what the register said of a file's rows: a byte for each that it
// knows, and more for the others alone.
type matchings struct {
	rows []uint8
	odd  map[int]matching
}

// marks of a row that matched, or was not asked about.
const (
	rowMatched    uint8 = 1
	rowRestricted uint8 = 2
	rowOdd        uint8 = 4
)

func (m *matchings) add(found []matching) {
	for i := range found {
		f := &found[i]
		var mark uint8
		switch f.state {
		case ledger.Unmatched:
			if m.odd == nil {
				m.odd = make(map[int]matching)
			}
			m.odd[len(m.rows)] = *f
			mark = rowOdd
		case ledger.Matched:
			mark = rowMatched
		}
		if f.restricted {
			mark |= rowRestricted
		}
		m.rows = append(m.rows, mark)
	}
}

// at is what the register said of a row; nil if it was not asked about the file.
func (m *matchings) at(i int) *matching {
	if m == nil {
		return nil
	}
	mark := m.rows[i]
	if mark&rowOdd != 0 {
		f := m.odd[i]
		return &f
	}
	f := &matching{restricted: mark&rowRestricted != 0}
	if mark&rowMatched != 0 {
		f.state = ledger.Matched
	}
	return f
}
