package api

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"os"
)

// spoolMemory is how much of an uploaded file is kept in memory. What is
// larger waits in a file that has no name and is encrypted under a key that
// only this call holds.
const spoolMemory = 1 << 20

// spoolPiece is how much of it is encrypted at once.
const spoolPiece = 64 << 10

// spooled is a file that was read whole, with its digest.
type spooled struct {
	size  int64
	sum   [32]byte
	small []byte
	file  *os.File
	block cipher.Block
	iv    [aes.BlockSize]byte
}

func spool(in io.Reader) (*spooled, error) {
	s := &spooled{}
	h := sha256.New()
	in = io.TeeReader(in, h)
	var head bytes.Buffer
	n, err := io.Copy(&head, io.LimitReader(in, spoolMemory))
	if err != nil {
		return nil, err
	}
	s.small, s.size = head.Bytes(), n
	if n == spoolMemory {
		if err := s.spill(in); err != nil {
			s.close()
			return nil, err
		}
	}
	h.Sum(s.sum[:0])
	return s, nil
}

// spill takes the rest to a nameless file, encrypted.
func (s *spooled) spill(in io.Reader) error {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	if _, err := rand.Read(s.iv[:]); err != nil {
		return err
	}
	var err error
	if s.block, err = aes.NewCipher(key[:]); err != nil {
		return err
	}
	if s.file, err = os.CreateTemp("", "upload-*"); err != nil {
		return err
	}
	if err := os.Remove(s.file.Name()); err != nil {
		return err
	}
	// Encrypted where it lies: cipher.StreamWriter would take memory for each piece anew.
	stream, out, buf := cipher.NewCTR(s.block, s.iv[:]), bufio.NewWriterSize(s.file, 1<<20), make([]byte, spoolPiece)
	for {
		n, err := in.Read(buf)
		stream.XORKeyStream(buf[:n], buf[:n])
		if _, err := out.Write(buf[:n]); err != nil {
			return err
		}
		s.size += int64(n)
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil { // the body broke off, perhaps: what came is not the file
			return err
		}
	}
}

// reader reads the file from its beginning.
func (s *spooled) reader() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.small), nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	rest := cipher.StreamReader{S: cipher.NewCTR(s.block, s.iv[:]), R: bufio.NewReaderSize(s.file, 1<<20)}
	return io.MultiReader(bytes.NewReader(s.small), rest), nil
}

func (s *spooled) close() {
	if s.file != nil {
		_ = s.file.Close() // the file has no name and goes with its handle
	}
}
