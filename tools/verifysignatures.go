package tools

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// signatures checks every signed checkpoint that can be found.
func (v *verification) signatures() error {
	started := time.Now()
	opened, err := v.f.opened()
	if err != nil {
		v.level(levelSignatures, false, 0, started, "not checked: entry 0, which names the log's key, does not read")
		return nil
	}
	v.opened = opened
	verifier, own, err := v.verifier(started)
	if verifier == nil {
		return err
	}
	if v.notes, err = v.f.checkpoints(opened.Origin, verifier, v.flags.pin); err != nil {
		return v.signatureError(err, started)
	}
	if other := secondOpinion(v.notes, opened.Origin, verifier); other != "" {
		v.wrong(other)
		v.level(levelSignatures, false, 0, started, other)
		return nil
	}
	ok := v.compareNotes()
	detail := "no signed checkpoint found"
	if n := len(v.notes); n > 0 {
		detail = fmt.Sprintf("%d checkpoints, the newest of %d entries, by %s", n, v.notes[n-1].N, own)
	} else if v.flags.keys != "" && v.report.Size > 0 {
		v.missing("there is no signed checkpoint: who wrote the ledger cannot be said")
	}
	v.level(levelSignatures, ok, int64(len(v.notes)), started, detail)
	return nil
}

// verifier is the key by which checkpoints are checked, and whose copy it is;
// nil where there is none, which is reported.
func (v *verification) verifier(started time.Time) (key note.Verifier, own string, err error) {
	own = "your own copy of the key"
	named := v.opened.Verifier
	if v.flags.keys != "" {
		keys, err := verifierKeys(v.flags.keys)
		if err != nil {
			return nil, "", err
		}
		if !contains(keys, named) {
			v.bad(0, "the log names another verifier key than yours: it is another log, or a forged one")
			v.level(levelSignatures, false, 0, started, "entry 0 names another verifier key than those of --keys")
			return nil, "", nil
		}
	} else {
		own = "the key that entry 0 names; not checked against your own copy of it (--keys)"
	}
	if key, err = note.NewVerifier(named); err != nil {
		v.level(levelSignatures, true, 0, started, "not checked: entry 0 names no usable key, and no --keys were given")
		return nil, "", nil
	}
	return key, own, nil
}

func (v *verification) signatureError(err error, started time.Time) error {
	var damaged *damagedError
	if !errors.Is(err, errNote) && !errors.As(err, &damaged) {
		return err
	}
	v.wrong(err.Error())
	v.level(levelSignatures, false, 0, started, err.Error())
	return nil
}

// compareNotes looks for two roots of one size, and for checkpoints of entries
// that are not here.
func (v *verification) compareNotes() bool {
	for i := 1; i < len(v.notes); i++ {
		a, b := &v.notes[i-1], &v.notes[i]
		if a.N == b.N && a.Hash != b.Hash {
			v.wrong(fmt.Sprintf("the log's key signed two trees of %d entries: the log is forked (%s, %s)", a.N, a.where, b.where))
			return false
		}
	}
	if n := len(v.notes); n > 0 && v.notes[n-1].N > v.report.Size {
		v.missing(fmt.Sprintf("%s signs %d entries and the ledger has %d: its end is lost", v.notes[n-1].where, v.notes[n-1].N, v.report.Size))
	}
	return true
}
