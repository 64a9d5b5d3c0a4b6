package api

import (
	"net/http"
	"strings"
	"time"

	"custos/ledger"
)

type trailBody struct {
	NHSNumber    string `json:"nhsNumber"`
	Actor        string `json:"actor"`
	Issuer       string `json:"issuer"`
	Organisation string `json:"organisation"`
	From         string `json:"from"`
	To           string `json:"to"`
	Reason       string `json:"reason" strict:"required"`
}

type trailEntry struct {
	Seq          ledger.Seq   `json:"seq"`
	At           string       `json:"at"`
	Kind         string       `json:"kind"`
	Name         string       `json:"name,omitempty"`
	Actor        string       `json:"actor,omitempty"`
	Role         string       `json:"role,omitempty"`
	ODS          string       `json:"ods,omitempty"`
	Organisation string       `json:"organisation,omitempty"`
	Outcome      string       `json:"outcome,omitempty"`
	Unscheduled  *bool        `json:"unscheduled,omitempty"`
	Told         []string     `json:"told,omitempty"`
	Authority    string       `json:"authority,omitempty"`
	Code         string       `json:"code,omitempty"`
	Of           *ledger.Seq  `json:"of,omitempty"`
	InError      bool         `json:"inError,omitempty"`
	Place        ledger.Place `json:"place,omitempty"`
	Cover        bool         `json:"cover,omitempty"` // read by who stood in, and for whom
	CoveringFor  string       `json:"coveringFor,omitempty"`

	AuthorDiffers bool `json:"authorDiffers,omitempty"` // a message named another author than who signed in
	BySystem      bool `json:"bySystem,omitempty"`      // a system asked, and name answers for it
	Arrival       bool `json:"arrival,omitempty"`
	Traced        bool `json:"traced,omitempty"` // the register of demographics named the person
}

// postTrail shows who looked. Reading a trail is itself recorded, and stands
// in the trail of the person it is about.
func (s *Server) postTrail(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in trailBody
	content, err := s.body(r, "trails", &in)
	if err != nil {
		return err
	}
	q := &ledger.ReadTrail{Organisation: in.Organisation}
	given := 0
	for _, v := range []string{in.NHSNumber, in.Actor, in.Organisation} {
		if v != "" {
			given++
		}
	}
	if given != 1 || len(in.Actor) > 256 {
		return problem("field-value").with("A trail is of one person (nhsNumber), one actor or one organisation.")
	}
	// The organisation stands in the ledger in clear: it is a code as tokens carry it, never a name or a number of a person.
	if o := in.Organisation; o != "" && (!within(o, 3, 12) || strings.ToUpper(o) != o || !madeOf(o, "") || isNHSNumber(o)) {
		return &Problem{Code: "field-value", Detail: "organisation is a code.", Pointer: "/organisation"}
	}
	if in.NHSNumber != "" {
		number, err := ParseNHSNumber(in.NHSNumber)
		if err != nil {
			return at(err, "nhsNumber")
		}
		q.Person = s.keys.Person(number.Digits())
	}
	if in.Actor != "" {
		issuer := in.Issuer
		if issuer == "" {
			issuer = s.cfg.Issuer
		}
		q.Actor = ledger.ActorIDOf(issuer, in.Actor)
	}
	if q.From, err = moment(in.From, "from"); err != nil {
		return err
	}
	if q.To, err = moment(in.To, "to"); err != nil {
		return err
	}
	out, err := s.reasoned(w, r, who, content, in.Reason, q)
	if err != nil {
		return err
	}
	a := &out.Answer
	entries := make([]trailEntry, 0, len(a.Trail))
	for i := range a.Trail {
		row := &a.Trail[i]
		name := s.name(a.Profiles, row.Profile)
		o, err := s.organisation(row.Organisation)
		if err != nil {
			return err
		}
		e := trailEntry{Seq: row.Seq, At: row.At.String(), Kind: row.Kind.String(), Name: name.Name, Actor: row.Subject,
			Role: roleShown(name, row.Role), ODS: row.Organisation, Organisation: organisationShown(o, row.Organisation, name),
			Told: row.Told, Authority: row.Authority, Code: row.Code, InError: row.InError, Place: row.Place, Cover: row.Cover, CoveringFor: row.For,
			AuthorDiffers: row.Differs, BySystem: row.System, Arrival: row.Arrival, Traced: row.Traced}
		if row.Outcome != 0 {
			e.Outcome, e.Unscheduled = row.Outcome.String(), &row.Unscheduled
		}
		if row.Of != 0 {
			e.Of = &row.Of
		}
		entries = append(entries, e)
	}
	cite(w, a.Seq)
	return sendJSON(w, struct {
		Entries []trailEntry `json:"entries"`
		Count   int          `json:"count"`
		Seq     ledger.Seq   `json:"seq"`
		Receipt string       `json:"receipt"`
	}{entries, len(entries), a.Seq, string(out.Receipt().Format())})
}

// moment reads a time, or a date as the beginning of its day in London.
func moment(text, field string) (ledger.Time, error) {
	if text == "" {
		return 0, nil
	}
	if d, err := ledger.ParseDay(text); err == nil {
		return d.Start(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, &Problem{Code: "date-format", Pointer: "/" + field}
	}
	return ledger.Of(t), nil
}
