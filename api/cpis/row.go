package cpis

import "strings"

// Row is one plan in the columns of our own files. Message 01 has no team and no
// worker; our files have no minutes.
type Row struct {
	NHSNumber   string `json:"nhsNumber"`
	FamilyName  string `json:"familyName"`
	GivenNames  string `json:"givenNames"`
	DateOfBirth string `json:"dateOfBirth"`
	PlanType    string `json:"planType"`
	Start       string `json:"start"`
	End         string `json:"end,omitempty"`
	Delete      string `json:"delete,omitempty"`
	LocalID     string `json:"localId,omitempty"`
	Team        string `json:"team,omitempty"`
	Worker      string `json:"worker,omitempty"`
}

// Columns are the columns of our CSV files, in the order of a Row's fields.
var Columns = []string{"nhs_number", "family_name", "given_names", "date_of_birth", "plan_type", "start", "end", "delete", "local_id", "team", "worker"}

// fields are a row's, in the order of Columns.
func (r *Row) fields() []*string {
	return []*string{&r.NHSNumber, &r.FamilyName, &r.GivenNames, &r.DateOfBirth, &r.PlanType, &r.Start, &r.End, &r.Delete, &r.LocalID, &r.Team, &r.Worker}
}

// Values are the row's fields in the order of Columns.
func (r *Row) Values() []string {
	f := r.fields()
	out := make([]string, len(f))
	for i := range f {
		out[i] = *f[i]
	}
	return out
}

// Set sets a column; false if there is none of that name.
func (r *Row) Set(column, value string) bool {
	for i, c := range Columns {
		if c == column {
			*r.fields()[i] = strings.TrimSpace(value)
			return true
		}
	}
	return false
}

// Rows are a record's plans, each with its person. The record must be one that
// Reader.Next gave without an error, for every plan needs somebody.
func (r *Record) Rows() []Row {
	out := make([]Row, 0, len(r.Plans))
	for i := range r.Plans {
		p := &r.Plans[i]
		s := r.Of(p)
		if s == nil {
			continue
		}
		out = append(out, Row{
			NHSNumber: s.NHSNumber, FamilyName: s.Family, GivenNames: s.Given, DateOfBirth: s.Birth.ISO(),
			PlanType: p.Type.String(), Start: p.Start.Date().ISO(), End: p.End.Date().ISO(), Delete: p.Delete.Date().ISO(), LocalID: s.LocalID,
		})
	}
	return out
}

// Record is the row as a record of message 01, whose local id is the authority's.
// Days begin at midnight. Its error is a *ValueError whose place is a column.
func (r *Row) Record(authority string) (Record, error) {
	wrong := func(d Detail, column string) (Record, error) { return Record{}, &ValueError{d, column} }
	p := Plan{}
	s := Subject{Person: Person{Identity: Identity{NHSNumber: r.NHSNumber, LocalID: r.LocalID}, Given: r.GivenNames, Family: r.FamilyName}}
	if r.LocalID != "" {
		s.Assigner = authority
	}
	var ok bool
	if s.Birth, ok = ParseISO(r.DateOfBirth); !ok {
		return wrong(BirthFormat, "date_of_birth")
	}
	if p.Type, ok = ParsePlanType(r.PlanType); !ok {
		return wrong(PlanTypeUnknown, "plan_type")
	}
	s.Unborn = p.Type == UnbornChild
	for _, d := range []struct {
		text, column string
		wrong        Detail
		to           *DateTime
	}{{r.Start, "start", StartFormat, &p.Start}, {r.End, "end", EndFormat, &p.End}, {r.Delete, "delete", DeleteFormat, &p.Delete}} {
		if d.text == "" && d.column != "start" {
			continue
		}
		day, ok := ParseISO(d.text)
		if !ok {
			return wrong(d.wrong, d.column)
		}
		*d.to = day.At(0, 0)
	}
	rec := Record{Plans: []Plan{p}, Subjects: []Subject{s}}
	if err := rec.check("", uploaded); err != nil {
		return Record{}, &ValueError{err.Detail, "row"}
	}
	if d, _ := rec.wrong(0); d != "" {
		return wrong(d, "row")
	}
	return rec, nil
}
