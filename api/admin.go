package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"custos/consensus"
	"custos/ledger"
)

// organisationBody is an organisation with its care-setting policy.
type organisationBody struct {
	Name          string `json:"name" strict:"required"`
	Sort          string `json:"sort" strict:"required"`
	Parent        string `json:"parent"`
	Setting       string `json:"setting"`
	Notify        *bool  `json:"notify"`
	History       *bool  `json:"history"`
	LiveFrom      string `json:"liveFrom"`
	OfficeHours   string `json:"officeHours"`
	EmergencyDuty string `json:"emergencyDuty"`
}

func (s *Server) putOrganisation(w http.ResponseWriter, r *http.Request, who *Identity) error {
	o := ledger.Organisation{Code: pathVar(r, "ods")}
	if !isCode(o.Code) {
		return problem("not-found")
	}
	var in organisationBody
	content, err := s.body(r, "organisations/"+o.Code, &in)
	if err != nil {
		return err
	}
	o.Name, o.Sort, o.Parent = in.Name, in.Sort, in.Parent
	switch in.Sort {
	case ledger.SortAuthority, ledger.SortTrust, ledger.SortPractice, ledger.SortSchool, ledger.SortArea, ledger.SortNational,
		ledger.SortRegion, ledger.SortService:
	default:
		return &Problem{Code: "field-value", Pointer: "/sort"}
	}
	switch in.Setting {
	case "":
	case "unscheduled":
		o.Setting = ledger.SettingUnscheduled
	case "scheduled":
		o.Setting = ledger.SettingScheduled
	default:
		return &Problem{Code: "field-value", Pointer: "/setting"}
	}
	o.Silent = in.Notify != nil && !*in.Notify
	o.Hidden = in.History != nil && !*in.History
	if in.LiveFrom != "" {
		if o.Live, err = parseDate(in.LiveFrom, "liveFrom"); err != nil {
			return err
		}
	}
	for _, n := range []string{in.OfficeHours, in.EmergencyDuty} {
		if n != "" && !telephone(n) {
			return &Problem{Code: "field-value", Pointer: "/officeHours"}
		}
	}
	if in.Name == "" || len(in.Name) > 200 {
		return &Problem{Code: "field-value", Pointer: "/name"}
	}
	if in.Parent != "" && !isCode(in.Parent) {
		return &Problem{Code: "field-value", Pointer: "/parent"}
	}
	o.Directory = ledger.Directory{OfficeHours: in.OfficeHours, EmergencyDuty: in.EmergencyDuty}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.RecordOrganisation{Organisation: o})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("ods", o.Code)
	j.finish(w, out, http.StatusOK)
	return nil
}

// getReceipt proves an entry. IG officers and auditors may have any; everybody
// else the receipts of what they did themselves. A receipt holds hashes only.
func (s *Server) getReceipt(w http.ResponseWriter, r *http.Request, who *Identity) error {
	seq, err := s.pathSeq(r, "seq")
	if err != nil {
		return err
	}
	role, _ := ledger.ParseRole(who.Role)
	if !ledger.May(role, ledger.ActReadReceipt) {
		own, err := s.ownEntry(seq, who)
		if err != nil {
			return err
		}
		if !own {
			return s.deny(r.Context(), who, ledger.ActReadReceipt)
		}
	}
	if seq >= s.node.View().R.Head().Size {
		return problem("not-found")
	}
	receipt, err := s.receipt(r.Context(), seq)
	if err != nil {
		return err
	}
	b := receipt.Format()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // who reads no more needs no error
	return nil
}

// receiptTimeout is how long a follower may take to hear of a checkpoint that
// covers an entry it already has: several exchanges with its peers.
const receiptTimeout = 2 * time.Second

