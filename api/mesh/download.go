package mesh

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
)

// Open fetches the headers of a message in our inbox and opens its content. The
// message must be closed; that does not acknowledge it. A message that was
// acknowledged or has expired is [Gone].
func (c *Client) Open(ctx context.Context, id string) (*Message, error) {
	if !messageID.MatchString(id) {
		return nil, &Error{Code: NotFound, Step: "download", detail: "that is no message id"}
	}
	d := &download{ctx: ctx, c: c, id: id, chunk: 1, chunks: 1}
	a, err := d.fetch()
	if err != nil {
		return nil, err
	}
	m, err := parseMessage(id, a.status, a.header)
	if err == nil {
		err = d.begin(a)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	d.chunks = m.Chunks
	m.Body, m.download = d, d
	return m, nil
}

// Close ends the download.
func (m *Message) Close() { m.download.close() }

// Download writes a message's content to w as it comes, and returns what the
// headers said. Where it fails, w has had the beginning.
func (c *Client) Download(ctx context.Context, id string, w io.Writer) (*Message, error) {
	m, err := c.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var ours *Error
	if _, err := io.Copy(w, m.Body); errors.As(err, &ours) {
		return nil, ours
	} else if err != nil {
		return nil, &Error{Code: Sink, Step: "download", MessageID: id, cause: err}
	}
	return m, nil
}

// download is a message's content: its chunks, one after another. Of a chunk
// that was cut, what was already passed on is fetched again, compared and
// dropped.
type download struct {
	ctx context.Context
	c   *Client
	id  string

	chunk, chunks int
	answer        *answer   // of the current chunk; nil between two
	plain         io.Reader // the same, decompressed

	passed int64     // of the current chunk
	hash   hash.Hash // of that
	total  int64     // of all chunks
	tries  int       // of the current chunk
	err    error     // once it has ended: io.EOF or what went wrong
}

func (d *download) Read(b []byte) (int, error) {
	for d.err == nil {
		if d.answer == nil {
			d.err = d.resume()
			continue
		}
		n, err := d.plain.Read(b)
		d.hash.Write(b[:n])
		d.passed += int64(n)
		d.total += int64(n)
		switch {
		case d.total > d.c.c.MaxSize:
			n, d.err = 0, &Error{Code: TooLarge, Step: "download", MessageID: d.id}
		case err == nil:
		case err == io.EOF:
			d.err = d.next()
		default:
			d.err = d.again(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	d.close()
	return 0, d.err
}

// next goes on to the next chunk.
func (d *download) next() error {
	d.close()
	if d.chunk == d.chunks {
		return io.EOF
	}
	d.chunk, d.passed, d.tries = d.chunk+1, 0, 0
	return nil
}

// again prepares to fetch the current chunk once more, or gives up.
func (d *download) again(err error) error {
	e := d.cause(err)
	d.close()
	if d.tries++; d.tries >= d.c.c.Attempts || !e.again() {
		return e
	}
	if d.c.sleep(d.ctx, backoff(d.tries, 0)) != nil {
		return stopped("download", d.ctx)
	}
	return nil
}

// cause says in our words why a chunk could not be read.
func (d *download) cause(err error) *Error {
	var ours *Error
	switch {
	case errors.As(err, &ours):
		return ours
	case d.ctx.Err() != nil:
		return stopped("download", d.ctx)
	case d.answer != nil && d.answer.patience.expired():
		return &Error{Code: Timeout, Step: "download", MessageID: d.id}
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return &Error{Code: Cut, Step: "download", MessageID: d.id, detail: "what is said to be gzip is not"}
	}
	return &Error{Code: Cut, Step: "download", MessageID: d.id}
}

// resume fetches the current chunk and skips what was already passed on of it.
func (d *download) resume() error {
	a, err := d.fetch()
	if err != nil {
		return err
	}
	of, err := parseChunk(d.id, a.status, a.header, d.chunk)
	if err == nil && of != d.chunks {
		err = badMessage(d.id, "the number of its chunks changed")
	}
	passed, before := d.passed, d.hash
	if err == nil {
		err = d.begin(a)
	}
	if err != nil {
		a.close()
		return err
	}
	if passed == 0 {
		return nil
	}
	_, err = io.CopyN(d.hash, d.plain, passed)
	d.passed = passed
	switch {
	case errors.Is(err, io.EOF), err == nil && !bytes.Equal(before.Sum(nil), d.hash.Sum(nil)):
		d.close()
		return &Error{Code: Changed, Step: "download", MessageID: d.id}
	case err != nil:
		d.hash = before
		return d.again(err)
	}
	return nil
}

// fetch asks for the current chunk.
func (d *download) fetch() (*answer, error) {
	path := []string{"inbox", d.id}
	if d.chunk > 1 {
		path = append(path, strconv.Itoa(d.chunk))
	}
	a, err := d.c.do(d.ctx, &call{step: "download", method: http.MethodGet, path: path})
	return a, of(err, d.id)
}

// begin reads the current chunk from a.
func (d *download) begin(a *answer) error {
	if !a.sized {
		return badMessage(d.id, "its end cannot be told")
	}
	plain := io.Reader(a.body)
	switch a.header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		plain = &inflater{from: a.body}
	default:
		return badMessage(d.id, "its content encoding is neither gzip nor none")
	}
	d.answer, d.plain, d.hash, d.passed = a, plain, sha256.New(), 0
	return nil
}

func (d *download) close() {
	if d.answer != nil {
		d.answer.close()
		d.answer, d.plain = nil, nil
	}
}

// inflater reads gzip decompressed. Nothing at all is taken for an empty chunk.
type inflater struct {
	from io.Reader
	zip  *gzip.Reader
}

func (i *inflater) Read(b []byte) (int, error) {
	if i.zip == nil {
		z, err := gzip.NewReader(i.from)
		if err != nil {
			return 0, err
		}
		i.zip = z
	}
	return i.zip.Read(b)
}
