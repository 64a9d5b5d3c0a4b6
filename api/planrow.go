package api

import (
	"errors"

	"custos/api/cpis"
	"custos/ledger"
)

// planRow is one row of an upload as it was sent.
type planRow struct {
	NHSNumber   string `json:"nhsNumber"`
	FamilyName  string `json:"familyName"`
	GivenNames  string `json:"givenNames"`
	DateOfBirth string `json:"dateOfBirth"`
	PlanType    string `json:"planType"`
	Start       string `json:"start"`
	End         string `json:"end"`
	Delete      string `json:"delete"`
	LocalID     string `json:"localId"`
	Team        string `json:"team"`
	Worker      string `json:"worker"`
	fault       string `strict:"-"`

	n      int          `strict:"-"` // its number in the ledger
	at     int          `strict:"-"` // how many rows stand before it
	record *cpis.Record `strict:"-"` // of a CP-IS file: the whole record, nil if it has not the form
	place  string       `strict:"-"` // and where its fault is
}

// planSource gives the rows of a file one by one; io.EOF ends them.
type planSource interface{ next() (planRow, error) }

type csvSource struct{ rows *csvRows }

func (c csvSource) next() (planRow, error) {
	row, _, err := c.rows.Next()
	var bad *csvRowError
	if errors.As(err, &bad) {
		return planRow{fault: bad.Code}, nil
	}
	if err != nil {
		return planRow{}, err
	}
	return planRow{
		NHSNumber: row.get("nhs_number"), FamilyName: row.get("family_name"), GivenNames: row.get("given_names"),
		DateOfBirth: row.get("date_of_birth"), PlanType: row.get("plan_type"), Start: row.get("start"), End: row.get("end"),
		Delete: row.get("delete"), LocalID: row.get("local_id"), Team: row.get("team"), Worker: row.get("worker"),
	}, nil
}

type jsonSource struct{ rows *jsonRows }

func (j jsonSource) next() (planRow, error) {
	var row planRow
	return row, j.rows.next(&row)
}

func (p *planRow) fields() map[string]string {
	out := make(map[string]string)
	for _, f := range []struct{ name, value string }{{"nhs_number", p.NHSNumber}, {"family_name", p.FamilyName}, {"given_names", p.GivenNames},
		{"date_of_birth", p.DateOfBirth}, {"plan_type", p.PlanType}, {"start", p.Start}, {"end", p.End}, {"delete", p.Delete}} {
		if f.value != "" && len(f.value) <= 200 {
			out[f.name] = f.value
		}
	}
	return out
}

// readRow reads one row: what of it may be in clear, and the details to seal.
// The first thing wrong becomes the row's fault.
//
// Under rules version 2 a row without an NHS number is held provisional: it
// matches nobody yet. m is what the register said of the others, or nil.
func (s *Server) readRow(p *planRow, n int, authority string, rules int, m *matching) (ledger.Row, ledger.PlanDetails) {
	var person ledger.PersonRef // as soon as the row tells: a snapshot then ends nothing of theirs
	bad := func(code string) (ledger.Row, ledger.PlanDetails) {
		return ledger.Row{N: n, Person: person, Fault: code}, ledger.PlanDetails{}
	}
	if p.fault != "" {
		if number, err := ParseNHSNumber(p.NHSNumber); err == nil {
			person = s.keys.Person(number.Digits())
		}
		return bad(p.fault)
	}
	if p.NHSNumber == "" && rules < 2 {
		return bad(ledger.RowPersonRequired)
	}
	digits := ""
	if p.NHSNumber != "" {
		number, err := ParseNHSNumber(p.NHSNumber)
		if err != nil {
			return bad(asProblem(err).Code)
		}
		digits = number.Digits()
		person = s.keys.Person(digits)
	}
	if !name(p.FamilyName) || !name(p.GivenNames) {
		return bad("name-missing")
	}
	if len(p.LocalID) > 64 || len(p.Team) > 64 || len(p.Worker) > 64 {
		return bad("field-too-long")
	}
	birth, err := ledger.ParseBirth(p.DateOfBirth)
	if err != nil {
		return bad("date-of-birth-format")
	}
	kind, ok := ledger.ParsePlanType(p.PlanType)
	if !ok {
		return bad("plan-type")
	}
	row := ledger.Row{N: n, Type: kind}
	if row.Start, err = ledger.ParseDay(p.Start); err != nil {
		return bad("start-format")
	}
	if p.End != "" {
		if row.End, err = ledger.ParseDay(p.End); err != nil {
			return bad("end-format")
		}
	}
	if p.Delete != "" {
		if row.Delete, err = ledger.ParseDay(p.Delete); err != nil {
			return bad("delete-format")
		}
	}
	if row.End != 0 && row.End < row.Start {
		return bad(ledger.RowEndBeforeStart)
	}
	if kind != ledger.UnbornChild {
		if birth > row.Start {
			return bad("start-before-birth")
		}
		row.LastDay = birth.AddYears(18)
	}
	row.Person = person
	if digits != "" {
		row.Birth = s.birthTag(row.Person, p.DateOfBirth)
	}
	if p.LocalID != "" {
		row.Local = s.keys.Tag("local", authority, p.LocalID)
	}
	row.Content = s.keys.Tag("row", authority, digits, p.FamilyName, p.GivenNames, p.DateOfBirth, p.PlanType,
		p.Start, p.End, p.LocalID, p.Team, p.Worker)
	if rules >= 3 {
		row.Worker, row.Team = s.workerTag(authority, p.Worker), s.teamTag(authority, p.Team)
	}
	if rules >= 2 {
		row.Trace = s.traceTag(p.FamilyName, p.GivenNames, p.DateOfBirth)
		switch {
		case digits == "":
			row.Match, row.Reason = ledger.Unmatched, ledger.RowNumberMissing
		case m != nil:
			m.place(&row)
		}
	}
	return row, ledger.PlanDetails{NHSNumber: digits, Family: p.FamilyName, Given: p.GivenNames, Birth: p.DateOfBirth,
		LocalID: p.LocalID, Team: p.Team, Worker: p.Worker}
}

