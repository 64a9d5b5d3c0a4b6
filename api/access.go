package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// lookupBody is what a lookup may say.
type lookupBody struct {
	NHSNumber         *string `json:"nhsNumber"`
	DateOfBirth       string  `json:"dateOfBirth"`
	Unscheduled       *bool   `json:"unscheduled"`
	Attendance        string  `json:"attendance"`
	AttendedAt        string  `json:"attendedAt"`
	CallBack          string  `json:"callBack"`
	IdentityConfirmed bool    `json:"identityConfirmed"`
	Reason            string  `json:"reason"`

	Trace       *tracedBody      `json:"trace"`       // instead of a number
	Responsible *responsibleBody `json:"responsible"` // who answers for it, where a system asks
}

// responsibleBody is a person in whose name a system asks.
type responsibleBody struct {
	Name string `json:"name" strict:"required"`
	Role string `json:"role"`
}

// caution goes with every answer that shows no plan.
const caution = "No record here is not evidence of safety: siblings, children in need, privately fostered children " +
	"and children of other nations are not covered. Local systems and procedures still apply."

const mismatchCaution = `Identity not confirmed; this is not "no plan". Check the date of birth with the family and the record. ` +
	"If the person is the right one, ask again with identityConfirmed and a reason."

// postLookup is the path of one disclosure at the edge: strict input, sealed
// parts, a recorded decision, and only then what that decision disclosed.
func (s *Server) postLookup(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in lookupBody
	content, err := s.body(r, "lookups", &in)
	if err != nil {
		return err
	}
	if in.Trace != nil {
		return s.postTraced(w, r, who, &in, content)
	}
	l, as, err := s.readLookup(&in, who)
	if err != nil {
		return err
	}
	out, err := s.lookUp(w, r, as, content, l)
	if err != nil {
		return err
	}
	return s.writeAsked(w, out, "")
}

// readLookup makes a question of what a caller said, and says in whose name it is
// asked, or what is wrong with it.
func (s *Server) readLookup(in *lookupBody, who *Identity) (*lookup, *Identity, error) {
	if in.NHSNumber == nil {
		return nil, nil, &Problem{Code: "json-missing-field", Pointer: "/nhsNumber"}
	}
	number, err := ParseNHSNumber(*in.NHSNumber)
	if err != nil {
		return nil, nil, at(err, "nhsNumber")
	}
	return s.lookupOf(number, who, in)
}

// lookupOf is readLookup of a number that is known.
func (s *Server) lookupOf(number NHSNumber, who *Identity, in *lookupBody) (*lookup, *Identity, error) {
	l := s.newLookup(number, who, in.Attendance)
	l.query.Confirmed, l.query.Reasoned = in.IdentityConfirmed, in.Reason != ""
	if in.DateOfBirth != "" {
		if _, err := ledger.ParseBirth(in.DateOfBirth); err != nil {
			return nil, nil, &Problem{Code: "date-format", Pointer: "/dateOfBirth"}
		}
		l.query.Birth = s.birthTag(l.query.Person, in.DateOfBirth)
	}
	if in.AttendedAt != "" {
		t, err := time.Parse(time.RFC3339, in.AttendedAt)
		if err != nil {
			return nil, nil, &Problem{Code: "date-format", Pointer: "/attendedAt"}
		}
		l.query.AttendedAt = ledger.Of(t)
	}
	for _, f := range []struct{ value, name string }{{in.Attendance, "attendance"}, {in.CallBack, "callBack"}, {in.Reason, "reason"}} {
		if len(f.value) > 1000 {
			return nil, nil, &Problem{Code: "field-value", Pointer: "/" + f.name}
		}
	}
	l.query.Declared = declared(in.Unscheduled)
	l.details.CallBack, l.details.Reason = in.CallBack, in.Reason
	as, tag, err := s.inTheNameOf(who, in.Responsible)
	l.query.Responsible = tag
	return l, as, err
}

// lookup is one question about a person, in whatever form it was asked.
type lookup struct {
	query     ledger.LookUp
	details   ledger.AccessDetails
	emergency bool
}

