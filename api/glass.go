package api

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// postEmergency looks a person up in an emergency, also where the policy would
// deny it: with a reason, after a strong sign-in, and reviewed by somebody else.
func (s *Server) postEmergency(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in lookupBody
	content, err := s.body(r, "emergency-lookups", &in)
	if err != nil {
		return err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return &Problem{Code: ledger.RefusedReasonMissing, Pointer: "/reason"}
	}
	l, err := s.readLookup(&in, who)
	if err != nil {
		return err
	}
	l.emergency = true
	out, err := s.lookUp(w, r, who, content, l)
	if err != nil {
		return err
	}
	s.noticeGlass(out)
	return s.writeLookup(w, out)
}

// noticeGlass raises the alarm of an emergency access, once: its reference, and
// nobody's name. The list of reviews has it whatever becomes of this line.
func (s *Server) noticeGlass(out *consensus.Outcome) {
	if g := out.Answer.Glass; g != nil && !out.Answer.Again {
		s.stats.broken.Inc()
		s.cfg.Logger.Warn("an emergency access is to be reviewed", "alarm", "break-glass", "review", g.Glass.Seq)
	}
}

// writeBroken appends "breakGlass", where a lookup took an emergency.
func writeBroken(j *jsonWriter, g *projection.GlassShown) {
	if g == nil {
		return
	}
	j.key("breakGlass")
	j.open('{')
	j.key("review")
	j.number(int64(g.Glass.Seq))
	j.field("insteadOf", g.Glass.Code)
	j.key("reviewBy")
	j.time(g.Glass.Due())
	j.close('}')
}

// reviewsListed is how many concluded reviews one answer holds at most: the newest.
const reviewsListed = 1000

type reviewItem struct {
	ID           ledger.Seq `json:"id"`
	State        string     `json:"state"` // open, overdue, justified, not-justified
	At           string     `json:"at"`
	Access       ledger.Seq `json:"access"` // the lookup's entry
	Organisation named      `json:"organisation"`
	InsteadOf    string     `json:"insteadOf"` // why it would have been denied
	ReviewBy     string     `json:"reviewBy"`
	ReviewedAt   string     `json:"reviewedAt,omitempty"`
	Late         bool       `json:"late,omitempty"`
}

func reviewState(g *ledger.Glass, now ledger.Time) string {
	switch {
	case g.Finding != 0:
		return g.Finding.String()
	case g.Overdue(now):
		return "overdue"
	}
	return "open"
}

// getReviews lists emergency accesses by reference: nobody can be told from
// them, so the listing is no disclosure. Opening one is.
func (s *Server) getReviews(w http.ResponseWriter, r *http.Request, who *Identity) error {
	want := ""
	for name, values := range r.URL.Query() {
		if name != "state" || len(values) != 1 {
			return problem("query-parameter")
		}
		switch want = values[0]; want {
		case "", "open", "overdue", ledger.FindingJustified.String(), ledger.FindingNotJustified.String():
		default:
			return problem("query-parameter").with("state is open, overdue, justified or not-justified.")
		}
	}
	role, _ := ledger.ParseRole(who.Role)
	view, now := s.node.View(), s.moment()
	all, err := view.OpenGlass()
	if err != nil {
		return err
	}
	concluded, err := view.ConcludedGlass(reviewsListed)
	if err != nil {
		return err
	}
	items := []reviewItem{}
	for _, g := range append(all, concluded...) {
		state := reviewState(&g, now)
		if (!ledger.May(role, ledger.ActReadTrail) && g.Organisation != who.Organisation) || (want != "" && state != want) {
			continue
		}
		o, err := s.organisation(g.Organisation)
		if err != nil {
			return err
		}
		item := reviewItem{ID: g.Seq, State: state, At: g.At.String(), Access: g.Access, Organisation: named{g.Organisation, o.Name},
			InsteadOf: g.Code, ReviewBy: g.Due().String(), Late: g.Late}
		if g.Finding != 0 {
			item.ReviewedAt = g.Reviewed.String()
		}
		items = append(items, item)
	}
	return sendJSON(w, struct {
		Reviews []reviewItem `json:"reviews"`
		AsOf    ledger.Seq   `json:"asOf"`
	}{items, view.R.Head().Size})
}

