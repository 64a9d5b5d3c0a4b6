package api

import (
	"net/http"
	"strconv"

	"custos/ledger"
	"custos/projection"
)

// Births: a baby is linked to its mother, whose unborn child's plan is shown on it
// until it has a plan of its own; and the end of a pregnancy.

type birthBody struct {
	Mother string     `json:"mother" strict:"required"` // NHS number
	Babies []babyBody `json:"babies" strict:"required"`
}

type babyBody struct {
	NHSNumber   string `json:"nhsNumber" strict:"required"`
	DateOfBirth string `json:"dateOfBirth" strict:"required"`
}

func (s *Server) postBirth(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in birthBody
	content, err := s.body(r, "births", &in)
	if err != nil {
		return err
	}
	mother, err := ParseNHSNumber(in.Mother)
	if err != nil {
		return at(err, "mother")
	}
	if len(in.Babies) == 0 || len(in.Babies) > ledger.MaxBabies {
		return &Problem{Code: "field-value", Detail: "A birth has 1 to 8 babies.", Pointer: "/babies"}
	}
	q := &ledger.RecordBirth{Mother: s.keys.Person(mother.Digits())}
	for i, b := range in.Babies {
		place := "babies/" + strconv.Itoa(i)
		number, err := ParseNHSNumber(b.NHSNumber)
		if err != nil {
			return at(at(err, "nhsNumber"), place)
		}
		born, err := ledger.ParseBirth(b.DateOfBirth)
		if err != nil {
			return &Problem{Code: "date-format", Pointer: "/" + place + "/dateOfBirth"}
		}
		p := s.keys.Person(number.Digits())
		q.Babies = append(q.Babies, ledger.Baby{Person: p, LastDay: born.AddYears(18), Birth: s.birthTag(p, b.DateOfBirth)})
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	for i, b := range in.Babies {
		number, _ := ParseNHSNumber(b.NHSNumber)
		if err := d.seal(ledger.HolderPerson, q.Babies[i].Person[:], ledger.PayloadAccess, i+1, ledger.AccessDetails{NHSNumber: number.Digits()}); err != nil {
			return err
		}
	}
	return d.recorded(w, r, q)
}

// recorded has a request decided whose answer says no more than that it was.
func (d *draft) recorded(w http.ResponseWriter, r *http.Request, q ledger.Request) error {
	out, err := d.propose(r.Context(), q)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.finish(w, out, http.StatusCreated)
	return nil
}

type birthCorrectionBody struct {
	NHSNumber string `json:"nhsNumber" strict:"required"`
	Reason    string `json:"reason" strict:"required"`
}

// postBirthCorrection undoes a link between a baby and a mother that was wrong.
func (s *Server) postBirthCorrection(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in birthCorrectionBody
	d, p, err := s.aboutPerson(w, r, who, "births/corrections", &in, func() (string, string) { return in.NHSNumber, in.Reason })
	if err != nil {
		return err
	}
	return d.recorded(w, r, &ledger.TakeBackBirth{Baby: p})
}

type pregnancyEndedBody struct {
	NHSNumber string `json:"nhsNumber" strict:"required"`
	Reason    string `json:"reason" strict:"required"`
}

// postPregnancyEnded takes a mother's unborn child's plan out of every answer.
func (s *Server) postPregnancyEnded(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in pregnancyEndedBody
	d, p, err := s.aboutPerson(w, r, who, "pregnancies/ended", &in, func() (string, string) { return in.NHSNumber, in.Reason })
	if err != nil {
		return err
	}
	return d.recorded(w, r, &ledger.EndPregnancy{Mother: p})
}

// aboutPerson begins a command about a person, with a reason.
func (s *Server) aboutPerson(w http.ResponseWriter, r *http.Request, who *Identity, route string, in any, said func() (number, reason string)) (*draft, ledger.PersonRef, error) {
	var p ledger.PersonRef
	content, err := s.body(r, route, in)
	if err != nil {
		return nil, p, err
	}
	text, reason := said()
	number, err := ParseNHSNumber(text)
	if err != nil {
		return nil, p, at(err, "nhsNumber")
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return nil, p, err
	}
	return d, s.keys.Person(number.Digits()), d.reason(reason)
}

type motherBody struct {
	Unscheduled *bool  `json:"unscheduled"`
	Attendance  string `json:"attendance"`
	CallBack    string `json:"callBack"`
	Reason      string `json:"reason"`
}

// postMother looks up the mother of a baby that the caller has looked up: an
// access of its own, in her trail. Her number need not be known for it.
func (s *Server) postMother(w http.ResponseWriter, r *http.Request, who *Identity) error {
	seq, err := s.pathSeq(r, "seq")
	if err != nil {
		return err
	}
	var in motherBody
	content, err := s.optionalBody(r, "mothers/"+pathVar(r, "seq"), &in)
	if err != nil {
		return err
	}
	for _, f := range []struct{ value, name string }{{in.Attendance, "attendance"}, {in.CallBack, "callBack"}, {in.Reason, "reason"}} {
		if len(f.value) > 1000 {
			return &Problem{Code: "field-value", Pointer: "/" + f.name}
		}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	q := &ledger.LookUpMother{Access: seq, Declared: declared(in.Unscheduled), Reasoned: in.Reason != "", System: who.Machine}
	if in.Attendance != "" {
		q.Attendance = s.keys.Tag("attendance", who.Organisation, in.Attendance)
	}
	if mother, ok, err := s.motherOf(seq); err != nil {
		return err
	} else if ok {
		if err := d.seal(ledger.HolderPerson, mother[:], ledger.PayloadAccess, 0,
			ledger.AccessDetails{Attendance: in.Attendance, CallBack: in.CallBack, Reason: in.Reason}); err != nil {
			return err
		}
	}
	out, err := d.propose(r.Context(), q)
	if err != nil {
		return err
	}
	s.stats.lookups.WithLabelValues(out.Answer.Access.Outcome.String()).Inc()
	return s.writeLookup(w, out, "")
}

// motherOf is whose key seals what a lookup of a mother says: the reference to
// which the looked-up baby is linked. Whether it may be used is for the decision.
func (s *Server) motherOf(access ledger.Seq) (ledger.PersonRef, bool, error) {
	view := s.node.View()
	a, ok, err := view.Access(access)
	if err != nil || !ok {
		return ledger.PersonRef{}, false, err
	}
	b, ok, err := view.Birth(a.Person)
	return b.Mother, ok, err
}

func declared(unscheduled *bool) ledger.Declared {
	switch {
	case unscheduled == nil:
		return ledger.DeclaredNothing
	case *unscheduled:
		return ledger.DeclaredUnscheduled
	}
	return ledger.DeclaredScheduled
}

// ofMother reports whether what plans show is held against the person's mother.
func ofMother(plans []projection.PlanShown) bool { return len(plans) > 0 && plans[0].Mother }
