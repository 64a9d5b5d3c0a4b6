package projection

import (
	"errors"
	"fmt"
	"iter"

	"custos/ledger"
	"custos/ledger/store"
)

// What the other answers hold: caseloads, opened notifications, uploads.

func (a *Assembler) caseload(v View, out *Answer, entries []ledger.Entry) error {
	if err := v.fetchDetails(entries); err != nil {
		return err
	}
	for i := range entries {
		ev, ok := entries[i].Event.(*ledger.SubjectAccessed)
		if !ok {
			continue
		}
		plans, err := a.plans(v, entries[i].Person.Ref, ev.Disclosed)
		if err != nil {
			return err
		}
		out.People = append(out.People, Subject{Person: entries[i].Person.Ref, Change: ev.Change, Plans: plans})
	}
	return nil
}

func (a *Assembler) notification(v View, out *Answer, ev *ledger.NotificationOpened, reader ledger.Role) error {
	n, ok, err := v.Notification(ev.Notification)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("notification %d is opened and missing", ev.Notification)
	}
	out.Notification = &n
	if out.Plans, err = a.plans(v, n.Person, n.Plans); err != nil {
		return err
	}
	restricted, err := v.Restricted(n.Person)
	if err != nil {
		return err
	}
	for i := range out.Plans {
		restricted = restricted || out.Plans[i].Plan.Restricted
	}
	own := n.Type == ledger.NotifyUnread || n.Type == ledger.NotifyPolicy // told to the place itself, of its own lookup or of nobody
	if !own && ledger.Hide(restricted, reader).Whereabouts {
		out.Visit = &Visit{Seq: n.Of, At: n.Queued}
		return nil
	}
	e, first, err := entryWithFirst(v.R, n.Of)
	if err != nil {
		return err
	}
	visit := &Visit{Seq: e.Seq, At: e.Time, Role: first.Actor.Role, Organisation: first.Actor.Organisation}
	switch was := e.Event.(type) {
	case *ledger.Accessed:
		visit.Profile = was.Profile
		if _, visit.InError, err = v.number(correctedKey(n.Of)); err != nil {
			return err
		}
	case *ledger.AccessCorrected:
		visit.Profile, visit.InError = was.Profile, true
	case *ledger.AppointmentMissed:
		visit.Profile = was.Profile
	case *ledger.BirthRecorded:
		visit.Profile = was.Profile
	case *ledger.PregnancyEnded:
		visit.Profile = was.Profile
	}
	out.Visit = visit
	if err := a.profile(v.R, out, visit.Profile); err != nil {
		return err
	}
	for i, c := range e.Commitments {
		if c.Holder != ledger.HolderPerson {
			continue
		}
		s, err := a.shown(v.R, e.Seq, i, c.Payload, c.Holder, n.Person[:], e.Command, c.Key)
		if err != nil {
			return err
		}
		s.Row = e.Row()
		out.Details = append(out.Details, s)
	}
	return nil
}

func (a *Assembler) upload(v View, out *Answer, first *ledger.Entry) error {
	var id ledger.ID
	switch q := first.Request.(type) {
	case *ledger.OpenUpload:
		id = q.Upload
	case *ledger.CloseUpload:
		id = q.Upload
	case *ledger.ReadAck:
		id = q.Upload
	case *ledger.ApproveSnapshot:
		id = q.Upload
	}
	u, ok, err := v.Upload(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("entry %d: its upload is missing", first.Seq)
	}
	out.Upload = &u
	return nil
}

// acknowledgement reads of which upload the acknowledgement is shown again. Its
// rows are as many as the file had: [View.AckRows] reads them when the answer is
// written, or they would all be in memory, and deciding would wait for it.
func (a *Assembler) acknowledgement(v View, out *Answer, first *ledger.Entry) error {
	if err := a.upload(v, out, first); err != nil {
		return err
	}
	opened, err := store.Entry(v.R, out.Upload.Opened)
	if err != nil || len(opened.Commitments) == 0 {
		return err
	}
	head, err := a.row(v, &opened, out.Upload.Authority)
	out.Details = append(out.Details, head.Details)
	return err
}

// AckRows walks the rows of an upload with their sealed details, in which the
// authority finds its own local ids: the rest of an answer that showed its
// acknowledgement again. What entry the answer cites decides which rows these
// are, and it must have come to this node's own copy.
func (v View) AckRows(of *Answer) iter.Seq2[RowShown, error] {
	return func(yield func(RowShown, error) bool) {
		if err := v.ackRows(of, yield); err != nil {
			yield(RowShown{}, err)
		}
	}
}

var errAck = errors.New("the answer shows no acknowledgement")

func (v View) ackRows(of *Answer, yield func(RowShown, error) bool) error {
	e, err := store.Entry(v.R, of.Seq)
	if err != nil {
		return err
	}
	read, ok := e.Event.(*ledger.AckRead)
	if !ok || of.Upload == nil || of.Refusal != nil || read.Opened != of.Upload.Opened {
		return errAck
	}
	spans, err := v.UploadSpans(of.Upload.ID)
	if err != nil {
		return err
	}
	a, n := NewAssembler(), 0
	for _, s := range spans {
		entries, err := group(v.R, s.First, s.Of)
		if err != nil {
			return err
		}
		for i := range entries {
			e := &entries[i]
			if status, _ := ledger.RowStatus(e.Event); status == "" {
				continue // the chunk's head, or its actor's profile
			}
			row, err := a.row(v, e, of.Upload.Authority)
			if err != nil {
				return err
			}
			if n++; !yield(row, nil) {
				return nil
			}
		}
	}
	if n != of.Upload.Accepted+of.Upload.Rejected {
		return fmt.Errorf("entry %d: the upload has %d rows, and %d were found", of.Seq, of.Upload.Accepted+of.Upload.Rejected, n)
	}
	return nil
}

// row reads one row of an upload with its sealed details.
func (a *Assembler) row(v View, e *ledger.Entry, authority string) (RowShown, error) {
	row := RowShown{Record: e.Record()}
	if len(e.Commitments) == 0 {
		return row, nil
	}
	c := e.Commitments[0]
	holder := []byte(authority)
	if c.Holder == ledger.HolderPerson && e.Person != nil {
		holder = e.Person.Ref[:]
	}
	var err error
	row.Details, err = a.shown(v.R, e.Seq, 0, c.Payload, c.Holder, holder, e.Command, c.Key)
	return row, err
}

// holdings reads a page of what an authority holds: people with its plans, or rows.
func (a *Assembler) holdings(v View, out *Answer, ev *ledger.HoldingsRead, entries []ledger.Entry) error {
	out.Holdings = ev
	if ev.Part == ledger.HoldingsPlans {
		return a.caseload(v, out, entries)
	}
	for _, n := range ev.Rows {
		e, err := store.Entry(v.R, n)
		if err != nil {
			return err
		}
		row, err := a.row(v, &e, ev.Authority)
		if err != nil {
			return err
		}
		out.Rows = append(out.Rows, row)
	}
	return nil
}
