package deliver

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// answerFile holds a message 02 while it is sent: of any size, readable at any
// place, in a file that has no name and is encrypted under a key that is nowhere else.
type answerFile struct {
	file  *os.File
	block cipher.Block
	out   cipher.StreamWriter
	size  int64
}

func newAnswerFile() (*answerFile, error) {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "answer-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	a := &answerFile{file: f, block: block}
	a.out = cipher.StreamWriter{S: a.at(0), W: f}
	return a, nil
}

// at is the key stream from a block on. The key is used for this file alone, so
// that counting may begin at zero.
func (a *answerFile) at(block int64) cipher.Stream {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(block))
	return cipher.NewCTR(a.block, iv[:])
}

// Write appends.
func (a *answerFile) Write(b []byte) (int, error) {
	n, err := a.out.Write(b)
	a.size += int64(n)
	return n, err
}

// ReadAt reads what was written.
func (a *answerFile) ReadAt(b []byte, off int64) (int, error) {
	if off >= a.size {
		return 0, io.EOF
	}
	n, err := a.file.ReadAt(b, off)
	s := a.at(off / aes.BlockSize)
	skip := make([]byte, off%aes.BlockSize)
	s.XORKeyStream(skip, skip)
	s.XORKeyStream(b[:n], b[:n])
	return n, err
}

func (a *answerFile) close() { _ = a.file.Close() } // it has no name and goes with its handle
