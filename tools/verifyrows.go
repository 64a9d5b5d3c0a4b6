package tools

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"custos/ledger"
	"custos/ledger/store"
)

// sealed says what level 2 found: every sealed row has the digest that its entry
// commits to. A row that is not there was erased, which is lawful and counted; a
// row that no entry commits to is not, and neither is one of links that were let go.
func (v *verification) sealed(p *rowPass, started time.Time) error {
	switch {
	case !v.whole:
		v.level(levelSealed, false, 0, started, "not checked: the entries are not whole")
		return nil
	case p.err != nil:
		return failing(ExitUnreadable, p.err)
	case p.why != "":
		v.bad(p.at, p.why)
		v.level(levelSealed, false, p.rows, started, fmt.Sprintf("entry %d: %s", p.at, p.why))
		return nil
	}
	detail := fmt.Sprintf("%d rows have the digest their entry holds, %d were erased", p.rows, p.erased)
	if p.letGo > 0 {
		detail += fmt.Sprintf(", %d of these with links that were let go", p.letGo)
	}
	v.level(levelSealed, true, p.rows, started, detail)
	return nil
}

// rowPass walks the sealed rows beside the records. What it finds counts only once
// the records themselves have been found whole.
type rowPass struct {
	db           *store.DB
	records      *recordReader
	headers      ledger.HeaderReader
	entry        *ledger.Entry // the one whose rows are looked at; nil: not begun
	n            ledger.Seq    // its number
	seen         int           // of its rows
	ended        bool          // there is no further entry
	row          ledger.Seq    // whose the last row is that was read
	rows, erased int64
	letGo        int64               // of those erased
	unlinked     map[ledger.Seq]bool // links whose row is not there, and of which no entry has said so yet

	at  ledger.Seq // the entry at fault
	why string     // empty: none is
	err error      // of the disk
}

func newRowPass(db *store.DB) *rowPass { return &rowPass{db: db, unlinked: map[ledger.Seq]bool{}} }

const rowsDamaged = "sealed rows beside it or the next entries do not read: a block of them is damaged"

func (p *rowPass) read(from *recordReader) {
	p.records = from
	err := guard(p.walk)
	var damaged *damagedError
	if errors.As(err, &damaged) {
		p.fault(p.row, rowsDamaged)
	} else if err != nil {
		p.err = err
	}
}

// walk reads row after row, and the entries up to it. It ends at the first fault.
func (p *rowPass) walk() error {
	for row, err := range p.db.SealedRows(0, math.MaxUint64) {
		switch {
		case err != nil && isDisk(err):
			return err
		case err != nil:
			p.fault(p.row, rowsDamaged)
			return nil
		case len(row.Key) != 10:
			p.fault(p.row, "a sealed row after it has a key of another length")
			return nil
		}
		p.row = ledger.Seq(binary.BigEndian.Uint64(row.Key[1:]))
		for !p.ended && (p.entry == nil || p.n < p.row) {
			if err := p.next(); err != nil || p.why != "" {
				return err
			}
		}
		if p.ended {
			p.fault(p.row, "a sealed row stands beyond the ledger's end")
			return nil
		}
		if p.compare(int(row.Key[9]), row.Value); p.why != "" {
			return nil
		}
	}
	for !p.ended {
		if err := p.next(); err != nil || p.why != "" {
			return err
		}
	}
	return nil
}

// compare holds a row against its entry.
func (p *rowPass) compare(place int, value []byte) {
	switch commitments := p.entry.Commitments; {
	case place >= len(commitments):
		p.fault(p.row, "a sealed row stands beside it that it does not commit to")
	case sha256.Sum256(value) != commitments[place].Digest:
		p.fault(p.row, "a sealed row beside it is not the one it commits to")
	default:
		p.seen++
		p.rows++
	}
}

// next counts what is gone of the entry's rows, and goes on to the next entry.
func (p *rowPass) next() error {
	if e := p.entry; e != nil {
		p.erased += int64(len(e.Commitments) - p.seen)
		if e.Kind == ledger.KindEnrolmentLinked && p.seen == 0 && len(e.Commitments) > 0 {
			p.unlinked[p.n] = true
		}
		p.n, p.seen = p.n+1, 0
	}
	record, ok := p.records.next()
	if p.ended = !ok; !ok {
		return nil
	}
	var err error
	if p.entry, err = p.headers.ReadUnhashed(record); err != nil { // its hash is made elsewhere
		return err
	}
	if p.entry.Kind == ledger.KindLinksFollowed {
		return p.links(record)
	}
	return nil
}

// links wants nothing left in the store of links that were let go: what was
// sealed of a child may not outlast the time that policy gives it.
func (p *rowPass) links(record []byte) error {
	e, err := ledger.ParseEntry(record)
	if err != nil {
		return err
	}
	ev := e.Event.(*ledger.LinksFollowed)
	if !ev.LetGo() {
		return nil
	}
	named := slices.Clone(ev.Links) // what was said twice is named twice
	slices.Sort(named)
	for _, link := range slices.Compact(named) {
		if !p.unlinked[link] {
			p.fault(p.n, fmt.Sprintf("it lets links go, and what entry %d sealed of them is there", link))
			return nil
		}
		delete(p.unlinked, link)
		p.letGo++
	}
	return nil
}

func (p *rowPass) fault(seq ledger.Seq, why string) { p.at, p.why = seq, why }
