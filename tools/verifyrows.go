package tools

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"custos/ledger"
	"custos/ledger/store"
)

// sealed checks level 2: every sealed row has the digest that its entry commits
// to. A row that is not there was erased, which is lawful and counted; a row
// that no entry commits to is not.
func (v *verification) sealed() error {
	started := time.Now()
	if !v.whole {
		v.level(levelSealed, false, 0, started, "not checked: the entries are not whole")
		return nil
	}
	p := &rowPass{v: v}
	err := guard(p.walk)
	var damaged *damagedError
	if errors.As(err, &damaged) {
		err = nil
		p.fault(p.seq, "sealed rows beside it or the next entries do not read: a block of them is damaged")
	}
	if err != nil {
		return err
	}
	detail := p.wrong
	if detail == "" {
		detail = fmt.Sprintf("%d rows have the digest their entry holds, %d were erased", p.rows, p.erased)
	}
	v.level(levelSealed, p.wrong == "", p.rows, started, detail)
	return nil
}

type rowPass struct {
	v            *verification
	rows, erased int64
	wrong        string
	next         func() (store.Row, error, bool)
	row          store.Row
	more         bool
	seq          ledger.Seq // of the row
	place        int
}

func (p *rowPass) walk() error {
	db := p.v.f.db
	size := db.Head().Size
	next, stop := iter.Pull2(db.SealedRows(0, math.MaxUint64))
	defer stop()
	p.next = next
	if err := p.advance(); err != nil {
		return err
	}
	n := ledger.Seq(0)
	for record, err := range db.Records(0, size) {
		if err != nil {
			return failing(ExitUnreadable, err) // it was read a moment ago
		}
		e, err := ledger.ParseHeader(record)
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		if err := p.entry(n, e.Commitments); err != nil || p.wrong != "" {
			return err
		}
		n++
	}
	if p.more && p.wrong == "" {
		p.fault(p.seq, "a sealed row stands beyond the ledger's end")
	}
	return nil
}

// entry checks the rows of one entry.
func (p *rowPass) entry(n ledger.Seq, commitments []ledger.Commitment) error {
	seen := int64(0)
	for p.more && p.seq == n {
		if p.place >= len(commitments) {
			p.fault(n, "a sealed row stands beside it that it does not commit to")
			return nil
		}
		if sha256.Sum256(p.row.Value) != commitments[p.place].Digest {
			p.fault(n, "a sealed row beside it is not the one it commits to")
			return nil
		}
		seen++
		if err := p.advance(); err != nil || p.wrong != "" {
			return err
		}
	}
	p.rows += seen
	p.erased += int64(len(commitments)) - seen
	return nil
}

// advance reads the next row.
func (p *rowPass) advance() error {
	row, err, ok := p.next()
	if p.more = ok; !ok {
		return nil
	}
	if err != nil {
		if isDisk(err) {
			return failing(ExitUnreadable, err)
		}
		p.fault(p.seq, "sealed rows beside it or the next entries do not read: a block of them is damaged")
		return nil
	}
	if len(row.Key) != 10 {
		p.fault(p.seq, "a sealed row after it has a key of another length")
		return nil
	}
	p.row, p.seq, p.place = row, ledger.Seq(binary.BigEndian.Uint64(row.Key[1:])), int(row.Key[9])
	return nil
}

func (p *rowPass) fault(seq ledger.Seq, why string) {
	p.wrong = fmt.Sprintf("entry %d: %s", seq, why)
	p.v.bad(seq, why)
}
