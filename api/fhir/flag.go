package fhir

// Flag warns of something about a person.
type Flag struct {
	ResourceType Is[flag]        `json:"resourceType"`
	ID           string          `json:"id,omitempty"`
	Meta         *Meta           `json:"meta,omitempty"`
	Contained    []Provenance    `json:"contained,omitempty"`
	Extension    []Extension     `json:"extension,omitempty"`
	Status       string          `json:"status"` // active, inactive
	Code         CodeableConcept `json:"code"`
	Subject      Reference       `json:"subject"`
	Period       *Period         `json:"period,omitempty"`
}

type flag struct{}

func (flag) name() string { return "Flag" }

// CarePlan is that there is a plan, and never what is in it.
type CarePlan struct {
	ResourceType Is[carePlan]      `json:"resourceType"`
	ID           string            `json:"id,omitempty"`
	Meta         *Meta             `json:"meta,omitempty"`
	Status       string            `json:"status"` // active, completed
	Intent       string            `json:"intent"`
	Category     []CodeableConcept `json:"category,omitempty"`
	Subject      Reference         `json:"subject"`
	Period       *Period           `json:"period,omitempty"`
	CareTeam     []Reference       `json:"careTeam,omitempty"`
}

type carePlan struct{}

func (carePlan) name() string { return "CarePlan" }

// Provenance is who made something, and when.
type Provenance struct {
	ResourceType Is[provenance]    `json:"resourceType"`
	ID           string            `json:"id,omitempty"`
	Meta         *Meta             `json:"meta,omitempty"`
	Target       []Reference       `json:"target"`
	Recorded     string            `json:"recorded"`
	Activity     *CodeableConcept  `json:"activity,omitempty"`
	Agent        []ProvenanceAgent `json:"agent"`
}

type provenance struct{}

func (provenance) name() string { return "Provenance" }

// ProvenanceAgent is who had a part in it.
type ProvenanceAgent struct {
	Role []CodeableConcept `json:"role,omitempty"`
	Who  Reference         `json:"who"`
}

// What the Patient Flag API publishes for CP-IS.
const (
	FlagSystem = "https://fhir.nhs.uk/England/CodeSystem/England-FlagCategoryPatient"
	FlagCode   = "child-protection-information-system-flag"

	flagDetail = "http://hl7.org/fhir/StructureDefinition/flag-detail"
	profiles   = "https://fhir.nhs.uk/England/StructureDefinition/England-"
)

// The profiles that the Patient Flag API's resources claim, and its codes.
var (
	FlagProfile       = &Meta{Profile: []string{profiles + "Flag-PatientFlag"}}
	CarePlanProfile   = &Meta{Profile: []string{profiles + "CarePlan-Flag"}}
	CareTeamProfile   = &Meta{Profile: []string{profiles + "CareTeam-Flag"}}
	ProvenanceProfile = &Meta{Profile: []string{profiles + "Provenance-Flag"}}

	CPIS   = Concept(FlagSystem, FlagCode, "Child Protection Information System Flag")
	Create = Concept("http://terminology.hl7.org/CodeSystem/v3-DataOperation", "CREATE", "create")
)

// Detail is the extension of a flag that says where more is.
func Detail(of Reference) Extension { return Extension{URL: flagDetail, ValueReference: &of} }

// Created says of what it is contained in that an organisation made it.
func Created(id, recorded string, by Reference) Provenance {
	return Provenance{ID: id, Meta: ProvenanceProfile, Target: []Reference{{Reference: "#"}}, Recorded: recorded, Activity: &Create,
		Agent: []ProvenanceAgent{{Role: []CodeableConcept{{Text: "local authority"}}, Who: by}}}
}
