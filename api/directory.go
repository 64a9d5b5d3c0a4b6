package api

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"custos/ledger"
)

// unconfirmedAfter is how long an authority's numbers may stand without being
// confirmed before whoever is shown them is told so.
const unconfirmedAfter = 90 * 24 * ledger.Hour

// unconfirmed reports whether an authority's directory entry is too old to rely on.
func unconfirmed(o *ledger.Organisation, now ledger.Time) bool {
	return o.Sort == ledger.SortAuthority && now-o.Directory.Confirmed > unconfirmedAfter
}

type directoryEntry struct {
	ODS           string    `json:"ods"`
	Name          string    `json:"name"`
	OfficeHours   string    `json:"officeHours"`
	EmergencyDuty string    `json:"emergencyDuty"`
	Hours         string    `json:"hours,omitempty"`
	Week          *weekBody `json:"week,omitempty"`
	BankHolidays  []string  `json:"bankHolidays,omitempty"`
	RingNow       string    `json:"ringNow,omitempty"` // the number that is answered at this moment, where the authority has said its hours
	Confirmed     string    `json:"confirmed,omitempty"`
	Unconfirmed   bool      `json:"unconfirmed,omitempty"` // nobody has confirmed it for 90 days
	ChildHealth   []string  `json:"childHealth,omitempty"`
}

// siteEntry is where a care site is rung back.
type siteEntry struct {
	ODS      string `json:"ods"`
	Name     string `json:"name"`
	CallBack string `json:"callBack"`
}

// directoryOf is an authority's entry.
func directoryOf(o *ledger.Organisation, now ledger.Time) directoryEntry {
	e := directoryEntry{ODS: o.Code, Name: o.Name, OfficeHours: o.Directory.OfficeHours, EmergencyDuty: o.Directory.EmergencyDuty,
		Week: weekOf(&o.Directory), RingNow: o.Directory.NumberAt(now), Hours: o.Directory.Hours, BankHolidays: o.Directory.BankHolidays, ChildHealth: o.Directory.ChildHealth, Unconfirmed: unconfirmed(o, now)}
	if o.Directory.Confirmed != 0 {
		e.Confirmed = o.Directory.Confirmed.String()
	}
	return e
}

// numbers appends how an authority is reached.
func (j *jsonWriter) numbers(code string, o *ledger.Organisation, now ledger.Time) {
	j.field("ods", code)
	j.field("name", o.Name)
	j.field("officeHours", o.Directory.OfficeHours)
	j.field("emergencyDuty", o.Directory.EmergencyDuty)
	j.optional("ringNow", o.Directory.NumberAt(now))
}

// authorities is the directory of them all.
func (s *Server) authorities() ([]directoryEntry, error) {
	all, err := s.node.View().Organisations()
	if err != nil {
		return nil, err
	}
	out := []directoryEntry{} // what nobody is in is an empty list
	for i := range all {
		if all[i].Sort == ledger.SortAuthority {
			out = append(out, directoryOf(&all[i], s.moment()))
		}
	}
	return out, nil
}

// getDirectory lists how each authority is reached. It holds no child data and
// answers from this node's own copy, whether or not a record can be made.
func (s *Server) getDirectory(w http.ResponseWriter, _ *http.Request, _ *Identity) error {
	view := s.node.View()
	all, err := view.Organisations()
	if err != nil {
		return err
	}
	out, sites, overdue := make([]directoryEntry, 0, len(all)), []siteEntry{}, []string{}
	now := s.moment()
	for _, o := range all {
		if o.CallBack != "" {
			sites = append(sites, siteEntry{o.Code, o.Name, o.CallBack})
		}
		if o.Sort != ledger.SortAuthority {
			continue
		}
		e := directoryOf(&o, now)
		if e.Unconfirmed {
			overdue = append(overdue, o.Code)
		}
		out = append(out, e)
	}
	return sendJSON(w, struct {
		Authorities []directoryEntry `json:"authorities"`
		Unconfirmed []string         `json:"unconfirmed"`
		Sites       []siteEntry      `json:"sites"`
		AsOf        ledger.Seq       `json:"asOf"`
	}{out, overdue, sites, view.R.Head().Size})
}

