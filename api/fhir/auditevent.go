package fhir

// AuditEvent is one access.
type AuditEvent struct {
	ResourceType Is[auditEvent] `json:"resourceType"`
	ID           string         `json:"id,omitempty"`
	Meta         *Meta          `json:"meta,omitempty"`
	Extension    []Extension    `json:"extension,omitempty"`
	Type         Coding         `json:"type"`
	Subtype      []Coding       `json:"subtype,omitempty"`
	Action       string         `json:"action,omitempty"`
	Recorded     string         `json:"recorded"`
	Outcome      string         `json:"outcome,omitempty"`
	OutcomeDesc  string         `json:"outcomeDesc,omitempty"`
	Agent        []AuditAgent   `json:"agent"`
	Source       AuditSource    `json:"source"`
	Entity       []AuditEntity  `json:"entity,omitempty"`
}

type auditEvent struct{}

func (auditEvent) name() string { return "AuditEvent" }

// AuditAgent is who had a part in it.
type AuditAgent struct {
	Type      *CodeableConcept  `json:"type,omitempty"`
	Role      []CodeableConcept `json:"role,omitempty"`
	Who       *Reference        `json:"who,omitempty"`
	Requestor bool              `json:"requestor"`
	Network   *AuditNetwork     `json:"network,omitempty"`
}

// AuditNetwork is where an agent was on a network; or why that is not said.
type AuditNetwork struct {
	Extension []Extension `json:"extension,omitempty"`
}

// AuditSource is who says so.
type AuditSource struct {
	Site     string    `json:"site,omitempty"`
	Observer Reference `json:"observer"`
	Type     []Coding  `json:"type,omitempty"`
}

// AuditEntity is what it was about.
type AuditEntity struct {
	What *Reference `json:"what,omitempty"`
	Type *Coding    `json:"type,omitempty"`
	Role *Coding    `json:"role,omitempty"`
	Name string     `json:"name,omitempty"`

	Query  []byte        `json:"query,omitempty"` // base64Binary
	Detail []AuditDetail `json:"detail,omitempty"`
}

// AuditDetail is more about an entity.
type AuditDetail struct {
	Type        string `json:"type"`
	ValueString string `json:"valueString"`
}

// Access is the type of a line of CP-IS's access history.
var Access = Coding{SystemLifecycle, "access", "Access/View Record Lifecycle Event"}

var (
	patientRole  = Concept(SystemRoleClass, "PAT", "patient")
	assignedRole = Concept(SystemRoleClass, "ASSIGNED", "assigned entity")
)

// Accessed is a line of CP-IS's access history: somebody, in a role that stands
// in the same bundle, has seen the record of a person.
func Accessed(id, recorded string, patient Identifier, role string) AuditEvent {
	by := Reference{Reference: role}
	return AuditEvent{ID: id, Type: Access, Recorded: recorded, Source: AuditSource{Observer: by},
		Agent: []AuditAgent{
			{Type: &patientRole, Who: &Reference{Identifier: &patient}},
			{Type: &assignedRole, Who: &by, Requestor: true},
		}}
}

// PractitionerRole is somebody in a role at an organisation.
type PractitionerRole struct {
	ResourceType Is[practitionerRole] `json:"resourceType"`
	ID           string               `json:"id,omitempty"`
	Practitioner *Reference           `json:"practitioner,omitempty"`
	Organization *Reference           `json:"organization,omitempty"`
	Code         []CodeableConcept    `json:"code,omitempty"`
}

type practitionerRole struct{}

func (practitionerRole) name() string { return "PractitionerRole" }
