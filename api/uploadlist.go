package api

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// uploadsListed is how many uploads one answer holds at most: the newest.
const uploadsListed = 100

type uploadItem struct {
	ID       string `json:"uploadId"`
	Sequence int64  `json:"sequence"`
	At       string `json:"at"`
	State    string `json:"state"` // closed, open, or overtaken: left unfinished, and a later file has come
	Accepted int    `json:"accepted"`
	Rejected int    `json:"rejected"`
	Gap      bool   `json:"gap,omitempty"` // numbers before it never came

	Snapshot *snapshotState `json:"snapshot,omitempty"`
}

type uploadsOfAuthority struct {
	Authority named        `json:"authority"`
	Last      int64        `json:"lastSequence,omitempty"`
	At        string       `json:"lastAt,omitempty"`
	Stale     bool         `json:"stale"` // nothing for 26 hours, or nothing ever
	Gaps      int          `json:"gaps"`  // among the uploads listed
	Uploads   []uploadItem `json:"uploads,omitempty"`
}

// getUploads lists uploads: an authority its own, the operator the state of
// every authority. Numbers and counts name nobody, so it is no disclosure.
func (s *Server) getUploads(w http.ResponseWriter, _ *http.Request, who *Identity) error {
	view := s.node.View()
	all, operator, err := authoritiesOf(view, who)
	if err != nil {
		return err
	}
	out := []uploadsOfAuthority{}
	for i := range all {
		one, err := s.uploadsOf(view, &all[i])
		if err != nil {
			return err
		}
		if operator {
			one.Uploads = nil
		}
		out = append(out, one)
	}
	return sendJSON(w, struct {
		Authorities []uploadsOfAuthority `json:"authorities"`
		StaleAfter  int                  `json:"staleAfterHours"`
		AsOf        ledger.Seq           `json:"asOf"`
	}{out, int(staleAfter / ledger.Hour), view.R.Head().Size})
}

// authoritiesOf are those whose state a caller may list: an authority itself,
// the operator all of them.
func authoritiesOf(view projection.View, who *Identity) (of []ledger.Organisation, operator bool, err error) {
	role, _ := ledger.ParseRole(who.Role)
	operator = role == ledger.RoleOperator
	of, err = view.Organisations()
	return slices.DeleteFunc(of, func(o ledger.Organisation) bool {
		return o.Sort != ledger.SortAuthority || (!operator && o.Code != who.Organisation)
	}), operator, err
}

func (s *Server) uploadsOf(view projection.View, o *ledger.Organisation) (uploadsOfAuthority, error) {
	out := uploadsOfAuthority{Authority: named{o.Code, o.Name}, Stale: true}
	list, err := view.Uploads(o.Code, uploadsListed)
	if err != nil {
		return out, err
	}
	for i := range list {
		u := &list[i]
		item := uploadItem{ID: u.ID.String(), Sequence: u.Sequence, At: u.At.String(), State: "closed",
			Accepted: u.Accepted, Rejected: u.Rejected, Gap: u.Gap}
		switch {
		case u.Closed != 0:
		case i == 0:
			item.State = "open"
		default:
			item.State = "overtaken"
		}
		if u.Gap {
			out.Gaps++
		}
		item.Snapshot = s.snapshotState(u, i == 0)
		out.Uploads = append(out.Uploads, item)
	}
	if len(list) > 0 {
		out.Last, out.At = list[0].Sequence, list[0].At.String()
		out.Stale = s.moment()-list[0].At > staleAfter
	}
	return out, nil
}

// moment is now for what is computed and not recorded: this machine's clock,
// but never earlier than the ledger's.
func (s *Server) moment() ledger.Time {
	return max(ledger.Of(s.cfg.Now()), s.node.View().R.Head().Time)
}

// uploadAlarms is what the operator is shown: codes of authorities, which are public.
type uploadAlarms struct {
	Stale []string `json:"stale"` // uploaded once, and nothing for 26 hours
	Gaps  []string `json:"gaps"`  // their newest upload came after numbers that never did
	Open  []string `json:"open"`  // their newest upload is not finished

	Unmatched []string `json:"unmatched"` // plans in force of theirs have matched nobody for a day
}

func (s *Server) uploadAlarms() (uploadAlarms, error) {
	out := uploadAlarms{Stale: []string{}, Gaps: []string{}, Open: []string{}, Unmatched: []string{}}
	view := s.node.View()
	all, err := view.Organisations()
	if err != nil {
		return out, err
	}
	now := s.moment()
	for i := range all {
		if all[i].Sort != ledger.SortAuthority {
			continue
		}
		newest, err := view.Uploads(all[i].Code, 1)
		if err != nil {
			return out, err
		}
		if _, _, raised, err := s.worklistOf(view, all[i].Code); err != nil {
			return out, err
		} else if raised > 0 {
			out.Unmatched = append(out.Unmatched, all[i].Code)
		}
		for _, u := range newest {
			if now-u.At > staleAfter {
				out.Stale = append(out.Stale, u.Authority)
			}
			if u.Gap {
				out.Gaps = append(out.Gaps, u.Authority)
			}
			if u.Closed == 0 {
				out.Open = append(out.Open, u.Authority)
			}
		}
	}
	return out, nil
}

// watchUploads makes the gauge of authorities whose feed has stopped. It is
// computed when it is asked for: no timer writes it, so none can fail to.
func (s *Server) watchUploads() {
	s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "custos_stale_authorities", Help: "Authorities that have uploaded and sent nothing for 26 hours; -1 if it cannot be told."},
		func() float64 {
			_, stale, err := coverage(s.node.View(), s.moment())
			if err != nil {
				return -1
			}
			return float64(len(stale))
		}))
}

// noticeGap raises the alarm of a file that came after numbers that never did,
// once: when it opens, not when it comes again.
func (u *upload) noticeGap(out *consensus.Outcome) {
	if up := out.Answer.Upload; up.Gap && up.Opened == out.Answer.Seq {
		u.s.stats.gaps.Inc()
		u.s.cfg.Logger.Warn("an upload came after numbers that never did", "authority", up.Authority, "sequence", up.Sequence)
	}
}
