package tools

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"custos/ledger"
	"custos/ledger/store"
)

// sealed checks level 2: every sealed row has the digest that its entry commits
// to. A row that is not there was erased, which is lawful and counted; a row
// that no entry commits to is not, and neither is one of links that were let go.
func (v *verification) sealed() error {
	started := time.Now()
	if !v.whole {
		v.level(levelSealed, false, 0, started, "not checked: the entries are not whole")
		return nil
	}
	p := &rowPass{v: v, unlinked: map[ledger.Seq]bool{}}
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
		if p.letGo > 0 {
			detail += fmt.Sprintf(", %d of these with links that were let go", p.letGo)
		}
	}
	v.level(levelSealed, p.wrong == "", p.rows, started, detail)
	return nil
}

type rowPass struct {
	v            *verification
	reader       ledger.HeaderReader
	rows, erased int64
	letGo        int64               // of those erased
	unlinked     map[ledger.Seq]bool // links whose row is not there, and of which no entry has said so yet
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
		e, err := p.reader.ReadUnhashed(record) // its hash was made a moment ago
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		if err := p.entry(n, e); err != nil || p.wrong != "" {
			return err
		}
		if e.Kind == ledger.KindLinksFollowed {
			if err := p.links(n, record); err != nil || p.wrong != "" {
				return err
			}
		}
		n++
	}
	if p.more && p.wrong == "" {
		p.fault(p.seq, "a sealed row stands beyond the ledger's end")
	}
	return nil
}

// entry checks the rows of one entry.
func (p *rowPass) entry(n ledger.Seq, e *ledger.Entry) error {
	commitments := e.Commitments
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
	if e.Kind == ledger.KindEnrolmentLinked && seen == 0 && len(commitments) > 0 {
		p.unlinked[n] = true
	}
	return nil
}

// links wants nothing left in the store of links that were let go: what was
// sealed of a child may not outlast the time that policy gives it.
func (p *rowPass) links(n ledger.Seq, record []byte) error {
	e, err := ledger.ParseEntry(record)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	ev := e.Event.(*ledger.LinksFollowed)
	if !ev.LetGo() {
		return nil
	}
	named := slices.Clone(ev.Links) // what was said twice is named twice
	slices.Sort(named)
	for _, link := range slices.Compact(named) {
		if !p.unlinked[link] {
			p.fault(n, fmt.Sprintf("it lets links go, and what entry %d sealed of them is there", link))
			return nil
		}
		delete(p.unlinked, link)
		p.letGo++
	}
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
