package api

import (
	"slices"
	"strconv"
	"strings"

	"custos/consensus"
	"custos/ledger"
)

// checkedAtOnce is how many rows of a dry run go into one command: they stand in
// one entry, which has to hold them.
const checkedAtOnce = uploadChunk / 2

// check is a dry run: it says what each row would do, and changes no plan.
func (u *upload) check() (*acknowledgement, error) {
	var last *consensus.Outcome
	var dry simulation
	check := func(rows []planRow) error {
		id := ledger.DeriveID("check", u.key[:], []byte(strconv.Itoa(rows[0].at+1)))
		d, err := u.s.draftAs(id, u.who, u.content)
		if err != nil {
			return err
		}
		d.command.Bulk = true
		q := &ledger.CheckRows{}
		if q.Rows, err = u.rows(nil, rows); err != nil {
			return err
		}
		if last, err = d.propose(u.ctx, q); err != nil {
			return err
		}
		if err := u.keepChecked(last, rows); err != nil {
			return err
		}
		if u.ask.snapshot {
			dry.add(q.Rows, func(i int) (string, string) { return u.results.at(rows[i].at) })
		}
		return nil
	}
	_, err := u.chunks(func(_ int, rows []planRow) error {
		for part := range slices.Chunk(rows, checkedAtOnce) {
			if err := check(part); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if last == nil {
		return nil, problem("body-empty")
	}
	a := &acknowledgement{rows: u, sequence: u.ask.sequence, sender: u.head.Sender, seq: last.Answer.Seq, at: last.Answer.At, receipt: last.Receipt(), dryRun: true}
	if u.ask.snapshot {
		a.snapshot, err = dry.count(u)
	}
	return a, err
}

func (u *upload) keepChecked(out *consensus.Outcome, rows []planRow) error {
	for _, b := range out.Answer.Records {
		e, err := ledger.ParseEntry(b)
		if err != nil {
			return err
		}
		checked, ok := e.Event.(*ledger.RowsChecked)
		if !ok {
			continue
		}
		for i, code := range checked.Codes {
			status, reason, _ := strings.Cut(code, "/")
			if status == "unmatched" {
				code = reason
			} else if rowMessage(code) != "" {
				status = "rejected"
			} else {
				code = ""
			}
			u.became(rows[i].n, status, code)
		}
	}
	return nil
}
