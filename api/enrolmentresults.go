package api

import (
	"io"

	"custos/ledger"
)

// enrolmentResults is what became of a file of enrolments: a byte for each row,
// so that a year's file of a large school system costs next to nothing.
type enrolmentResults struct {
	rows     results
	recorded int
	last     ledger.Seq // of the last command, with its receipt
	receipt  ledger.Receipt
}

// add notes what became of the rows of one command, in their order.
func (b *enrolmentResults) add(records [][]byte) error {
	for _, r := range records {
		e, err := ledger.ParseEntry(r)
		if err != nil {
			return err
		}
		switch ev := e.Event.(type) {
		case *ledger.Enrolled, *ledger.EnrolmentTakenBack:
			b.became("recorded", "")
		case *ledger.EnrolmentEnded:
			if !ev.Moved { // what ended for a move has no row of its own
				b.became("recorded", "")
			}
		case *ledger.EnrolmentNotKept:
			b.became("not-kept", "not-kept")
		case *ledger.EnrolmentLinked:
			b.became("linked", "linked")
		case *ledger.EnrolmentRejected:
			b.became("rejected", ev.Code)
		}
	}
	return nil
}

func (b *enrolmentResults) became(status, code string) {
	b.rows.add(status, code)
	if status == "recorded" {
		b.recorded++
	}
}

func (b *enrolmentResults) writeJSON(w io.Writer) error {
	j := newJSONWriter()
	defer j.free()
	j.open('{')
	j.key("recorded")
	j.number(int64(b.recorded))
	j.key("results")
	j.open('[')
	for i := range b.rows.len() {
		status, code := b.rows.at(i)
		j.open('{')
		j.key("row")
		j.number(int64(i + 1))
		j.field("status", status)
		j.optional("code", code)
		j.optional("message", enrolmentMessages[code])
		j.close('}')
		if err := j.flush(w); err != nil {
			return err
		}
	}
	j.close(']')
	j.key("seq")
	j.number(int64(b.last))
	j.key("receipt")
	j.receipt(b.receipt)
	j.close('}')
	_, err := w.Write(j.b)
	return err
}
