package tools

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"custos/consensus/raftlog"
)

// backup is a copy of a stopped node's data folder: a folder, or a tar archive
// of one, compressed with gzip or not. An archive is unpacked into a temporary
// folder, for a database is read by its files; its own marks are read as well,
// because an archive that lost its end can hold a ledger that reads whole.
type backup struct {
	dir     string     // of the node's data, or where it would be
	temp    *temporary // nil where nothing was unpacked
	cut     string     // why the archive is not whole; "" where it is
	damaged string     // why its bytes are not those that were written
}

// openBackup finds a node's data in what somebody kept. Unpacked files are as
// large as the archive's; the folder they are in is removed by close.
func openBackup(name, scratch string) (*backup, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	if info.IsDir() {
		return &backup{dir: dataFolder(name)}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	defer func() { _ = f.Close() }() // only read
	b := &backup{}
	if b.temp, err = newTemporary(scratch, "custos-backup-"); err != nil {
		return nil, err
	}
	if err := b.unpack(f); err != nil {
		b.close()
		return nil, err
	}
	b.dir = dataFolder(b.temp.dir)
	return b, nil
}

// dataFolder goes down to a node's data where they are packed with the folders
// above them: as long as there is one folder and nothing else.
func dataFolder(dir string) string {
	for {
		list, err := os.ReadDir(dir)
		if err != nil || len(list) != 1 || !list[0].IsDir() || list[0].Name() == raftlog.LedgerFolder {
			return dir
		}
		dir = filepath.Join(dir, list[0].Name())
	}
}

// unpack writes out what the archive holds, as far as it reads. Its error is of
// the means, or says that this is no archive.
func (b *backup) unpack(f io.Reader) error {
	root, err := os.OpenRoot(b.temp.dir) // no name in the archive leads out of it
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	defer func() { _ = root.Close() }() // what was written is read next
	packed := bufio.NewReaderSize(f, 1<<20)
	var plain io.Reader = packed
	if magic, _ := packed.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if plain, err = gzip.NewReader(packed); err != nil {
			return b.stopped(err, 0)
		}
	}
	marks := &endMarks{r: plain}
	archive := tar.NewReader(marks)
	for n := 0; ; n++ {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return b.stopped(err, n)
		}
		if err := b.write(root, h, archive); err != nil {
			return b.stopped(err, n)
		}
		marks.content()
	}
	if !marks.seen() {
		b.cut = archiveCut
		return nil
	}
	n, err := io.Copy(io.Discard, io.LimitReader(plain, tarPadding+1)) // gzip's checksum is at its end
	if err == nil && n > tarPadding {
		b.damaged = "the archive is damaged: something stands behind its end"
	}
	return b.stopped(err, 1)
}

const archiveCut = "the archive ends early: the backup is not whole"

// stopped says what it means that an archive reads no further, after so many files.
func (b *backup) stopped(err error, files int) error {
	var corrupt flate.CorruptInputError
	var known *failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		b.cut = archiveCut
	case errors.Is(err, tar.ErrHeader) && files == 0:
		return failf(ExitUnreadable, "the backup is neither a folder nor a tar archive, compressed with gzip or not")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt), errors.Is(err, tar.ErrHeader):
		b.damaged = "the archive is damaged: its own checksums do not hold"
	default:
		return failing(ExitUnreadable, err)
	}
	return nil
}

// write writes out one file. A file whose end is missing is left out whole, so
// that it counts as lost and not as altered.
func (b *backup) write(root *os.Root, h *tar.Header, content io.Reader) error {
	name := path.Clean(strings.TrimLeft(h.Name, "/"))
	switch h.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil
	case tar.TypeDir:
		return unwritten(root.MkdirAll(name, 0o700))
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeLink:
	default:
		return failf(ExitUnreadable, "the archive holds what a data folder does not: neither a file nor a folder")
	}
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return unwritten(err)
	}
	if h.Typeflag == tar.TypeLink { // two names of one file, as checkpoints of a database have
		return unwritten(root.Link(path.Clean(strings.TrimLeft(h.Linkname, "/")), name))
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return unwritten(err)
	}
	_, err = io.Copy(f, content)
	var disk *fs.PathError
	if errors.As(err, &disk) {
		err = unwritten(err)
	}
	if err = errors.Join(err, unwritten(f.Close())); err != nil {
		return errors.Join(err, unwritten(root.Remove(name)))
	}
	return nil
}

// unwritten says that a file of the archive cannot stand in the temporary folder,
// and not its name, which is whatever somebody put there.
func unwritten(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	if err == nil {
		return nil
	}
	return failf(ExitUnreadable, "unpack the archive: %w", err)
}

// endMarks reads a tar archive and tells whether it has its end: two blocks of
// zeros. Without them a reader sees the end of a file that was cut between two
// files of it, and nothing amiss.
type endMarks struct {
	r        io.Reader
	at, file int64 // bytes read; of them up to the end of the last file's content
}

func (m *endMarks) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.at += int64(n)
	return n, err
}

// tarPadding is more than tar writes behind the end of an archive.
const (
	tarBlock   = 512
	tarPadding = 1 << 20
)

// content notes that a file's content was read.
func (m *endMarks) content() { m.file = (m.at + tarBlock - 1) / tarBlock * tarBlock }

// seen is asked at the end.
func (m *endMarks) seen() bool { return m.at >= m.file+2*tarBlock }

// close removes what was unpacked.
func (b *backup) close() {
	if b.temp != nil {
		_ = b.temp.remove() // there is nobody to tell who could do more about it
	}
}
