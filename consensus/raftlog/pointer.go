package raftlog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// A node's data folder holds raft/, the ledger's folder (ledger/ unless a snapshot was received since the last
// start), and a marker file that says which folder that is. Moving the marker is the one act by which a received
// ledger takes the old one's place.

// Folders of a data folder.
const (
	RaftFolder   = "raft"
	LedgerFolder = "ledger"
	markerName   = "ledger"
)

// Pointer says where the ledger is, and which snapshot it was received as.
type Pointer struct {
	Folder string // within the data folder
	// Index and Term are those of the last entry the received snapshot held; 0 if none was ever received.
	Index, Term uint64
}

// ErrNoPointer says that a data folder was never, or not completely, initialised.
var ErrNoPointer = errors.New("the data folder is not initialised; init creates it, once")

func (p Pointer) value() string { return fmt.Sprintf("%s_%d_%d", p.Folder, p.Index, p.Term) }

func parsePointer(v string) (Pointer, error) {
	parts := strings.Split(v, "_")
	if len(parts) == 3 {
		index, err1 := strconv.ParseUint(parts[1], 10, 64)
		term, err2 := strconv.ParseUint(parts[2], 10, 64)
		p := Pointer{Folder: parts[0], Index: index, Term: term}
		if err1 == nil && err2 == nil && p.value() == v && strings.HasPrefix(p.Folder, LedgerFolder) && !strings.ContainsAny(p.Folder, `./\`) {
			return p, nil // and it leads to no other folder
		}
	}
	return Pointer{}, errors.New("the marker of the ledger's folder is not one of ours")
}

// ReadPointer reads the marker in a node's data folder. fs nil means the real file system.
func ReadPointer(fs vfs.FS, data string) (Pointer, error) {
	if fs == nil {
		fs = vfs.Default
	}
	v, err := atomicfs.ReadMarker(fs, data, markerName)
	if err != nil {
		return Pointer{}, fmt.Errorf("read the data folder's marker: %w", err)
	}
	if v == "" {
		return Pointer{}, ErrNoPointer
	}
	return parsePointer(v)
}

// MovePointer replaces the marker, durably: before it returns, a crash leaves the old or the new one.
func MovePointer(fs vfs.FS, data string, p Pointer) error {
	m, _, err := atomicfs.LocateMarker(fs, data, markerName)
	if err != nil {
		return fmt.Errorf("move the data folder's marker: %w", err)
	}
	err = errors.Join(m.Move(p.value()), m.RemoveObsolete(), m.Close())
	if err != nil {
		return fmt.Errorf("move the data folder's marker: %w", err)
	}
	return nil
}

// LedgerDir is the path of the ledger's database in a node's data folder, for tools: as the marker says, or
// data/ledger where there is no marker (a backup, an export). fs nil means the real file system.
func LedgerDir(fs vfs.FS, data string) (string, error) {
	if fs == nil {
		fs = vfs.Default
	}
	p, err := ReadPointer(fs, data)
	if errors.Is(err, ErrNoPointer) {
		return fs.PathJoin(data, LedgerFolder), nil
	}
	if err != nil {
		return "", err
	}
	return fs.PathJoin(data, p.Folder), nil
}
