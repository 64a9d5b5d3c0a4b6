package api

import (
	"net/http"
	"strings"
	"time"

	"custos/api/cpis"
	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// CDS Hooks: a record system asks at the beginning of an encounter, and shows
// the card that it is given. What it asks with is its FHIR server's own resources.

const (
	hookID   = "child-protection"
	hookName = "encounter-start"
	hookBody = 256 << 10

	nhsNumberSystem = "https://fhir.nhs.uk/Id/nhs-number"
)

// hookServices describes the one service, as the specification has it.
func (s *Server) hookServices(w http.ResponseWriter, _ *http.Request) {
	_ = sendJSON(w, map[string]any{"services": []any{map[string]any{
		"hook": hookName, "id": hookID, "title": "Child protection information",
		"description": "Looks the arriving person up, on the record, and tells the local authority as for any lookup.",
		"prefetch":    map[string]string{"patient": "Patient/{{context.patientId}}", "user": "{{context.userId}}"},
	}}}) // strings always encode
}

type hookRequest struct {
	_        struct{}    `strict:"open"`
	Hook     string      `json:"hook" strict:"required"`
	Instance string      `json:"hookInstance" strict:"required"`
	Context  hookContext `json:"context" strict:"required"`
	Prefetch struct {
		_       struct{}      `strict:"open"`
		Patient *hookResource `json:"patient"`
		User    *hookResource `json:"user"`
	} `json:"prefetch"`
}

type hookContext struct {
	_         struct{} `strict:"open"`
	User      string   `json:"userId" strict:"required"`
	Patient   string   `json:"patientId" strict:"required"`
	Encounter string   `json:"encounterId" strict:"required"`
}

// hookResource is what is read of a Patient or of a user's resource.
type hookResource struct {
	_          struct{} `strict:"open"`
	Type       string   `json:"resourceType" strict:"required"`
	Identifier []struct {
		_      struct{} `strict:"open"`
		System string   `json:"system"`
		Value  string   `json:"value"`
	} `json:"identifier"`
	Name    []hookPersonName `json:"name"`
	Birth   string           `json:"birthDate"`
	Address []struct {
		_        struct{} `strict:"open"`
		Use      string   `json:"use"`
		Postcode string   `json:"postalCode"`
	} `json:"address"`
}

type hookPersonName struct {
	_      struct{} `strict:"open"`
	Use    string   `json:"use"`
	Text   string   `json:"text"`
	Family string   `json:"family"`
	Given  []string `json:"given"`
	Prefix []string `json:"prefix"`
}

func (n *hookPersonName) full() string {
	if n.Text != "" {
		return n.Text
	}
	return strings.Join(append(append(append([]string{}, n.Prefix...), n.Given...), n.Family), " ")
}

// postHook answers one hook with a card.
func (s *Server) postHook(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in hookRequest
	var content ledger.Tag
	if err := withBody(r.Body, hookBody, func(raw []byte) error {
		content = s.keys.Content("cds-services", raw)
		return decodeStrictBytes(raw, &in)
	}); err != nil {
		return err
	}
	switch {
	case pathVar(r, "id") != hookID:
		return problem("not-found")
	case in.Hook != hookName:
		return (&Problem{Code: "field-value", Pointer: "/hook"}).with("This service answers " + hookName + ".")
	case !isUUID(in.Instance):
		return &Problem{Code: "field-value", Pointer: "/hookInstance"}
	case in.Prefetch.Patient == nil || in.Prefetch.Patient.Type != "Patient":
		s.stats.arrivals.WithLabelValues("refused").Inc()
		return problem("prefetch-missing")
	}
	a := in.Prefetch.Patient.arrival()
	a.attendance, a.bounded = cpis.Tidy(in.Context.Encounter, 200), true
	if who.Machine {
		a.by = in.Prefetch.User.answerable(who.Subject)
	}
	out, err := s.arrive(r.Context(), who, a, func(as *Identity) (*draft, error) { return s.draft(w, r, as, content) })
	if err != nil {
		return err
	}
	cite(w, out.Answer.Seq)
	card, err := s.card(out)
	if err != nil {
		return err
	}
	return sendJSON(w, map[string]any{"cards": []any{card}})
}

// arrival is who came, as their Patient has them.
func (p *hookResource) arrival() *arrival {
	a := &arrival{}
	for i := range p.Identifier {
		if p.Identifier[i].System == nhsNumberSystem {
			a.number = p.Identifier[i].Value
			break
		}
	}
	a.known = &tracedBody{DateOfBirth: p.Birth}
	if _, err := time.Parse(time.DateOnly, p.Birth); err != nil {
		a.known.DateOfBirth = "" // of a year or a month nobody is told apart
	}
	for i := range p.Name {
		if n := &p.Name[i]; n.Family != "" && (a.known.FamilyName == "" || n.Use == "official") {
			a.known.FamilyName, a.known.GivenNames = n.Family, strings.Join(n.Given, " ")
		}
	}
	for i := range p.Address {
		if p.Address[i].Use != "old" && a.known.Postcode == "" {
			a.known.Postcode = p.Address[i].Postcode
		}
	}
	return a
}

// answerable is who answers for a hook that a system's own token asks: its user.
func (p *hookResource) answerable(system string) *answerable {
	by := &answerable{System: system}
	if p == nil || len(p.Name) == 0 {
		return by
	}
	by.Name = cpis.Tidy(p.Name[0].full(), 200)
	return by
}

// card says what was found, and what "nothing" means.
func (s *Server) card(out *consensus.Outcome) (map[string]any, error) {
	a := &out.Answer
	summary, indicator, detail := "", "warning", ""
	switch {
	case a.Access == nil:
		summary, detail = "Nobody was looked up: the NHS number is not known", notTracedCaution
	case a.Access.Outcome == ledger.OutcomeNotFound:
		summary, indicator, detail = "No child protection record was found", "info", caution
	case a.Access.Outcome == ledger.OutcomeMismatch:
		summary, detail = "Identity not confirmed: nothing is shown", mismatchCaution
	default:
		summary, indicator = "This person has a child protection record", "critical"
		var err error
		if detail, err = s.planLines(a.Plans, a.At.Day()); err != nil {
			return nil, err
		}
	}
	return map[string]any{
		"uuid": uuidOf(ledger.DeriveID("card", []byte(a.At.String()), []byte(out.Receipt().Format()))), "summary": summary, "indicator": indicator, "detail": detail,
		"source":    map[string]string{"label": "Child Protection - Information Sharing"},
		"extension": map[string]any{"org.custos.record": map[string]any{"seq": a.Seq, "receipt": string(out.Receipt().Format())}},
	}, nil
}

// planLines lists plans with whom to ring, as Markdown.
func (s *Server) planLines(plans []projection.PlanShown, today ledger.Day) (string, error) {
	var b strings.Builder
	for i := range plans {
		p := &plans[i].Plan
		o, err := s.organisation(p.Authority)
		if err != nil {
			return "", err
		}
		state := "ended"
		if p.Active(today) {
			state = "active"
		}
		b.WriteString("* " + strings.ReplaceAll(p.Type.String(), "-", " ") + ", " + state + ", since " + p.Start.String() + ": " + plainMark.Replace(o.Name) +
			", office hours " + plainMark.Replace(o.Directory.OfficeHours) + ", out of hours " + plainMark.Replace(o.Directory.EmergencyDuty) + "\n")
	}
	return b.String(), nil
}

// plainMark keeps what is recorded of an authority from being read as Markdown.
var plainMark = strings.NewReplacer("*", "", "_", " ", "[", "", "]", "", "<", "", "`", "", "\n", " ")

// uuidOf writes an identifier as everybody but HL7 has it.
func uuidOf(i ledger.ID) string { return strings.ToLower(cpis.UUID(i)) }