type directoryBody struct {
	OfficeHours   string   `json:"officeHours" strict:"required"`
	EmergencyDuty string   `json:"emergencyDuty" strict:"required"`
	Hours         string   `json:"hours"`
	Week          weekBody `json:"week"`
	BankHolidays  []string `json:"bankHolidays"`
	ChildHealth   []string `json:"childHealth"` // services that may see who is in no caseload
}

func (s *Server) putDirectory(w http.ResponseWriter, r *http.Request, who *Identity) error {
	ods := pathVar(r, "ods")
	if !isCode(ods) {
		return problem("not-found")
	}
	var in directoryBody
	content, err := s.body(r, "directory/"+ods, &in)
	if err != nil {
		return err
	}
	if !telephone(in.OfficeHours) {
		return &Problem{Code: "field-value", Detail: "A telephone number has digits, spaces and an optional leading +.", Pointer: "/officeHours"}
	}
	if !telephone(in.EmergencyDuty) {
		return &Problem{Code: "field-value", Detail: "A telephone number has digits, spaces and an optional leading +.", Pointer: "/emergencyDuty"}
	}
	if len(in.Hours) > 200 || len(in.BankHolidays) > 40 {
		return &Problem{Code: "field-value", Pointer: "/hours"}
	}
	for i, day := range in.BankHolidays {
		if _, err := ledger.ParseDay(day); err != nil {
			return &Problem{Code: "date-format", Pointer: "/bankHolidays/" + strconv.Itoa(i)}
		}
	}
	for i, org := range in.ChildHealth {
		if !isCode(org) || i >= 40 {
			return &Problem{Code: "field-value", Pointer: "/childHealth/" + strconv.Itoa(i)}
		}
	}
	if len(in.ChildHealth) > 0 {
		if err := s.needs(3); err != nil {
			return err
		}
	}
	week, err := in.Week.week()
	if err != nil {
		return err
	}
	if len(week) > 0 {
		if err := s.needs(4); err != nil {
			return err
		}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.RecordDirectory{Code: ods, Directory: ledger.Directory{
		OfficeHours: in.OfficeHours, EmergencyDuty: in.EmergencyDuty, Hours: in.Hours, BankHolidays: in.BankHolidays, ChildHealth: in.ChildHealth, Week: week}})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("ods", ods)
	j.finish(w, out, http.StatusOK)
	return nil
}

// callBackBody is a care site's number; empty takes it away.
type callBackBody struct {
	CallBack string `json:"callBack" strict:"required"`
}

// putCallBack keeps the number at which a care site is rung back: notifications
// of visits there show it unless the lookup gave another.
func (s *Server) putCallBack(w http.ResponseWriter, r *http.Request, who *Identity) error {
	ods := pathVar(r, "ods")
	if !isCode(ods) {
		return problem("not-found")
	}
	var in callBackBody
	content, err := s.body(r, "directory/"+ods+"/call-back", &in)
	if err != nil {
		return err
	}
	if in.CallBack != "" && (!telephone(in.CallBack) || isNHSNumber(in.CallBack)) {
		return &Problem{Code: "field-value", Detail: "A telephone number has digits, spaces and an optional leading +.", Pointer: "/callBack"}
	}
	if err := s.needs(3); err != nil {
		return err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.RecordCallBack{Code: ods, Phone: in.CallBack})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("ods", ods)
	j.finish(w, out, http.StatusOK)
	return nil
}

// watchDirectory makes the gauge of authorities whose numbers nobody confirms.
func (s *Server) watchDirectory() {
	s.stats.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "custos_directory_unconfirmed", Help: "Authorities whose directory entry nobody has confirmed for 90 days; -1 if it cannot be told."},
		func() float64 {
			all, err := s.node.View().Organisations()
			if err != nil {
				return -1
			}
			now, n := s.moment(), 0
			for i := range all {
				if unconfirmed(&all[i], now) {
					n++
				}
			}
			return float64(n)
		}))
}

func telephone(s string) bool {
	digits := 0
	for i, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '+' && i == 0, c == ' ':
		default:
			return false
		}
	}
	return digits >= 3 && len(s) <= 32
}
