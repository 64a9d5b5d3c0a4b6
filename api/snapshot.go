package api

import (
	"fmt"
	"net/http"

	"custos/ledger"
)

// snapshotResult is what a full snapshot ended, or would end. It is of the
// moment the file was closed: an approval afterwards does not change an
// acknowledgement.
type snapshotResult struct {
	held       bool // it waits for a second person
	ends, live int
	approveBy  ledger.Time // zero in a dry run
	dryRun     bool
}

func snapshotOf(u *ledger.Upload) *snapshotResult {
	switch {
	case !u.Snapshot:
		return nil
	case u.Held != 0:
		return &snapshotResult{held: true, ends: u.Ends, live: u.Live, approveBy: u.ApproveBy()}
	}
	return &snapshotResult{ends: u.Ended}
}

func (s *snapshotResult) writeJSON(j *jsonWriter) {
	if s == nil {
		return
	}
	j.key("snapshot")
	j.open('{')
	switch {
	case !s.held && !s.dryRun:
		j.key("ended")
		j.number(int64(s.ends))
	default:
		j.key("held")
		j.boolean(s.held)
		j.key("wouldEnd")
		j.number(int64(s.ends))
		j.key("inForce")
		j.number(int64(s.live))
		if s.approveBy != 0 {
			j.key("approveBy")
			j.time(s.approveBy)
		}
	}
	j.close('}')
}

// header says the same beside a CSV acknowledgement.
func (s *snapshotResult) header() string {
	if !s.held && !s.dryRun {
		return fmt.Sprintf("ended=%d", s.ends)
	}
	h := fmt.Sprintf("held=%t; would-end=%d; in-force=%d", s.held, s.ends, s.live)
	if s.approveBy != 0 {
		h += "; approve-by=" + s.approveBy.Std().Format("2006-01-02T15:04:05Z")
	}
	return h
}

// simulation counts what a dry run of a snapshot would end, on this node's own
// copy: a number, with nobody in it.
type simulation struct {
	rows     map[ledger.PersonRef][]ledger.Row
	nameless int
}

// add takes the rows of one command, with what each would do.
func (s *simulation) add(rows []ledger.Row, became func(i int) (status, code string)) {
	if s.rows == nil {
		s.rows = make(map[ledger.PersonRef][]ledger.Row)
	}
	for i := range rows {
		if rows[i].Person.IsZero() {
			s.nameless++ // nothing else than a rejected row names nobody
			continue
		}
		r := rows[i]
		if status, code := became(i); status == "rejected" {
			r.Fault = code
		}
		s.rows[r.Person] = append(s.rows[r.Person], r)
	}
}

func (s *simulation) count(u *upload) (*snapshotResult, error) {
	view := u.s.node.View()
	head := view.R.Head()
	as := &ledger.Upload{Authority: u.who.Organisation, Opened: head.Size, At: head.Time}
	people, err := view.Holders(as.Authority)
	if err != nil {
		return nil, err
	}
	rows := make(map[ledger.PersonRef][]ledger.Row, len(s.rows))
	for p := range s.rows {
		end, err := view.Follow(p)
		if err != nil {
			return nil, err
		}
		rows[end] = append(rows[end], s.rows[p]...)
		people = append(people, end)
	}
	out := &snapshotResult{dryRun: true}
	seen := make(map[ledger.PersonRef]bool, len(people))
	for _, p := range people {
		if seen[p] {
			continue
		}
		seen[p] = true
		plans, err := view.Plans(p)
		if err != nil {
			return nil, err
		}
		plans = as.Simulate(plans, rows[p])
		for i := range plans {
			if plans[i].Authority == as.Authority && plans[i].Active(head.Time.Day()) {
				out.live++
			}
			if as.Absent(&plans[i], head.Time.Day()) {
				out.ends++
			}
		}
	}
	out.held = ledger.Waits(out.ends, out.live, s.nameless)
	return out, nil
}

// snapshotState is how a snapshot stands in a list of uploads.
type snapshotState struct {
	State     string `json:"state"` // done, held, approved, expired or overtaken
	Ended     int    `json:"ended"`
	WouldEnd  int    `json:"wouldEnd,omitempty"`
	InForce   int    `json:"inForce,omitempty"`
	ApproveBy string `json:"approveBy,omitempty"`
}

func (s *Server) snapshotState(u *ledger.Upload, newest bool) *snapshotState {
	if !u.Snapshot || u.Closed == 0 {
		return nil
	}
	out := &snapshotState{State: "done", Ended: u.Ended}
	if u.Held == 0 {
		return out
	}
	out.WouldEnd, out.InForce, out.ApproveBy = u.Ends, u.Live, u.ApproveBy().String()
	switch {
	case u.Approved != 0:
		out.State = "approved"
	case !newest:
		out.State = "overtaken"
	case !u.Awaits(s.moment()):
		out.State = "expired"
	default:
		out.State = "held"
	}
	return out
}

type approvalBody struct {
	Reason string `json:"reason" strict:"required"`
}

// postApproval lets a held snapshot's ends happen, by somebody who had no hand in it.
func (s *Server) postApproval(w http.ResponseWriter, r *http.Request, who *Identity) error {
	id, err := ledger.ParseID(pathVar(r, "id"))
	if err != nil {
		return problem("not-found")
	}
	var in approvalBody
	content, err := s.body(r, "uploads/"+id.String()+"/approvals", &in)
	if err != nil {
		return err
	}
	if err := s.needsTwo(); err != nil {
		return err
	}
	out, err := s.reasoned(w, r, who, content, in.Reason, &ledger.ApproveSnapshot{Upload: id})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("uploadId", id.String())
	j.key("ended")
	j.number(int64(out.Answer.Upload.Ended))
	j.finish(w, out, http.StatusCreated)
	return nil
}
