package ledger

import "fmt"

// MaxChunk is the greatest number of rows in one chunk of an upload.
const MaxChunk = 256

// maxPlans is how many plans one person may have, ended ones included. An
// access lists what it disclosed in one entry, which has an end.
const maxPlans = 128

// MaxCheck is the greatest number of rows of one dry run, whose rows stand in
// one entry.
const MaxCheck = 64

// OpenUpload asks to begin, or go on with, an authority's upload.
type OpenUpload struct {
	Upload   ID    `cbor:"1,keyasint"` // from authority, sequence and content: the same file is the same upload
	Sequence int64 `cbor:"2,keyasint"` // the authority's own incrementing number
	Content  Tag   `cbor:"3,keyasint"` // keyed digest of the file
	Format   uint8 `cbor:"4,keyasint"` // 1 CSV, 2 JSON, 3 XML

	// Snapshot declares that the file names every plan the authority has in
	// force. Of rules version 2.
	Snapshot bool `cbor:"5,keyasint,omitempty"`
}

// UploadOpened begins an upload.
type UploadOpened struct {
	Authority string `cbor:"1,keyasint"`
	Gap       bool   `cbor:"2,keyasint,omitempty"` // numbers between the last one and this were never seen
	Profile   Seq    `cbor:"3,keyasint,omitempty"`
}

// UploadResumed records that the same file came again.
type UploadResumed struct {
	Closed  bool `cbor:"1,keyasint,omitempty"`
	Profile Seq  `cbor:"2,keyasint,omitempty"`
}

// UploadRefused records a file that was not taken, and why.
type UploadRefused struct {
	Code    string `cbor:"1,keyasint"`
	Profile Seq    `cbor:"2,keyasint,omitempty"`
}

// UploadChunk asks to load some rows of an open upload.
type UploadChunk struct {
	Upload ID    `cbor:"1,keyasint"`
	No     int   `cbor:"2,keyasint"`
	Rows   []Row `cbor:"3,keyasint,omitempty"`
}

// CheckRows asks what loading rows would do, and changes no plan.
type CheckRows struct {
	Rows []Row `cbor:"1,keyasint"`
}

// CloseUpload asks to end an upload.
type CloseUpload struct {
	Upload ID  `cbor:"1,keyasint"`
	Rows   int `cbor:"2,keyasint"`
	Chunks int `cbor:"3,keyasint"`
}

// ReadAck asks to show an upload's acknowledgement again.
type ReadAck struct {
	Upload ID `cbor:"1,keyasint"`
}

// The changes.
const (
	PlanNew       Change = iota + 1
	PlanCorrected        // it replaces what the same authority said before
	PlanEnded            // it gives an open plan its end
)

// ChunkRecorded heads the entries of one chunk.
type ChunkRecorded struct {
	Rows    int `cbor:"1,keyasint"`
	Profile Seq `cbor:"2,keyasint,omitempty"`
}

// UploadClosed ends an upload; its acknowledgement can be built from now on.
type UploadClosed struct {
	Accepted int `cbor:"1,keyasint"`
	Rejected int `cbor:"2,keyasint"`
	Profile  Seq `cbor:"3,keyasint,omitempty"`

	// Of rules version 2.
	Snapshot bool `cbor:"4,keyasint,omitempty"`
	Ended    int  `cbor:"5,keyasint,omitempty"` // as many PlanLapsed follow

	Unmatched int `cbor:"6,keyasint,omitempty"` // accepted rows that stand on the worklist
}

// AckRead records that an acknowledgement was shown again.
type AckRead struct {
	Opened  Seq `cbor:"1,keyasint"` // the entry that opened the upload
	Profile Seq `cbor:"2,keyasint,omitempty"`
}

// RowsChecked records a dry run: what each row would have done.
type RowsChecked struct {
	Codes   []string `cbor:"1,keyasint"`
	Profile Seq      `cbor:"2,keyasint,omitempty"`
}