// postReviewOpen shows a reviewer who looked whom up, and why.
func (s *Server) postReviewOpen(w http.ResponseWriter, r *http.Request, who *Identity) error {
	id, err := s.pathSeq(r, "seq")
	if err != nil {
		return err
	}
	content, err := s.optionalBody(r, "reviews/open/"+pathVar(r, "seq"), &struct{}{})
	if err != nil {
		return err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.Review{Glass: id, Finding: ledger.FindingOpened})
	if err != nil {
		return err
	}
	a := &out.Answer
	g := a.Glass
	j := newJSONWriter()
	j.open('{')
	j.key("id")
	j.number(int64(id))
	j.field("insteadOf", g.Glass.Code)
	j.key("reviewBy")
	j.time(g.Glass.Due())
	if g.Restricted {
		j.key("restricted")
		j.boolean(true)
		j.finish(w, out, http.StatusOK)
		return nil
	}
	j.field("outcome", g.Access.Outcome.String())
	for i := range a.Details {
		if a.Details[i].Payload != ledger.PayloadAccess {
			continue
		}
		var d ledger.AccessDetails
		if err := s.open(a.Details[i], &d); err != nil {
			return err
		}
		j.field("nhsNumber", d.NHSNumber)
		j.field("reason", d.Reason)
		j.optional("attendance", d.Attendance)
		j.optional("callBack", d.CallBack)
	}
	j.key("visit")
	if err := s.writeVisit(j, a.Profiles, a.Visit); err != nil {
		return err
	}
	j.finish(w, out, http.StatusOK)
	return nil
}

type reviewBody struct {
	Finding string `json:"finding" strict:"required"`
	Note    string `json:"note" strict:"required"`
}

// postReview concludes a review.
func (s *Server) postReview(w http.ResponseWriter, r *http.Request, who *Identity) error {
	id, err := s.pathSeq(r, "seq")
	if err != nil {
		return err
	}
	var in reviewBody
	content, err := s.body(r, "reviews/"+pathVar(r, "seq"), &in)
	if err != nil {
		return err
	}
	q := &ledger.Review{Glass: id}
	switch in.Finding {
	case ledger.FindingJustified.String():
		q.Finding = ledger.FindingJustified
	case ledger.FindingNotJustified.String():
		q.Finding = ledger.FindingNotJustified
	default:
		return &Problem{Code: "field-value", Pointer: "/finding", Detail: "finding is justified or not-justified."}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	if err := d.reason(in.Note); err != nil {
		return &Problem{Code: ledger.RefusedReasonMissing, Pointer: "/note"}
	}
	out, err := d.propose(r.Context(), q)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.key("id")
	j.number(int64(id))
	j.field("state", out.Answer.Glass.Glass.Finding.String())
	j.finish(w, out, http.StatusCreated)
	return nil
}

// reviewAlarms is what the operator is shown: how many wait, and for how many it
// is too late.
type reviewAlarms struct {
	Open    int `json:"open"`
	Overdue int `json:"overdue"`
}

func (s *Server) reviewAlarms() (reviewAlarms, error) {
	var out reviewAlarms
	all, err := s.node.View().OpenGlass()
	now := s.moment()
	for i := range all {
		out.Open++
		if all[i].Overdue(now) {
			out.Overdue++
		}
	}
	return out, err
}

// watchReviews makes the gauges of emergency accesses that nobody has reviewed.
func (s *Server) watchReviews() {
	for _, g := range []struct {
		name, help string
		of         func(reviewAlarms) int
	}{
		{"custos_reviews_open", "Emergency accesses whose review is not concluded; -1 if it cannot be told.", func(a reviewAlarms) int { return a.Open }},
		{"custos_reviews_overdue", "Of them, those for which it is too late; -1 if it cannot be told.", func(a reviewAlarms) int { return a.Overdue }},
	} {
		s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, func() float64 {
			a, err := s.reviewAlarms()
			if err != nil {
				return -1
			}
			return float64(g.of(a))
		}))
	}
}
