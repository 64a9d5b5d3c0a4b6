package tools

import "encoding/binary"

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