// receipt proves an entry with the newest checkpoint, for which it waits a little.
func (s *Server) receipt(ctx context.Context, seq ledger.Seq) (ledger.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, receiptTimeout)
	defer cancel()
	for {
		r, err := s.node.Receipt(seq)
		if err == nil || !errors.Is(err, consensus.ErrNoLeader) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, problem("unavailable").with("No signed checkpoint covers this entry yet. Ask again in a moment.")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ownEntry reports whether an entry records something the caller did.
func (s *Server) ownEntry(seq ledger.Seq, who *Identity) (bool, error) {
	view := s.node.View()
	if seq >= view.R.Head().Size {
		return false, nil
	}
	row, err := view.TrailRow(seq)
	if err != nil {
		return false, err
	}
	return row.Issuer == who.Issuer && row.Subject == who.Subject, nil
}

func (s *Server) getEntry(w http.ResponseWriter, r *http.Request, _ *Identity) error {
	seq, err := s.pathSeq(r, "seq")
	if err != nil {
		return err
	}
	if seq >= s.node.View().R.Head().Size {
		return problem("not-found")
	}
	b, err := s.node.Record(seq)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // who reads no more needs no error
	return nil
}

func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request) {
	b := s.node.Published()
	if b == nil {
		writeProblem(w, r, problem("unavailable"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // who reads no more needs no error
}

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) { plain(w, "live\n") }

// readyz says whether a record can be committed now. Not being ready is not an
// error of this process: the directory and the checkpoint still answer.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.node.Status().ReadOnly != "" {
		writeProblem(w, r, problem("behind-witnesses"))
		return
	}
	if !s.node.Ready() || s.node.View().R.Head().Size == 0 { // a log that is not opened yet records nothing
		writeProblem(w, r, problem("unavailable"))
		return
	}
	plain(w, "ready\n")
}

func plain(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write([]byte(text)) // who reads no more needs no error
}

// statusBody is what /statusz says. It holds no child data.
type statusBody struct {
	Node    string     `json:"node"`
	State   string     `json:"state"`
	Leader  string     `json:"leader"` // its public URL; empty: none is known
	Name    string     `json:"leaderName"`
	Term    uint64     `json:"term"`
	Size    ledger.Seq `json:"size"`
	Root    string     `json:"root"`
	Applied uint64     `json:"applied"`
	Commit  uint64     `json:"commit"`
	Ready   bool       `json:"ready"`
	Clock   bool       `json:"clockOff,omitempty"`
	Doubted bool       `json:"doubted,omitempty"`
	// ReadOnly says why nothing is recorded until a person has looked.
	ReadOnly string       `json:"readOnly,omitempty"`
	Witness  *witnessBody `json:"witness,omitempty"`
	Peers    []peerStatus `json:"peers,omitempty"`

	Uploads uploadAlarms `json:"uploads"`
	Reviews reviewAlarms `json:"reviews"`
}

type peerStatus struct {
	Node    string     `json:"node"`
	URL     string     `json:"url"`
	Voter   bool       `json:"voter"`
	Applied uint64     `json:"applied"`
	Size    ledger.Seq `json:"size"`
	Seen    string     `json:"seen,omitempty"`
	ClockMs int64      `json:"clockMs"`
}

func status(s consensus.Status) statusBody {
	b := statusBody{Node: s.Node, State: s.State, Leader: s.LeaderURL, Name: s.Leader, Term: s.Term, Size: s.Size, Root: s.Root.String(),
		Applied: s.Applied, Commit: s.Commit, Ready: s.Ready, Clock: s.ClockOff, Doubted: s.Doubted,
		ReadOnly: s.ReadOnly, Witness: witnesses(s)}
	for _, p := range s.Peers {
		out := peerStatus{Node: p.Node, URL: p.URL, Voter: p.Voter, Applied: p.Applied, Size: p.Size, ClockMs: p.Clock.Milliseconds()}
		if !p.Seen.IsZero() {
			out.Seen = p.Seen.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		}
		b.Peers = append(b.Peers, out)
	}
	return b
}

// Admin is the handler of the admin listener: metrics, status and profiles.
func (s *Server) Admin() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /metrics", promhttp.HandlerFor(s.stats.registry, promhttp.HandlerOpts{}))
	m.HandleFunc("GET /statusz", func(w http.ResponseWriter, r *http.Request) {
		b := status(s.node.Status())
		var err error
		if b.Uploads, err = s.uploadAlarms(); err == nil {
			b.Reviews, err = s.reviewAlarms()
		}
		if err == nil {
			err = sendJSON(w, b)
		}
		if err != nil {
			writeProblem(w, r, err)
		}
	})
	m.HandleFunc("POST /rules", s.raiseRules)
	m.HandleFunc("GET /livez", s.livez)
	m.HandleFunc("GET /readyz", s.readyz)
	m.HandleFunc("GET /debug/pprof/", pprof.Index)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return m
}