// newLookup is a question about a number, and where the caller named one, in
// an attendance. An attendance is told apart within the caller's organisation.
func (s *Server) newLookup(number NHSNumber, who *Identity, attendance string) *lookup {
	l := &lookup{query: ledger.LookUp{Person: s.keys.Person(number.Digits()), System: who.Machine}}
	l.details.NHSNumber, l.details.Attendance = number.Digits(), attendance
	if attendance != "" {
		l.query.Attendance = s.keys.Tag("attendance", who.Organisation, attendance)
	}
	return l
}

// lookUp has a lookup decided and recorded; content says what was asked. Only
// what it returns may be shown.
func (s *Server) lookUp(w http.ResponseWriter, r *http.Request, who *Identity, content ledger.Tag, l *lookup) (*consensus.Outcome, error) {
	if err := s.tooMany(r.Context(), who, l.query.Person, ledger.ActLookUp); err != nil {
		return nil, err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return nil, err
	}
	l.from(r)
	return s.look(r.Context(), d, l)
}

// from notes the identifiers that the caller's own systems gave the request.
func (l *lookup) from(r *http.Request) {
	if i := requestInfoOf(r); i != nil {
		l.details.Correlation, l.details.Trace = i.CorrelationID, i.TraceID
		if i.given {
			l.details.Request = i.RequestID
		}
	}
}

// look is lookUp for a command that is begun.
func (s *Server) look(ctx context.Context, d *draft, l *lookup) (*consensus.Outcome, error) {
	person := l.query.Person
	if err := d.seal(ledger.HolderPerson, person[:], ledger.PayloadAccess, 0, &l.details); err != nil {
		return nil, err
	}
	var q ledger.Request = &l.query
	if l.emergency {
		q = &ledger.BreakGlass{LookUp: l.query}
	}
	out, err := d.propose(ctx, q)
	if err != nil {
		return nil, err
	}
	if out.Answer.Access != nil { // else the same command was a trace before
		s.stats.lookups.WithLabelValues(out.Answer.Access.Outcome.String()).Inc()
	}
	return out, nil
}

// writeLookup opens what the committed outcome disclosed, and nothing else.
// A number that the register gave goes with it: whoever asked must see whom it found.
func (s *Server) writeLookup(w http.ResponseWriter, out *consensus.Outcome, number string) error {
	a := &out.Answer
	j := newJSONWriter()
	j.open('{')
	j.field("outcome", a.Access.Outcome.String())
	j.optional("nhsNumber", number)
	j.key("seq")
	j.number(int64(a.Seq))
	j.key("asOf")
	j.time(a.At)
	j.key("unscheduled")
	j.boolean(a.Access.Unscheduled)
	writeBroken(j, a.Glass)
	if a.Access.Conflict { // what was declared contradicts the policy: told, and recorded
		j.key("conflict")
		j.boolean(true)
	}
	if err := s.writePlans(j, a.Plans, a.At, true); err != nil {
		return err
	}
	if err := s.writeHistory(j, a.Visits, a.Profiles, a.At); err != nil {
		return err
	}
	j.key("accessCount")
	j.number(int64(a.Count))
	if err := s.writeTold(j, a.Told, a.Profiles); err != nil {
		return err
	}
	if len(a.Told) > 0 {
		j.field("notice", toldNotice)
	}
	switch a.Access.Outcome {
	case ledger.OutcomeMismatch:
		j.field("caution", mismatchCaution)
	case ledger.OutcomeNotFound:
		j.field("caution", caution)
		if err := s.writeCoverage(j, a.At); err != nil {
			return err
		}
	}
	if a.OfferMother {
		j.key("mother")
		j.open('{')
		j.field("lookup", "/v1/lookups/"+strconv.FormatUint(uint64(a.Seq), 10)+"/mother")
		j.close('}')
	}
	j.key("receipt")
	j.receipt(out.Receipt())
	j.close('}')
	cite(w, a.Seq)
	j.send(w, http.StatusOK)
	return nil
}

