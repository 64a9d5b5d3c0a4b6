package fhir

// CareTeam is who is responsible for a plan.
type CareTeam struct {
	ResourceType Is[careTeam]      `json:"resourceType"`
	ID           string            `json:"id,omitempty"`
	Meta         *Meta             `json:"meta,omitempty"`
	Status       string            `json:"status,omitempty"` // active, inactive
	Category     []CodeableConcept `json:"category,omitempty"`
	Name         string            `json:"name,omitempty"`
	Subject      *Reference        `json:"subject,omitempty"`
	Period       *Period           `json:"period,omitempty"`
	Telecom      []ContactPoint    `json:"telecom,omitempty"`
}

type careTeam struct{}

func (careTeam) name() string { return "CareTeam" }

// The kinds of plan, as England's value set for child protection plans codes
// them in SNOMED CT.
var (
	ChildProtection = Concept(SystemSNOMED, "342191000000101", "Subject to child protection plan")
	LookedAfter     = Concept(SystemSNOMED, "764841000000100", "Looked after child")
	UnbornChild     = Concept(SystemSNOMED, "818901000000100", "Unborn child subject to child protection plan")
)
