package cpis

import (
	"errors"
	"io"
)

// window is the part of a stream that is in memory. Bytes from mark on are kept,
// so that a record can be echoed as it came; without a mark, from pos on.
type window struct {
	src   io.Reader
	buf   []byte
	pos   int // the next byte to be read
	end   int // behind the last byte in memory
	mark  int // the first byte to keep; -1 for none
	base  int64
	left  int64 // how many bytes may still come
	ended error // why no more bytes come: io.EOF, or what the source said
}

var errWindow = errors.New("one item is larger than may be kept in memory")
var errTotal = errors.New("more bytes than may be read")

func newWindow(src io.Reader, size int, total int64) window {
	return window{src: src, buf: make([]byte, size), mark: -1, left: total}
}

// rest is what is in memory and not yet read. It is good until the next more.
func (w *window) rest() []byte { return w.buf[w.pos:w.end] }

// offset is the place of the next byte in the stream.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// more reads on, and moves what is kept to the front. Its error is errWindow,
// errTotal, io.EOF or what the source said.
func (w *window) more() error {
	if w.ended != nil {
		return w.ended
	}
	keep := w.pos
	if w.mark >= 0 {
		keep = w.mark
	}
	if keep > 0 && w.end == len(w.buf) {
		copy(w.buf, w.buf[keep:w.end])
		w.pos, w.end, w.base = w.pos-keep, w.end-keep, w.base+int64(keep)
		if w.mark >= 0 {
			w.mark = 0
		}
	}
	if w.end == len(w.buf) {
		return errWindow
	}
	room := w.buf[w.end:]
	if int64(len(room)) > w.left+1 { // one more than allowed, to notice it
		room = room[:w.left+1]
	}
	for range 100 {
		n, err := w.src.Read(room)
		w.end += n
		if w.left -= int64(n); w.left < 0 {
			w.ended = errTotal
			return w.ended
		}
		if err != nil {
			w.ended = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	w.ended = io.ErrNoProgress
	return w.ended
}

// keep begins to keep bytes, from so many before the next one; kept gives them,
// good until the next more, and ends the keeping.
func (w *window) keep(back int) { w.mark = w.pos - back }
func (w *window) kept() []byte {
	b := w.buf[w.mark:w.pos]
	w.mark = -1
	return b
}
