package demographics

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// builder packs rows into a table.
type builder struct {
	table
	lines []uint32 // of each row, until finish
	last  int      // the line read last
}

func newBuilder() *builder { return &builder{table: table{seed: maphash.MakeSeed()}, last: 1} }

// add checks and packs one row, whose fields are in the order of [Columns]. A code: the row is refused.
func (b *builder) add(f []string, line int) RowCode {
	for _, s := range f {
		if !utf8.ValidString(s) {
			return RowEncoding
		}
		if strings.ContainsFunc(s, unicode.IsControl) {
			return RowControl
		}
	}
	number, family, given, birth, postcode, others := f[0], f[1], f[2], f[3], f[4], f[5]
	r := row{number: numberOf(number)}
	if r.number == 0 {
		return RowNumber
	}
	if code := r.marks(f[6], f[7], f[8]); code != "" {
		return code
	}
	// Of a number out of use the details may be missing, but not wrong.
	gone := r.state&(superseded|invalid) != 0
	if len(family) > maxName || fold(family) == "" && (family != "" || !gone) {
		return RowFamilyName
	}
	if len(given) > maxName || fold(given) == "" && given != "" {
		return RowGivenNames
	}
	if birth != "" || !gone {
		d, err := ParseDate(birth)
		if err != nil {
			return RowBirthDate
		}
		r.birth = d
	}
	if folded := foldPostcode(postcode); len(postcode) > 12 || folded == "" && postcode != "" {
		return RowPostcode
	} else {
		postcode = folded
	}
	if _, ok := parseOtherNames(others); !ok {
		return RowOtherNames
	}
	if r.pack(b, family, given, postcode, others) {
		b.rows, b.lines = append(b.rows, r), append(b.lines, uint32(line))
		return ""
	}
	return RowTooLong
}

// marks reads the columns restricted, superseded_by and invalid.
func (r *row) marks(level, by, gone string) RowCode {
	switch level {
	case "":
	case "R", "V":
		r.state |= restricted
	default:
		return RowRestricted
	}
	if by != "" {
		if r.successor = numberOf(by); r.successor == 0 || r.successor == r.number {
			return RowSupersededBy
		}
		r.state |= superseded
	}
	switch gone {
	case "":
	case "yes":
		r.state |= invalid
	default:
		return RowInvalid
	}
	if r.state&superseded != 0 && r.state&invalid != 0 {
		return RowSupersededAndInvalid
	}
	return ""
}

func (r *row) pack(b *builder, fields ...string) bool {
	at, packed := len(b.text), strings.Join(fields, string(separator))
	if len(packed) > math.MaxUint16 || at+len(packed) > math.MaxUint32 {
		return false
	}
	b.text = append(b.text, packed...)
	r.at, r.size = uint32(at), uint16(len(packed))
	return true
}

// parseOtherNames reads names of the form "Family/Given Given; Family/Given". False: it is not of that
// form, or a name has no letter.
func parseOtherNames(s string) ([]name, bool) {
	if s == "" {
		return nil, true
	}
	if len(s) > 4*maxName {
		return nil, false
	}
	var out []name
	for one := range strings.SplitSeq(s, ";") {
		family, given, ok := strings.Cut(one, "/")
		if !ok || strings.Contains(given, "/") || fold(family) == "" || fold(given) == "" {
			return nil, false
		}
		out = append(out, name{strings.TrimSpace(family), strings.Fields(given)})
	}
	return out, true
}

// finish sorts and indexes, and adds to wrong what is only seen with the whole file there.
func (b *builder) finish(wrong *FileError) *table {
	order := make([]uint32, len(b.rows))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(x, y uint32) int { return cmp.Compare(b.rows[x].number, b.rows[y].number) })
	t := &table{text: slices.Clip(b.text), seed: b.seed, rows: make([]row, len(order))}
	for i, from := range order {
		t.rows[i] = b.rows[from]
		if i > 0 && t.rows[i].number == t.rows[i-1].number {
			wrong.add(int(b.lines[from]), RowNumberTwice)
		}
	}
	b.rows = nil
	last := make([]uint64, len(t.rows))
	for i, r := range t.rows {
		if r.state&superseded == 0 {
			t.people += int(^r.state & invalid / invalid)
			continue
		}
		end, code := t.end(r)
		if code != "" {
			wrong.add(int(b.lines[order[i]]), code)
		}
		last[i] = end
	}
	for i := range t.rows {
		t.rows[i].successor = last[i]
	}
	t.reindex()
	return t
}

// end follows what superseded a number to the number that nothing superseded.
func (t *table) end(r row) (uint64, RowCode) {
	for range 32 {
		next, ok := t.find(r.successor)
		if !ok {
			return 0, RowSupersededUnknown
		}
		if next.state&superseded == 0 {
			return next.number, ""
		}
		r = next
	}
	return 0, RowSupersededLoop
}

// reindex makes the index of surnames, former ones included, and birth dates.
func (t *table) reindex() {
	t.index = make([]key, 0, t.people+t.people/16)
	for i, r := range t.rows {
		if r.state&(superseded|invalid) != 0 {
			continue
		}
		f := t.fields(r)
		t.index = append(t.index, key{t.hash(fold(f[0]), r.birth), uint32(i)})
		others, _ := parseOtherNames(f[3])
		for _, n := range others {
			t.index = append(t.index, key{t.hash(fold(n.family), r.birth), uint32(i)})
		}
	}
	slices.SortFunc(t.index, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row))
	})
	t.index = slices.Compact(t.index) // a former surname may fold to the present one
}