// writePlans appends "person" (with who) and "plans".
func (s *Server) writePlans(j *jsonWriter, plans []projection.PlanShown, now ledger.Time, who bool) error {
	today := now.Day()
	if who && len(plans) > 0 && !ofMother(plans) {
		d, err := s.openPerson(plans)
		if err != nil {
			return err
		}
		writePerson(j, d)
	}
	j.key("plans")
	j.open('[')
	for i := range plans {
		p := &plans[i].Plan
		j.open('{')
		j.field("type", p.Type.String())
		if plans[i].Mother {
			j.field("of", "mother") // an unborn child's plan, until the child has its own
		}
		if p.Active(today) {
			j.field("status", "active")
		} else {
			j.field("status", "ended")
		}
		j.day("start", p.Start)
		j.day("end", p.End)
		j.day("visibleUntil", p.VisibleUntil())
		o, err := s.organisation(p.Authority)
		if err != nil {
			return err
		}
		j.key("localAuthority")
		j.open('{')
		j.numbers(p.Authority, &o, now)
		if unconfirmed(&o, now) {
			j.key("unconfirmed") // nobody has confirmed these numbers for 90 days
			j.boolean(true)
		}
		j.close('}')
		j.close('}')
	}
	j.close(']')
	return nil
}

// openPerson opens whom the plans of one answer are about.
func (s *Server) openPerson(plans []projection.PlanShown) (*ledger.PlanDetails, error) {
	d := new(ledger.PlanDetails)
	return d, s.open(plans[0].Details, d)
}

func writePerson(j *jsonWriter, d *ledger.PlanDetails) {
	j.key("person")
	j.open('{')
	j.field("familyName", d.Family)
	j.field("givenNames", d.Given)
	j.optional("dateOfBirth", d.Birth)
	j.close('}')
}

// open decrypts a payload of a committed outcome. One whose key was erased
// reads as nothing; one that does not open is a failure, not an empty answer.
func (s *Server) open(shown ledger.Shown, details any) error {
	err := s.keys.Open(shown, details)
	if errors.Is(err, ledger.ErrErased) {
		return nil
	}
	return err
}

func roleShown(d ledger.ProfileDetails, r ledger.Role) string {
	if d.RoleName != "" {
		return d.RoleName
	}
	return r.String()
}

func organisationShown(o ledger.Organisation, code string, d ledger.ProfileDetails) string {
	switch {
	case o.Name != "":
		return o.Name
	case d.Organisation != "":
		return d.Organisation
	}
	return code
}

// correctionBody says why a lookup was of the wrong person.
type correctionBody struct {
	Reason string `json:"reason" strict:"required"`
}

func (s *Server) postCorrection(w http.ResponseWriter, r *http.Request, who *Identity) error {
	seq, err := s.pathSeq(r, "seq")
	if err != nil {
		return err
	}
	var in correctionBody
	content, err := s.body(r, "corrections/"+pathVar(r, "seq"), &in)
	if err != nil {
		return err
	}
	out, err := s.reasoned(w, r, who, content, in.Reason, &ledger.CorrectAccess{Access: seq})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.key("corrected")
	j.number(int64(seq))
	if err := s.writeTold(j, out.Answer.Told, nil); err != nil {
		return err
	}
	j.finish(w, out, http.StatusCreated)
	return nil
}

// finish appends what ends every recorded answer, and sends it.
func (j *jsonWriter) finish(w http.ResponseWriter, out *consensus.Outcome, status int) {
	j.key("seq")
	j.number(int64(out.Answer.Seq))
	j.key("receipt")
	j.receipt(out.Receipt())
	j.close('}')
	cite(w, out.Answer.Seq)
	j.send(w, status)
}

// reason seals a free text under the caller's own key.
func (d *draft) reason(text string) error {
	if text == "" || len(text) > 2000 {
		return &Problem{Code: ledger.RefusedReasonMissing, Pointer: "/reason"}
	}
	id := d.actor.actor.ID()
	return d.seal(ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: text})
}

// birthTag is the keyed tag of a birth date, YYYY-MM-DD, within its person.
func (s *Server) birthTag(p ledger.PersonRef, birth string) ledger.Tag {
	return s.keys.Tag("birth", string(p[:]), birth)
}

func parseDate(text, field string) (ledger.Day, error) {
	d, err := ledger.ParseDay(text)
	if err != nil {
		return 0, &Problem{Code: "date-format", Pointer: "/" + field}
	}
	return d, nil
}

// at puts a field's name in front of a problem's pointer.
func at(err error, field string) error {
	var p *Problem
	if errors.As(err, &p) {
		return p.within(field)
	}
	return err
}
