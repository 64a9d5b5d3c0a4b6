package consensus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"custos/ledger"
	"custos/ledger/store"
)

// A ledger travels as a stream: a header line, the length of the manifest (4 bytes, big endian), the manifest and its
// SHA-256, and then for each file of the manifest, in order, its bytes and their SHA-256.

const (
	streamHeader = "custos-ledger-stream/1\n"
	maxManifest  = 16 << 20
)

// manifest says what a stream holds.
type manifest struct {
	Log     ledger.ID     `cbor:"1,keyasint"`
	Applied store.Applied `cbor:"2,keyasint"`
	Size    int64         `cbor:"3,keyasint"`
	Root    ledger.Hash   `cbor:"4,keyasint"`
	Files   []streamFile  `cbor:"5,keyasint"`
}

type streamFile struct {
	Name string `cbor:"1,keyasint"`
	Size int64  `cbor:"2,keyasint"`
}

// errStream marks a stream that is not whole or not of this format.
var errStream = errors.New("the received ledger is damaged or of another format")

// streamWriter reads the files of a folder as one stream.
type streamWriter struct {
	fs     vfs.FS
	dir    string
	files  []streamFile
	head   bytes.Reader
	size   int64
	file   vfs.File
	left   int64
	sum    hash.Hash
	onDone func()
}

// newStream opens a folder as a stream. onDone runs when it is closed.
func newStream(fs vfs.FS, dir string, m manifest, onDone func()) (*streamWriter, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list a copy of the ledger: %w", err)
	}
	slices.Sort(names)
	var total int64
	for _, name := range names {
		info, err := fs.Stat(fs.PathJoin(dir, name))
		if err != nil {
			return nil, fmt.Errorf("list a copy of the ledger: %w", err)
		}
		if info.IsDir() {
			continue
		}
		m.Files = append(m.Files, streamFile{name, info.Size()})
		total += info.Size() + sha256.Size
	}
	b, err := ledger.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("list a copy of the ledger: %w", err)
	}
	head := binary.BigEndian.AppendUint32([]byte(streamHeader), uint32(len(b)))
	sum := sha256.Sum256(b)
	head = append(append(head, b...), sum[:]...)
	w := &streamWriter{fs: fs, dir: dir, files: m.Files, size: int64(len(head)) + total, onDone: onDone}
	w.head.Reset(head)
	return w, nil
}

// Read implements io.Reader.
func (w *streamWriter) Read(b []byte) (int, error) {
	for {
		if w.head.Len() > 0 {
			return w.head.Read(b)
		}
		if w.file == nil {
			if len(w.files) == 0 {
				return 0, io.EOF
			}
			f, err := w.fs.Open(w.fs.PathJoin(w.dir, w.files[0].Name), vfs.SequentialReadsOption)
			if err != nil {
				return 0, fmt.Errorf("read a copy of the ledger: %w", err)
			}
			w.file, w.left, w.sum = f, w.files[0].Size, sha256.New()
		}
		if w.left > 0 {
			n, err := w.file.Read(b[:min(int64(len(b)), w.left)])
			w.left -= int64(n)
			w.sum.Write(b[:n])
			if n > 0 {
				return n, nil
			}
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, fmt.Errorf("read a copy of the ledger: %w", err)
		}
		if err := w.file.Close(); err != nil {
			return 0, fmt.Errorf("read a copy of the ledger: %w", err)
		}
		w.file, w.files = nil, w.files[1:]
		w.head.Reset(w.sum.Sum(nil))
	}
}

// Close implements io.Closer.
func (w *streamWriter) Close() error {
	var err error
	if w.file != nil {
		err, w.file = w.file.Close(), nil
	}
	if w.onDone != nil {
		w.onDone()
		w.onDone = nil
	}
	return err
}

// unpack writes a stream's files into a new folder and makes them durable: each file, the folder, and the folder's
// name in its parent.
func unpack(fs vfs.FS, r io.Reader, parent, folder string) (manifest, error) {
	m, err := readManifest(r)
	if err != nil {
		return m, err
	}
	dir := fs.PathJoin(parent, folder)
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return m, fmt.Errorf("unpack a received ledger: %w", err)
	}
	for _, f := range m.Files {
		if err := unpackFile(fs, r, fs.PathJoin(dir, f.Name), f.Size); err != nil {
			return m, fmt.Errorf("unpack a received ledger: %w", err)
		}
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n > 0 {
		return m, errors.Join(errStream, err)
	}
	if err := errors.Join(syncDir(fs, dir), syncDir(fs, parent)); err != nil {
		return m, fmt.Errorf("unpack a received ledger: %w", err)
	}
	return m, nil
}

func readManifest(r io.Reader) (manifest, error) {
	var m manifest
	head := make([]byte, len(streamHeader)+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return m, errors.Join(errStream, err)
	}
	n := binary.BigEndian.Uint32(head[len(streamHeader):])
	if string(head[:len(streamHeader)]) != streamHeader || n > maxManifest {
		return m, errStream
	}
	b := make([]byte, n+sha256.Size)
	if _, err := io.ReadFull(r, b); err != nil {
		return m, errors.Join(errStream, err)
	}
	b, want := b[:n], b[n:]
	if sum := sha256.Sum256(b); !bytes.Equal(sum[:], want) {
		return m, errStream
	}
	if err := ledger.Unmarshal(b, &m); err != nil {
		return m, errStream
	}
	for _, f := range m.Files {
		// A name is one of Pebble's: never a path.
		if f.Name == "" || f.Name[0] == '.' || strings.ContainsAny(f.Name, "/\\\x00") || f.Size < 0 {
			return m, errStream
		}
	}
	return m, nil
}

func unpackFile(fs vfs.FS, r io.Reader, path string, size int64) (err error) {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	// The sum first: a vfs.File may change the bytes it is given to write.
	if _, err := io.CopyN(io.MultiWriter(sum, f), r, size); err != nil {
		return err
	}
	var want [sha256.Size]byte
	if _, err := io.ReadFull(r, want[:]); err != nil {
		return err
	}
	if [sha256.Size]byte(sum.Sum(nil)) != want {
		return errStream
	}
	return f.Sync()
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
