package api

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"custos/ledger"
	"custos/projection"
)

// policyBody is what a place is to say from a day on. What it leaves out stays
// as the place said before; "inherit" lets the place above speak again.
type policyBody struct {
	From    string   `json:"from" strict:"required"`
	Live    string   `json:"live"`
	Setting string   `json:"setting"`
	Notify  string   `json:"notify"`
	History string   `json:"history"`
	Roles   []string `json:"roles"`
	Ended   string   `json:"ended"`
	Links   string   `json:"links"`
	DPIA    string   `json:"dpia"`
	Days    int      `json:"linkDays"`
	Reason  string   `json:"reason" strict:"required"`
}

// inherit is how a place falls silent about an item.
const inherit = "inherit"

// dpiaReference is how an assessment is cited: it stands in the ledger in clear.
var dpiaReference = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 ./:#-]{1,79}$`)

// putPolicy records what a place says from a day on.
func (s *Server) putPolicy(w http.ResponseWriter, r *http.Request, who *Identity) error {
	place := pathVar(r, "ods")
	if !isCode(place) {
		return unknownPlace()
	}
	var in policyBody
	content, err := s.body(r, "policies/"+place, &in)
	if err != nil {
		return err
	}
	q := &ledger.RecordPolicy{Place: place}
	if q.From, err = parseDate(in.From, "from"); err != nil {
		return err
	}
	if q.Says, err = in.policy(); err != nil {
		return err
	}
	out, err := s.reasoned(w, r, who, content, in.Reason, q)
	var refused *Problem
	if errors.As(err, &refused) && refused.Code == "not-found" {
		return refused.with(noPlace)
	}
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("ods", place)
	j.day("from", q.From)
	j.finish(w, out, http.StatusOK)
	return nil
}

// noPlace says what is not there: a code that was mistyped is told from an address
// that is.
const noPlace = "No organisation is recorded under this code. An operator records one with PUT /v1/organisations/{ods}."

func unknownPlace() *Problem { return problem("not-found").with(noPlace) }

func (in *policyBody) policy() (ledger.Policy, error) {
	var p ledger.Policy
	for _, f := range []struct {
		name, text, no, yes string
		to                  *ledger.Choice
	}{
		{"live", in.Live, "no", "yes", &p.Live},
		{"setting", in.Setting, "scheduled", "unscheduled", &p.Unscheduled},
		{"notify", in.Notify, "no", "yes", &p.Notify},
		{"history", in.History, "no", "yes", &p.History},
		{"ended", in.Ended, "no", "yes", &p.Ended},
		{"links", in.Links, "no", "yes", &p.Links},
	} {
		switch f.text {
		case "":
		case inherit:
			*f.to = ledger.Inherited
		case f.no:
			*f.to = ledger.No
		case f.yes:
			*f.to = ledger.Yes
		default:
			return p, &Problem{Code: "field-value", Pointer: "/" + f.name}
		}
	}
	if in.Roles != nil {
		if p.Roles = rolesNamed(in.Roles); p.Roles == nil {
			return p, &Problem{Code: "field-value", Pointer: "/roles",
				Detail: "roles is a list of roles that may look people up, or of inherit alone. To let nobody look up, say that the place is not live."}
		}
	}
	p.DPIA, p.LinkDays = in.DPIA, in.Days
	switch {
	case in.Days != 0 && (p.Links != ledger.Yes || in.Days < ledger.MinLinkDays || in.Days > ledger.MaxLinkDays):
		return p, &Problem{Code: "field-value", Pointer: "/linkDays",
			Detail: fmt.Sprintf("linkDays is for how many days links are kept, %d to %d, and says nothing without links.", ledger.MinLinkDays, ledger.MaxLinkDays)}
	case p.DPIA != "" && (!dpiaReference.MatchString(p.DPIA) || p.Links != ledger.Yes):
		return p, &Problem{Code: "field-value", Pointer: "/dpia", Detail: "dpia cites the assessment that allows links, by its reference."}
	case p.Links == ledger.Yes && p.DPIA == "":
		return p, &Problem{Code: "json-missing-field", Pointer: "/dpia"}
	case p.IsZero():
		return p, problem("field-value").with("A policy says something: live, setting, notify, history, roles, ended or links.")
	}
	return p, nil
}

// rolesNamed reads a list of roles in any order; nil if it is none.
func rolesNamed(names []string) []ledger.Role {
	if len(names) == 1 && names[0] == inherit {
		return []ledger.Role{ledger.RoleNone}
	}
	var out []ledger.Role
	for _, n := range names {
		role, ok := ledger.ParseRole(n)
		if !ok || !ledger.May(role, ledger.ActLookUp) || slices.Contains(out, role) {
			return nil
		}
		out = append(out, role)
	}
	slices.Sort(out)
	return out
}

// policyShown is a policy as answers spell it.
type policyShown struct {
	Live    string   `json:"live,omitempty"`
	Setting string   `json:"setting,omitempty"`
	Notify  string   `json:"notify,omitempty"`
	History string   `json:"history,omitempty"`
	Roles   []string `json:"roles,omitempty"`
	Ended   string   `json:"ended,omitempty"`
	Links   string   `json:"links,omitempty"`
	DPIA    string   `json:"dpia,omitempty"`
	Days    int      `json:"linkDays,omitempty"`
}