// Upload is an upload as the views hold it.
type Upload struct {
	ID        ID     `cbor:"1,keyasint"`
	Authority string `cbor:"2,keyasint"`
	Sequence  int64  `cbor:"3,keyasint"`
	Content   Tag    `cbor:"4,keyasint"`
	Opened    Seq    `cbor:"5,keyasint"`
	Closed    Seq    `cbor:"6,keyasint,omitempty"`
	Accepted  int    `cbor:"7,keyasint,omitempty"`
	Rejected  int    `cbor:"8,keyasint,omitempty"`
	Chunks    int    `cbor:"9,keyasint,omitempty"`
	At        Time   `cbor:"10,keyasint"`

	// Of rules version 2.
	Gap      bool      `cbor:"11,keyasint,omitempty"` // numbers before it were never seen
	Snapshot bool      `cbor:"12,keyasint,omitempty"`
	Hands    []ActorID `cbor:"13,keyasint,omitempty"` // who opened, filled or closed it
	Nameless int       `cbor:"14,keyasint,omitempty"` // rejected rows that name nobody
	Ended    int       `cbor:"15,keyasint,omitempty"` // plans that ended because a snapshot did not name them
	Held     Seq       `cbor:"16,keyasint,omitempty"` // the entry that holds its ends back
	HeldAt   Time      `cbor:"17,keyasint,omitempty"`
	Ends     int       `cbor:"18,keyasint,omitempty"` // how many
	Live     int       `cbor:"19,keyasint,omitempty"` // of how many in force
	Approved Seq       `cbor:"20,keyasint,omitempty"`

	Matched   int `cbor:"21,keyasint,omitempty"` // rows whose person the register knows
	Unmatched int `cbor:"22,keyasint,omitempty"` // rows that stand on the worklist
}

// Awaits reports whether a held snapshot can still be approved at a moment, by
// its own state; a later upload ends that too.
func (u *Upload) Awaits(now Time) bool {
	return u.Held != 0 && u.Approved == 0 && now-u.HeldAt <= heldFor
}

// ApproveBy is the last moment at which a held snapshot can be approved.
func (u *Upload) ApproveBy() Time { return u.HeldAt + heldFor }

// Span is a run of entries: those of one chunk.
type Span struct {
	First Seq `cbor:"1,keyasint"`
	Of    int `cbor:"2,keyasint"`
}

// LastUpload is the newest upload of an authority.
type LastUpload struct {
	Sequence int64 `cbor:"1,keyasint"`
	At       Time  `cbor:"2,keyasint"`
}

// Codes of rows that are not loaded. They are part of the interface.
const (
	RowEndBeforeStart = "end-before-start"
	RowStartInFuture  = "start-in-future"
	RowOver18         = "over-18"
	RowUnbornNeedsEnd = "unborn-needs-end"
	RowDeleteUnknown  = "delete-unknown"
	RowTooManyPlans   = "too-many-plans"

	// Of rules version 2.
	RowDeleteInFuture = "delete-in-future"
	RowEndedLongAgo   = "ended-365-days" // 28 for an unborn child's plan: it could never be shown
	RowTwice          = "twice-in-file"
	RowUnmatchable    = "unmatchable" // unmatched, without anything to know it by again
)

// Kind implements [Event].
func (UploadOpened) Kind() Kind { return KindUploadOpened }

func (UploadResumed) Kind() Kind { return KindUploadResumed }

func (UploadRefused) Kind() Kind { return KindUploadRefused }

func (ChunkRecorded) Kind() Kind { return KindChunkRecorded }

func (PlanRecorded) Kind() Kind { return KindPlanRecorded }

func (PlanUnchanged) Kind() Kind { return KindPlanUnchanged }

func (PlanDeleted) Kind() Kind { return KindPlanDeleted }

func (PlanRejected) Kind() Kind { return KindPlanRejected }

func (UploadClosed) Kind() Kind { return KindUploadClosed }

func (AckRead) Kind() Kind { return KindAckRead }

func (RowsChecked) Kind() Kind { return KindRowsChecked }

func (e *PlanRecorded) row() int { return e.Row.N }

