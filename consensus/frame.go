package consensus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Members speak to each other over one connection each way in frames, many requests in flight:
//
//	length(4, of what follows) number(8) kind(1) payload
//
// A request's number is the caller's; the reply carries it again and has a status in place of the kind.
const (
	frameHeader = 4 + 8 + 1
	maxFrame    = 64 << 20
)

// Kinds of requests.
const (
	callPropose = 1 // flags(1) command -> outcome, deterministic CBOR
	callPing    = 2 // ping -> ping
	callTree    = 3 // index(8) -> size(8) root(32): which tree did you have before the entry at index
	callCheck   = 4 // index(8) -> nothing: find out whether that tree was the majority's
)

const flagBulk = 1

// Statuses of replies.
const (
	statusOK = iota
	statusUnknown
	statusBusy
	statusNoLeader
	statusReadOnly
	statusCommand
	statusNoTree
	statusBehind
)

// errFrame ends a connection.
var errFrame = errors.New("not a frame of this protocol")

// errNoTree says that a peer has not applied the entry it was asked about, or does not remember.
var errNoTree = errors.New("the peer does not know which tree it had there")

var statusErrors = map[byte]error{
	statusUnknown:  ErrUnknown,
	statusBusy:     ErrBusy,
	statusNoLeader: ErrNoLeader,
	statusReadOnly: ErrReadOnly,
	statusCommand:  ErrCommand,
	statusNoTree:   errNoTree,
	statusBehind:   ErrBehind,
}

// statusOf is the status that stands for err; what is not in the table is unknown, never failed.
func statusOf(err error) byte {
	if err == nil {
		return statusOK
	}
	for s, e := range statusErrors {
		if errors.Is(err, e) {
			return s
		}
	}
	if errors.Is(err, ErrClosed) {
		return statusNoLeader
	}
	return statusUnknown
}

type frame struct {
	id      uint64
	kind    byte
	payload []byte
}

// appendFrame appends the encoded frame to b.
func appendFrame(b []byte, id uint64, kind byte, parts ...[]byte) []byte {
	n := frameHeader - 4
	for _, p := range parts {
		n += len(p)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint64(b, id)
	b = append(b, kind)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// readFrame reads one frame. Its payload is the caller's to keep.
func readFrame(r *bufio.Reader) (frame, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(h[:])
	if n < frameHeader-4 || n > maxFrame {
		return frame{}, errFrame
	}
	f := frame{id: binary.BigEndian.Uint64(h[4:]), kind: h[12], payload: make([]byte, n-(frameHeader-4))}
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return frame{}, err
	}
	return f, nil
}