func name(s string) bool { return s != "" && len(s) <= 100 }

// rowMessages says what each row code means. Codes are part of the interface.
var rowMessages = map[string]string{
	"nhs-number-format":      "the NHS number is not ten digits",
	"nhs-number-check-digit": "the NHS number's check digit is wrong",
	"nhs-number-missing":     "the NHS number is missing: held provisional, and not found by it",
	"no-match":               "the register does not know the NHS number",
	"number-inactive":        "the NHS number is no longer in use and was not replaced",
	"number-superseded":      "the NHS number was replaced by another",
	"family-name-differs":    "the register has another family name for the NHS number",
	"given-names-differ":     "the register has other given names for the NHS number",
	"date-of-birth-differs":  "the register has another date of birth for the NHS number",
	"other-name":             "the register has this as a former or other name of the person",
	"several-differ":         "more than one of the details differs from the register: perhaps the NHS number is somebody else's",
	"register-incomplete":    "the register lacks a name or the whole date of birth",
	"unmatchable":            "the row matches nobody and has nothing to know it by again",
	"name-missing":           "the family name or the given names are missing, or too long",
	"field-too-long":         "the local id, team or worker is too long",
	"date-of-birth-format":   "the date of birth is not a date of the form YYYY-MM-DD",
	"plan-type":              "the plan type is not CPP, LAC or UCPP",
	"start-format":           "the start is not a date of the form YYYY-MM-DD",
	"end-format":             "the end is not a date of the form YYYY-MM-DD",
	"delete-format":          "the delete date is not a date of the form YYYY-MM-DD",
	"end-before-start":       "the end is before the start",
	"start-before-birth":     "the start is before the birth",
	"start-in-future":        "the start is in the future",
	"over-18":                "the person is over 18; an own plan ended on the 18th birthday",
	"unborn-needs-end":       "an unborn child's plan needs its expected end",
	"ended-365-days":         "the plan ended too long ago to be shown (365 days; 28 for an unborn child's plan) and is not held",
	"twice-in-file":          "the file names the plan twice and says different things",
	"delete-in-future":       "the delete date is in the future",
	"too-many-plans":         "the person has more plans than can be shown at once; ring the operator",
	"delete-unknown":         "there is no such plan of this authority to delete",
	"csv-row-columns":        "the row has too many or too few fields",
	"csv-row-quote":          "a quotation mark is out of place",
	"csv-row-encoding":       "the row is not valid UTF-8 text",
	"csv-row-control":        "the row holds a control character",
	"csv-row-too-long":       "the row is too long, or a quotation mark is never closed",
}

// rowMessage says what a code means, whoever found it: our rows have codes, and
// so has the reader of CP-IS messages.
func rowMessage(code string) string {
	if m, ok := rowMessages[code]; ok {
		return m
	}
	return cpis.Detail(code).Meaning()
}