func (e *PlanUnchanged) row() int { return e.Row.N }

func (e *PlanDeleted) row() int { return e.Row.N }

func (e *PlanRejected) row() int { return e.Row.N }

// Number implements [Request].
func (*OpenUpload) Number() RequestKind { return RequestOpenUpload }

func (*UploadChunk) Number() RequestKind { return RequestUploadChunk }

func (*CheckRows) Number() RequestKind { return RequestCheckRows }

func (*CloseUpload) Number() RequestKind { return RequestCloseUpload }

func (*ReadAck) Number() RequestKind { return RequestReadAck }

// Discloses implements [Request].
func (*OpenUpload) Discloses() bool { return false }

func (*UploadChunk) Discloses() bool { return false }

func (*CheckRows) Discloses() bool { return false }

func (*CloseUpload) Discloses() bool { return false }

func (*ReadAck) Discloses() bool { return true }

func (*OpenUpload) action() Action { return ActUpload }

func (*UploadChunk) action() Action { return ActUpload }

func (*CheckRows) action() Action { return ActUpload }

func (*CloseUpload) action() Action { return ActUpload }

func (*ReadAck) action() Action { return ActReadUpload }

func (q *OpenUpload) decide(d *decider) error {
	if q.Snapshot && !d.under(2) {
		return nil
	}
	own := d.c.Actor.Organisation
	o, ok, err := d.Organisation(own)
	if err != nil {
		return err
	}
	if !ok || o.Sort != SortAuthority {
		d.deny(RefusedOrganisation, 0)
		return nil
	}
	id, seen, err := d.UploadAt(own, q.Sequence)
	if err != nil {
		return err
	}
	if seen {
		if id != q.Upload {
			d.refuseUpload(RefusedSequenceContent)
			return nil
		}
		u, _, err := d.Upload(id)
		if err != nil {
			return err
		}
		if over, err := d.overtaken(&u); err != nil {
			return err
		} else if over {
			d.refuseUpload(RefusedSequenceLower)
			return nil
		}
		d.record(&UploadResumed{Closed: u.Closed != 0, Profile: d.profile}, PersonRef{})
		return nil
	}
	last, err := d.LastUpload(own)
	if err != nil {
		return err
	}
	if q.Sequence <= last.Sequence {
		d.refuseUpload(RefusedSequenceLower)
		return nil
	}
	d.record(&UploadOpened{Authority: own, Gap: last.Sequence > 0 && q.Sequence > last.Sequence+1, Profile: d.profile}, PersonRef{}, d.sealed(PayloadRow)...)
	return nil
}

// overtaken reports whether an upload was left unfinished and a later one of the
// same authority has begun: what is left of the older file must not undo the
// newer one. Version 1 let it.
func (d *decider) overtaken(u *Upload) (bool, error) {
	if !d.two() || u.Closed != 0 {
		return false, nil
	}
	last, err := d.LastUpload(u.Authority)
	return last.Sequence > u.Sequence, err
}

func (d *decider) refuseUpload(code string) {
	d.record(&UploadRefused{Code: code, Profile: d.profile}, PersonRef{})
	d.out.Refusal = &Refusal{Code: code, Recorded: true}
}

func (q *UploadChunk) decide(d *decider) error {
	u, ok, err := d.Upload(q.Upload)
	if err != nil {
		return err
	}
	if !ok || u.Closed != 0 || u.Authority != d.c.Actor.Organisation || len(q.Rows) > MaxChunk || !numbered(q.Rows) {
		d.refuse(RefusedUploadState)
		return nil
	}
	if over, err := d.overtaken(&u); err != nil {
		return err
	} else if over {
		d.refuse(RefusedOvertaken)
		return nil
	}
	d.record(&ChunkRecorded{Rows: len(q.Rows), Profile: d.profile}, PersonRef{})
	d.plans = make(map[PersonRef][]Plan, len(q.Rows))
	if d.two() {
		return d.loadRows(q.Rows, &u)
	}
	for i := range q.Rows {
		e, err := d.decideRow(&q.Rows[i], u.Authority, q.Upload)
		if err != nil {
			return err
		}
		seq := d.record(e, q.Rows[i].Person, d.row(q.Rows[i].N)...)
		switch e := e.(type) {
		case *PlanRecorded:
			d.plans[e.Row.Person] = RecordPlan(d.plans[e.Row.Person], e, u.Authority, seq, d.now)
		case *PlanDeleted:
			d.plans[e.Row.Person] = DeletePlan(d.plans[e.Row.Person], e.Of)
		}
	}
	return nil
}

