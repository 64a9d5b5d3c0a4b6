package hl7

import (
	"bufio"
	"errors"
	"io"
)

// The bytes around a message.
const (
	frameBegin  = 0x0b
	frameEnd    = 0x1c
	frameReturn = 0x0d
)

// MaxMessage bounds one message, in bytes.
const MaxMessage = 64 << 10

// What is wrong with a frame. After either nothing more can be read: where the
// next message begins is not known.
var (
	ErrFrame    = errors.New("hl7: not in a frame")
	ErrTooLarge = errors.New("hl7: a message is too large")
)

// ReadFrame reads the next message. Its error is [ErrFrame], [ErrTooLarge], io.EOF
// between two messages, or what the source said.
func ReadFrame(r *bufio.Reader) ([]byte, error) {
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if first != frameBegin {
		return nil, ErrFrame
	}
	var out []byte
	for {
		b, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, ErrFrame
		case err != nil:
			return nil, err
		case b == frameBegin:
			return nil, ErrFrame
		case b == frameEnd:
			if b, err = r.ReadByte(); err != nil || b != frameReturn {
				return nil, ErrFrame
			}
			return out, nil
		case len(out) == MaxMessage:
			return nil, ErrTooLarge
		}
		out = append(out, b)
	}
}

// Frame puts a message into its frame.
func Frame(message []byte) []byte {
	out := append(make([]byte, 0, len(message)+3), frameBegin)
	return append(append(out, message...), frameEnd, frameReturn)
}