func showPolicy(p *ledger.Policy) policyShown {
	said := func(c ledger.Choice) string {
		if c == ledger.NotSaid {
			return ""
		}
		return c.String()
	}
	out := policyShown{Live: said(p.Live), Notify: said(p.Notify), History: said(p.History), Ended: said(p.Ended), Links: said(p.Links), DPIA: p.DPIA, Days: p.LinkDays}
	switch p.Unscheduled {
	case ledger.Yes:
		out.Setting = "unscheduled"
	case ledger.No:
		out.Setting = "scheduled"
	default:
		out.Setting = said(p.Unscheduled)
	}
	for _, r := range p.Roles {
		name := r.String()
		if r == ledger.RoleNone {
			name = inherit
		}
		out.Roles = append(out.Roles, name)
	}
	return out
}

type policyEntry struct {
	From     string      `json:"from"`
	Seq      ledger.Seq  `json:"seq"`
	Recorded string      `json:"recordedAt"`
	Says     policyShown `json:"says"`
}

type policyPlace struct {
	ODS     string        `json:"ods"`
	Name    string        `json:"name"`
	Parent  string        `json:"parent,omitempty"`
	Entries []policyEntry `json:"entries"`
}

// getPolicies lists what each place has ever said, and will.
func (s *Server) getPolicies(w http.ResponseWriter, _ *http.Request, _ *Identity) error {
	view := s.node.View()
	places, err := view.PolicyPlaces()
	if err != nil {
		return err
	}
	out := make([]policyPlace, 0, len(places))
	for _, code := range places {
		one, err := policyOfPlace(view, code)
		if err != nil {
			return err
		}
		out = append(out, one)
	}
	return sendJSON(w, struct {
		Nation string        `json:"nation"`
		Places []policyPlace `json:"places"`
		AsOf   ledger.Seq    `json:"asOf"`
	}{ledger.Nation, out, view.R.Head().Size})
}

func policyOfPlace(view projection.View, code string) (policyPlace, error) {
	out := policyPlace{ODS: code, Entries: []policyEntry{}}
	o, _, err := view.Organisation(code)
	if err != nil {
		return out, err
	}
	said, err := view.Policies(code)
	if err != nil {
		return out, err
	}
	out.Name, out.Parent = placeName(code, &o), o.Parent
	for i := range said {
		e := &said[i]
		out.Entries = append(out.Entries, policyEntry{e.From.String(), e.Seq, e.Recorded.String(), showPolicy(&e.Says)})
	}
	return out, nil
}

func placeName(code string, o *ledger.Organisation) string {
	if code == ledger.Nation && o.Name == "" {
		return "England"
	}
	return o.Name
}

// policySource is whose word an item is; without an entry it is the
// organisation's own record, and without a place the default.
type policySource struct {
	Item  string      `json:"item"`
	ODS   string      `json:"ods,omitempty"`
	Name  string      `json:"name,omitempty"`
	Seq   *ledger.Seq `json:"seq,omitempty"`
	Since string      `json:"since,omitempty"`
}

// getPolicy says what holds at a place on a day, and whose word it is. The tree
// of organisations is as it is now; custos-tools reads an earlier one offline.
func (s *Server) getPolicy(w http.ResponseWriter, r *http.Request, _ *Identity) error {
	place := pathVar(r, "ods")
	if !isCode(place) {
		return unknownPlace()
	}
	on := s.moment().Day()
	for name, values := range r.URL.Query() {
		if name != "on" || len(values) != 1 {
			return problem("query-parameter")
		}
		var err error
		if on, err = ledger.ParseDay(values[0]); err != nil {
			return problem("query-parameter").with("on is a date, YYYY-MM-DD.")
		}
	}
	view := s.node.View()
	o, ok, err := view.Organisation(place)
	switch {
	case err != nil:
		return err
	case !ok && place != ledger.Nation:
		return unknownPlace()
	}
	h, err := ledger.PolicyOn(view, place, on)
	if err != nil {
		return err
	}
	sources := make([]policySource, 0, len(h.Of))
	for _, i := range ledger.PolicyItems() {
		of := h.Of[i]
		src := policySource{Item: i.String(), ODS: of.Place}
		if of.Place != "" {
			from, _, err := view.Organisation(of.Place)
			if err != nil {
				return err
			}
			src.Name = placeName(of.Place, &from)
		}
		if of.Seq != 0 {
			src.Seq = &of.Seq
		}
		if of.From != 0 {
			src.Since = of.From.String()
		}
		sources = append(sources, src)
	}
	from := ledger.Day(0)
	if h.Live != ledger.Yes {
		if from, err = ledger.LiveFrom(view, place, on); err != nil {
			return err
		}
	}
	liveFrom := ""
	if from != 0 {
		liveFrom = from.String()
	}
	return sendJSON(w, struct {
		Place    named          `json:"place"`
		On       string         `json:"on"`
		Care     bool           `json:"careSetting"` // false: no lookup is made from there, whatever holds
		Holds    policyShown    `json:"holds"`
		Of       []policySource `json:"of"`
		LiveFrom string         `json:"liveFrom,omitempty"`
		AsOf     ledger.Seq     `json:"asOf"`
	}{named{place, placeName(place, &o)}, on.String(), o.Setting != ledger.SettingNone, showPolicy(&h.Policy), sources, liveFrom, view.R.Head().Size})
}