// numbered reports whether rows are numbered upwards from 1 or more: a sealed
// payload finds its row by the number, so no two may share one.
func numbered(rows []Row) bool {
	last := 0
	for i := range rows {
		if rows[i].N <= last {
			return false
		}
		last = rows[i].N
	}
	return true
}

func (q *CheckRows) decide(d *decider) error {
	if len(q.Rows) > MaxCheck {
		d.refuse(RefusedUploadState)
		return nil
	}
	d.plans = make(map[PersonRef][]Plan)
	if d.two() {
		return d.checkRows(q.Rows)
	}
	codes := make([]string, len(q.Rows))
	for i := range q.Rows {
		e, err := d.decideRow(&q.Rows[i], d.c.Actor.Organisation, ID{})
		if err != nil {
			return err
		}
		codes[i], _ = RowStatus(e)
		if r, ok := e.(*PlanRejected); ok {
			codes[i] = r.Code
		}
	}
	d.record(&RowsChecked{Codes: codes, Profile: d.profile}, PersonRef{})
	return nil
}

func (q *UploadChunk) withoutRows() Request { return &UploadChunk{Upload: q.Upload, No: q.No} }

func (q *UploadChunk) withRows(group []Entry) (Request, error) {
	out := &UploadChunk{Upload: q.Upload, No: q.No}
	rows := -1
	for i := range group {
		switch e := group[i].Event.(type) {
		case *ChunkRecorded:
			rows = e.Rows
		case *PlanRecorded:
			out.Rows = append(out.Rows, e.Row)
		case *PlanUnchanged:
			out.Rows = append(out.Rows, e.Row)
		case *PlanDeleted:
			out.Rows = append(out.Rows, e.Row)
		case *PlanRejected:
			out.Rows = append(out.Rows, e.Row)
		case *PlanUnmatched:
			out.Rows = append(out.Rows, e.Row)
		}
	}
	if rows >= 0 && rows != len(out.Rows) {
		return nil, fmt.Errorf("%w: a chunk of %d rows has %d", ErrGroup, rows, len(out.Rows))
	}
	return out, nil
}

func (q *CloseUpload) decide(d *decider) error {
	u, ok, err := d.Upload(q.Upload)
	if err != nil {
		return err
	}
	switch {
	case !ok, u.Authority != d.c.Actor.Organisation, u.Closed != 0, u.Chunks != q.Chunks:
		d.refuse(RefusedUploadState)
		return nil
	case u.Accepted+u.Rejected != q.Rows:
		d.refuse(RefusedUploadState)
		return nil
	}
	if over, err := d.overtaken(&u); err != nil {
		return err
	} else if over {
		d.refuse(RefusedOvertaken)
		return nil
	}
	if u.Snapshot {
		return d.closeSnapshot(&u)
	}
	d.record(&UploadClosed{Accepted: u.Accepted, Rejected: u.Rejected, Profile: d.profile, Unmatched: u.Unmatched}, PersonRef{})
	return nil
}

func (q *ReadAck) decide(d *decider) error {
	u, ok, err := d.Upload(q.Upload)
	if err != nil {
		return err
	}
	switch {
	case !ok, u.Closed == 0:
		d.refuse(RefusedNotFound)
	case u.Authority != d.c.Actor.Organisation:
		d.deny(RefusedOtherAuthority, 0)
	default:
		d.record(&AckRead{Opened: u.Opened, Profile: d.profile}, PersonRef{})
	}
	return nil
}
