package ledger

import (
	"encoding/binary"
	"errors"

	"github.com/fxamacker/cbor/v2"
)

// The envelope of an entry is read and written by the few functions below,
// because every verifier reads it for every entry; bodies go through the CBOR
// library. Both write the one deterministic form of RFC 8949 section 4.2.1:
// shortest heads, definite lengths, map keys in bytewise order.

var (
	errTruncated    = errors.New("CBOR ends early")
	errNotCanonical = errors.New("CBOR is not in its deterministic form")
	errType         = errors.New("CBOR item has another type than the format says")
	errDeep         = errors.New("CBOR is nested too deeply")
	errTrailing     = errors.New("bytes after the end of the record")
)

const (
	majorUint  = 0
	majorNint  = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorOther = 7

	maxDepth = 12
)

func appendHead(b []byte, major byte, v uint64) []byte {
	m := major << 5
	switch {
	case v < 24:
		return append(b, m|byte(v))
	case v < 1<<8:
		return append(b, m|24, byte(v))
	case v < 1<<16:
		return append(b, m|25, byte(v>>8), byte(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, m|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, m|27), v)
}

func appendUint(b []byte, v uint64) []byte { return appendHead(b, majorUint, v) }
func appendBytes(b []byte, v []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}
func appendArray(b []byte, n int) []byte    { return appendHead(b, majorArray, uint64(n)) }
func appendMap(b []byte, n int) []byte      { return appendHead(b, majorMap, uint64(n)) }
func appendKey(b []byte, key uint64) []byte { return appendHead(b, majorUint, key) }

// reader walks deterministic CBOR. The first error sticks.
type reader struct {
	b      []byte
	err    error
	strict bool // see [readSame]
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
		r.b = nil
	}
}

// head reads an item's major type and argument and refuses any but the
// shortest form. Floats, tags and indefinite lengths are not in the format.
func (r *reader) head() (major byte, v uint64) {
	if len(r.b) == 0 {
		r.fail(errTruncated)
		return 0, 0
	}
	major = r.b[0] >> 5
	info := r.b[0] & 31
	if info < 24 {
		r.b = r.b[1:]
		return major, uint64(info)
	}
	if info > 27 {
		r.fail(errNotCanonical)
		return 0, 0
	}
	n := 1 << (info - 24)
	if len(r.b) < 1+n {
		r.fail(errTruncated)
		return 0, 0
	}
	least := uint64(24)
	switch at := r.b[1:]; n {
	case 1:
		v = uint64(at[0])
	case 2:
		v, least = uint64(binary.BigEndian.Uint16(at)), 1<<8
	case 4:
		v, least = uint64(binary.BigEndian.Uint32(at)), 1<<16
	case 8:
		v, least = binary.BigEndian.Uint64(at), 1<<32
	}
	r.b = r.b[1+n:]
	if v < least || major == majorOther {
		r.fail(errNotCanonical)
		return 0, 0
	}
	return major, v
}

func (r *reader) expect(major byte) uint64 {
	m, v := r.head()
	if r.err == nil && m != major {
		r.fail(errType)
		return 0
	}
	return v
}

// uint reads a number. Most are keys of maps, of one byte.
func (r *reader) uint() uint64 {
	if len(r.b) > 0 && r.b[0] < 24 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	return r.expect(majorUint)
}

func (r *reader) array() int  { return r.count(r.expect(majorArray)) }
func (r *reader) mapLen() int { return r.count(r.expect(majorMap)) }

func (r *reader) count(v uint64) int {
	if v > uint64(len(r.b)) {
		r.fail(errTruncated)
		return 0
	}
	return int(v)
}

func (r *reader) bytes() []byte {
	n := r.expect(majorBytes)
	if n > uint64(len(r.b)) {
		r.fail(errTruncated)
	}
	if r.err != nil {
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// fixed reads a byte string of exactly len(dst) bytes.
func (r *reader) fixed(dst []byte) {
	p := r.bytes()
	if r.err == nil && len(p) != len(dst) {
		r.fail(errType)
		return
	}
	copy(dst, p)
}

// raw returns the next item's bytes, checked to be deterministic throughout.
func (r *reader) raw() []byte { return r.rawAt(0) }

func (r *reader) rawAt(depth int) []byte {
	start := r.b
	r.skip(depth)
	if r.err != nil {
		return nil
	}
	return start[:len(start)-len(r.b)]
}

func (r *reader) skip(depth int) {
	if depth > maxDepth {
		r.fail(errDeep)
		return
	}
	if len(r.b) > 0 && r.b[0] < 24 {
		r.b = r.b[1:]
		return
	}
	major, v := r.head()
	if r.err != nil {
		return
	}
	switch major {
	case majorUint, majorNint:
	case majorBytes, majorText:
		if v > uint64(len(r.b)) {
			r.fail(errTruncated)
			return
		}
		r.b = r.b[v:]
	case majorArray:
		for n := r.count(v); n > 0 && r.err == nil; n-- {
			r.skip(depth + 1)
		}
	case majorMap:
		var last []byte
		for n := r.count(v); n > 0 && r.err == nil; n-- {
			key := r.rawAt(depth + 1)
			if r.err == nil && last != nil && compareKeys(last, key) >= 0 {
				r.fail(errNotCanonical)
				return
			}
			last = key
			r.skip(depth + 1)
		}
	case majorOther:
		if v != 20 && v != 21 { // false, true
			r.fail(errType)
		}
	default:
		r.fail(errType)
	}
}

func compareKeys(a, b []byte) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}

var (
	encMode = mustEnc()
	decMode = mustDec()
)

func mustEnc() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	// An empty list has one form: null is not in the format, and the reader of
	// envelopes refuses it.
	o.NilContainers = cbor.NilContainerAsEmpty
	m, err := o.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}

func mustDec() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		MaxNestedLevels:   16,
		MaxArrayElements:  1 << 20,
		MaxMapPairs:       1 << 12,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}

// Marshal writes v as deterministic CBOR. It is the one encoder for request
// and event bodies, view rows and sealed payloads.
func Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case fielded:
		return appendFields(make([]byte, 0, 128), v), nil
	case []Plan:
		return appendList(v, leastPlan), nil
	case []Days:
		return appendList(v, leastRow), nil
	}
	return encMode.Marshal(v)
}

// Unmarshal reads deterministic CBOR strictly: no unknown or doubled keys, no
// indefinite lengths, no tags, valid UTF-8, nothing after the end.
func Unmarshal(b []byte, v any) error {
	switch v := v.(type) {
	case fielded:
		return readFields(b, v)
	case *[]Plan:
		return readList(b, v, leastPlan)
	case *[]Days:
		return readList(b, v, leastRow)
	}
	return decMode.Unmarshal(b, v)
}
