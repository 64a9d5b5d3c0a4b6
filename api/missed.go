package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"custos/api/fhir"
	"custos/consensus"
	"custos/ledger"
)

// missedBody is an appointment that a person was not brought to.
type missedBody struct {
	NHSNumber     string `json:"nhsNumber" strict:"required"`
	AppointmentAt string `json:"appointmentAt" strict:"required"`
	Service       string `json:"service" strict:"required"`
}

func (s *Server) postMissedAppointment(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in missedBody
	content, err := s.body(r, "missed-appointments", &in)
	if err != nil {
		return err
	}
	number, err := ParseNHSNumber(in.NHSNumber)
	if err != nil {
		return at(err, "nhsNumber")
	}
	t, err := time.Parse(time.RFC3339, in.AppointmentAt)
	if err != nil {
		return &Problem{Code: "date-format", Pointer: "/appointmentAt"}
	}
	if len(in.Service) > 200 {
		return &Problem{Code: "field-value", Pointer: "/service"}
	}
	out, err := s.missed(w, r, who, content, number, t, in.Service)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	if err := s.writeTold(j, out.Answer.Told, nil); err != nil {
		return err
	}
	j.finish(w, out, http.StatusCreated)
	return nil
}

// missed has it recorded, in whatever form it was told.
func (s *Server) missed(w http.ResponseWriter, r *http.Request, who *Identity, content ledger.Tag, number NHSNumber, t time.Time, service string) (*consensus.Outcome, error) {
	person := s.keys.Person(number.Digits())
	if err := s.tooMany(r.Context(), who, person, ledger.ActMissAppointment); err != nil {
		return nil, err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return nil, err
	}
	if err := d.seal(ledger.HolderPerson, person[:], ledger.PayloadAppointment, 0,
		ledger.AppointmentDetails{NHSNumber: number.Digits(), Service: service}); err != nil {
		return nil, err
	}
	return d.propose(r.Context(), &ledger.MissAppointment{Person: person, At: ledger.Of(t)})
}

// fhirAppointment is what is read of an Appointment. The rest of it is the sender's.
type fhirAppointment struct {
	_            struct{} `strict:"open"`
	ResourceType string   `json:"resourceType" strict:"required"`
	Status       string   `json:"status" strict:"required"`
	Start        string   `json:"start" strict:"required"`
	Description  string   `json:"description"`
	ServiceType  []struct {
		_    struct{} `strict:"open"`
		Text string   `json:"text"`
	} `json:"serviceType"`
	Participant []struct {
		_     struct{} `strict:"open"`
		Actor struct {
			_          struct{} `strict:"open"`
			Identifier struct {
				_      struct{} `strict:"open"`
				System string   `json:"system"`
				Value  string   `json:"value"`
			} `json:"identifier"`
		} `json:"actor"`
	} `json:"participant" strict:"required"`
}

// patient is the one participant who is known by an NHS number.
func (a *fhirAppointment) patient() (number NHSNumber, err error) {
	found := false
	for i := range a.Participant {
		id := &a.Participant[i].Actor.Identifier
		if id.System != fhir.SystemNHSNumber {
			continue
		}
		if found {
			return number, &Problem{Code: "field-value", Detail: "More than one participant has an NHS number.", Pointer: "/participant"}
		}
		found = true
		if number, err = ParseNHSNumber(id.Value); err != nil {
			return number, at(err, "participant")
		}
	}
	if !found {
		err = problem("identifier-system")
	}
	return number, err
}

// service is what was missed, in words.
func (a *fhirAppointment) service() string {
	for i := range a.ServiceType {
		if t := a.ServiceType[i].Text; t != "" {
			return t
		}
	}
	return a.Description
}

// postAppointment takes an Appointment of status noshow: a missed appointment.
func (s *Server) postAppointment(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in fhirAppointment
	content, err := s.body(r, "FHIR Appointment", &in)
	if err != nil {
		return err
	}
	if in.ResourceType != "Appointment" {
		return &Problem{Code: "field-value", Pointer: "/resourceType"}
	}
	if in.Status != "noshow" {
		return &Problem{Code: "field-value", Detail: "An appointment of status noshow is taken, and no other.", Pointer: "/status"}
	}
	t, err := time.Parse(time.RFC3339, in.Start)
	if err != nil {
		return &Problem{Code: "date-format", Pointer: "/start"}
	}
	number, err := in.patient()
	if err != nil {
		return err
	}
	if len(in.service()) > 200 {
		return &Problem{Code: "field-value", Pointer: "/serviceType"}
	}
	out, err := s.missed(w, r, who, content, number, t, in.service())
	if err != nil {
		return err
	}
	answer := &fhir.OperationOutcome{ID: fhirID(out.Answer.Seq), Issue: []fhir.Issue{{Severity: "information", Code: "informational",
		Diagnostics: "The missed appointment is recorded."}}}
	for _, told := range out.Answer.Told {
		o, err := s.organisation(told.Authority)
		if err != nil {
			return err
		}
		answer.Issue = append(answer.Issue, fhir.Issue{Severity: "information", Code: "informational",
			Diagnostics: organisationShown(o, told.Authority, ledger.ProfileDetails{}) + ": " + told.State.String() + ". " + toldNotice})
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	cite(w, out.Answer.Seq)
	h := w.Header()
	h["Content-Type"], h["Content-Length"] = fhirJSON, []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body)
	return nil
}
