package api

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"custos/ledger"
)

type unassignedBody struct {
	Authority string `json:"authority"`
}

// postUnassigned shows everybody whose visible plan is in no live caseload, for
// one authority: the own one, or one that names the caller's child-health
// service in its directory entry. It is read page by page, each page a recorded
// access with an entry for everybody on it, and sent when the last is committed.
func (s *Server) postUnassigned(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in unassignedBody
	content, err := s.body(r, "unassigned", &in)
	if err != nil {
		return err
	}
	if in.Authority == "" {
		in.Authority = who.Organisation
	}
	if !isCode(in.Authority) {
		return &Problem{Code: "field-value", Detail: "authority is a code.", Pointer: "/authority"}
	}
	if err := s.needs(3); err != nil {
		return err
	}
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return p
	}
	j := newJSONWriter()
	j.open('{')
	j.field("authority", in.Authority)
	j.key("people")
	j.open('[')
	var pages []heldPage
	count := 0
	q := ledger.ReadUnassigned{Authority: in.Authority}
	for more := true; more; {
		d, err := s.draftAs(ledger.DeriveID("unassigned", key[:], []byte(strconv.Itoa(len(pages)))), who, content)
		if err != nil {
			return err
		}
		d.command.Bulk = true
		page := q
		out, err := d.propose(r.Context(), &page)
		if err != nil {
			return err
		}
		a := &out.Answer
		if a.Unassigned == nil {
			return fmt.Errorf("entry %d is no page of the unassigned", a.Seq)
		}
		pages = append(pages, heldPage{a.Seq, out.Receipt()})
		for i := range a.People {
			if err := s.writeSubject(j, a, &a.People[i]); err != nil {
				return err
			}
			q.After = a.People[i].Person
		}
		count += len(a.People)
		more = a.Unassigned.More
	}
	j.close(']')
	j.key("count")
	j.number(int64(count))
	j.pages(pages)
	j.close('}')
	cite(w, pages[0].seq)
	j.send(w, http.StatusOK)
	return nil
}

// pages appends "pages": the entries that record a list which was read page by page.
func (j *jsonWriter) pages(all []heldPage) {
	j.key("pages")
	j.open('[')
	for i := range all {
		j.open('{')
		j.key("seq")
		j.number(int64(all[i].seq))
		j.key("receipt")
		j.receipt(all[i].receipt)
		j.close('}')
	}
	j.close(']')
}

type unassignedCount struct {
	Authority named `json:"authority"`
	Count     int   `json:"count"`
}

// getUnassigned counts who is in no caseload: an authority its own, child
// health those it serves, the operator all. Nobody is named.
func (s *Server) getUnassigned(w http.ResponseWriter, _ *http.Request, who *Identity) error {
	view := s.node.View()
	all, err := view.Organisations()
	if err != nil {
		return err
	}
	role, _ := ledger.ParseRole(who.Role)
	today := s.moment().Day()
	out := []unassignedCount{}
	for i := range all {
		o := &all[i]
		if o.Sort != ledger.SortAuthority || (role != ledger.RoleOperator && !o.Serves(who.Organisation)) {
			continue
		}
		n, err := view.CountUnassigned(o.Code, today)
		if err != nil {
			return err
		}
		out = append(out, unassignedCount{named{o.Code, o.Name}, n})
	}
	return sendJSON(w, struct {
		Authorities []unassignedCount `json:"authorities"`
		AsOf        ledger.Seq        `json:"asOf"`
	}{out, view.R.Head().Size})
}

// gapCount keeps the number of people in no caseload for a minute.
type gapCount struct {
	mu sync.Mutex
	at ledger.Time
	n  int
}

// watchUnassigned makes the gauge of them. It is computed when it is asked for.
func (s *Server) watchUnassigned() {
	c := &gapCount{}
	s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "custos_unassigned", Help: "People with a visible plan in no live caseload, on every authority's list; -1 if it cannot be told."},
		func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			now := s.moment()
			if c.at == 0 || now-c.at > ledger.Minute || now < c.at {
				n, err := s.node.View().CountUnassigned("", now.Day())
				if err != nil {
					return -1
				}
				c.at, c.n = now, n
			}
			return float64(c.n)
		}))
}
