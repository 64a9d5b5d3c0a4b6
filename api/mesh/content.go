package mesh

import (
	"bytes"
	"compress/gzip"
	"io"
	"sync"
)

// content is a piece of what is sent: bytes [from, from+size) of its source,
// which can be read again for each attempt.
type content struct {
	source     io.ReaderAt
	from, size int64
	compress   bool
}

// open starts to read the piece, while p waits whenever it is MESH's turn.
func (c *content) open(p *patience) *sent {
	s := &sent{p: p, length: c.size}
	s.raw = &whole{s: s, left: c.size, Reader: io.NewSectionReader(c.source, c.from, c.size)}
	s.from = s.raw
	if c.compress {
		s.length = -1 // known only when it was read: it goes in chunked transfer encoding
		s.from = newDeflater(s.raw)
	}
	return s
}

// sent is a request's body. net/http reads it in a goroutine of its own.
type sent struct {
	p      *patience
	length int64
	raw    io.Reader
	from   io.Reader

	mu     sync.Mutex
	failed error
}

func (s *sent) Read(b []byte) (int, error) {
	s.p.sent(false)
	defer s.p.sent(true)
	return s.from.Read(b)
}

func (s *sent) Close() error { return nil }

// err is why the source could not be read, or nil.
func (s *sent) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// whole passes a source on and notes where it fails or is shorter than was said.
type whole struct {
	io.Reader
	s    *sent
	left int64
}

func (w *whole) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.left -= int64(n)
	if err == io.EOF && w.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		w.s.mu.Lock()
		w.s.failed = err
		w.s.mu.Unlock()
	}
	return n, err
}

// deflater reads a source compressed. It keeps no more than a piece of it.
type deflater struct {
	from io.Reader
	zip  *gzip.Writer
	out  bytes.Buffer
	in   []byte
	done bool
}

func newDeflater(from io.Reader) *deflater {
	d := &deflater{from: from, in: make([]byte, 32<<10)}
	d.zip = gzip.NewWriter(&d.out)
	return d
}

func (d *deflater) Read(b []byte) (int, error) {
	for d.out.Len() == 0 {
		if d.done {
			return 0, io.EOF
		}
		n, err := d.from.Read(d.in)
		if _, e := d.zip.Write(d.in[:n]); e != nil {
			return 0, e
		}
		switch {
		case err == io.EOF:
			if e := d.zip.Close(); e != nil {
				return 0, e
			}
			d.done = true
		case err != nil:
			return 0, err
		}
	}
	return d.out.Read(b)
}
