package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/projection"
)

// trailSpeed is how long it takes to prove the longest trail of a ledger, and to
// check the proof.
type trailSpeed struct {
	Entries int     `json:"entries"` // in the proof
	Size    int64   `json:"size"`    // of the ledger
	Bytes   int     `json:"bytes"`
	ProveMs float64 `json:"proveMs"`
	CheckMs float64 `json:"checkMs"`
}

// benchTrail measures it; nil where nothing can be proved yet.
func benchTrail(data string) (*trailSpeed, error) {
	f, err := openFolder(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.close() }() // it was only read
	about := map[ledger.PersonRef]int{}
	var longest ledger.PersonRef
	err = f.entries(f.db.Head().Size, func(group []ledger.Entry) (bool, error) {
		for i := range group {
			if p := group[i].Person; p != nil {
				if about[p.Ref]++; about[p.Ref] > about[longest] {
					longest = p.Ref
				}
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	last, ok, err := projection.View{R: f.db}.LastState()
	if err != nil || !ok {
		return nil, failing(ExitIntegrity, err)
	}
	signed, err := f.covering(last)
	if err != nil {
		return nil, err
	}
	out := &trailSpeed{Size: signed.N}
	var proof *projection.TrailProof
	for range 5 { // the first one fills the caches
		began := time.Now()
		if proof, err = projection.ProveTrail(f.db, longest, signed.note, signed.N); err != nil {
			return nil, f.provingError(err)
		}
		out.ProveMs = round3(time.Since(began))
	}
	b, err := json.Marshal(proof)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	var p trailProof
	began := time.Now()
	if err := errors.Join(parseProof(b, &p), p.check(&proofTree{Tree: tlog.Tree{N: signed.N, Hash: signed.Hash}}, "")); err != nil {
		return nil, err
	}
	out.Bytes, out.CheckMs = len(b), round3(time.Since(began))
	for i := range p.Numbers {
		out.Entries += len(p.Numbers[i].Entries)
	}
	return out, nil
}

// round3 is a duration in milliseconds, to the microsecond.
func round3(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *trailSpeed) String() string {
	return fmt.Sprintf("the longest trail, %d of %d entries: proved in %.1f ms (%d bytes), checked in %.1f ms", s.Entries, s.Size, s.ProveMs, s.Bytes, s.CheckMs)
}
