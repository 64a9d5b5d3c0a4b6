package raftlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

const (
	prefixLog    = 'l'
	prefixStable = 's'

	logVersion = 1
	// version(1) type(1) term(8) appended(8) extensions length(4)
	logHeader = 1 + 1 + 8 + 8 + 4
	// noTime stands for a zero AppendedAt: no clock shows this many nanoseconds before 1970.
	noTime = math.MinInt64
)

// ErrCorrupt says that stored bytes are not what this package wrote. It never quotes them.
var ErrCorrupt = errors.New("raft log: stored entry is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func logKey(index uint64) []byte {
	k := make([]byte, 9)
	putLogKey(k, index)
	return k
}

// putLogKey writes the key of the entry at index into k, 9 bytes.
func putLogKey(k []byte, index uint64) {
	k[0] = prefixLog
	binary.BigEndian.PutUint64(k[1:], index)
}

func parseLogKey(k []byte) (uint64, error) {
	if len(k) != 9 || k[0] != prefixLog {
		return 0, ErrCorrupt
	}
	return binary.BigEndian.Uint64(k[1:]), nil
}

func stableKey(name []byte) []byte {
	return append(append(make([]byte, 0, 1+len(name)), prefixStable), name...)
}

// logSize is the exact length of encodeLog's output.
func logSize(l *raft.Log) int { return logHeader + len(l.Extensions) + len(l.Data) + 4 }

// encodeLog appends the stored form of l to b:
//
//	version(1) type(1) term(8) appended(8, ns since 1970) extensions length(4) extensions data crc32c(4)
//
// The index is not repeated (it is the key) but is part of the checksum, so that an entry found under another
// key is refused.
func encodeLog(b []byte, l *raft.Log) []byte {
	start := len(b)
	at := int64(noTime)
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	b = append(b, logVersion, byte(l.Type))
	b = binary.BigEndian.AppendUint64(b, l.Term)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.Extensions)))
	b = append(b, l.Extensions...)
	b = append(b, l.Data...)
	return binary.BigEndian.AppendUint32(b, checksum(l.Index, b[start:]))
}

func checksum(index uint64, b []byte) uint32 {
	var i [8]byte
	binary.BigEndian.PutUint64(i[:], index)
	return crc32.Update(crc32.Checksum(i[:], castagnoli), castagnoli, b)
}

// decodeLog reads what encodeLog wrote under index. The bytes of v are copied.
func decodeLog(index uint64, v []byte, l *raft.Log) error {
	if len(v) < logHeader+4 || v[0] != logVersion {
		return ErrCorrupt
	}
	body, sum := v[:len(v)-4], binary.BigEndian.Uint32(v[len(v)-4:])
	if checksum(index, body) != sum {
		return ErrCorrupt
	}
	ext := int(binary.BigEndian.Uint32(body[18:22]))
	if ext > len(body)-logHeader {
		return ErrCorrupt
	}
	*l = raft.Log{
		Index: index,
		Term:  binary.BigEndian.Uint64(body[2:10]),
		Type:  raft.LogType(body[1]),
	}
	if at := int64(binary.BigEndian.Uint64(body[10:18])); at != noTime {
		l.AppendedAt = time.Unix(0, at)
	}
	// One allocation for both, and no empty slice where the writer had none.
	rest := append([]byte(nil), body[logHeader:]...)
	if ext > 0 {
		l.Extensions = rest[:ext:ext]
	}
	if len(rest) > ext {
		l.Data = rest[ext:]
	}
	return nil
}
