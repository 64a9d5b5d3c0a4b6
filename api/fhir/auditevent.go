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

// What an audit trail calls accesses to a server over HTTP, in the words that
// IHE's Basic Audit Log Patterns and the NHS's Patient Audit Record Service use.
var (
	RESTOperation = Coding{"http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"}

	Recipient   = Concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", "information recipient")
	Destination = Concept("http://dicom.nema.org/resources/ontology/DCM", "110152", "Destination Role ID")
	Server      = Coding{"http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"}

	Person      = Coding{"http://terminology.hl7.org/CodeSystem/audit-entity-type", "1", "Person"}
	Transaction = Coding{System: "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", Code: "XrequestId"}
	Endpoint    = Coding{System: "http://hl7.org/fhir/resource-types", Code: "Endpoint"}

	Patient    = Coding{"http://terminology.hl7.org/CodeSystem/object-role", "1", "Patient"}
	Repository = Coding{"http://terminology.hl7.org/CodeSystem/object-role", "17", "Data Repository"}
)

// RESTful is an interaction, as the subtype of an access.
func RESTful(code string) Coding {
	return Coding{System: "http://hl7.org/fhir/restful-interaction", Code: code}
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
