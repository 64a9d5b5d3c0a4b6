package fhir

// What an audit trail calls accesses to a server over HTTP, in the words that
// IHE's Basic Audit Log Patterns and the NHS's Patient Audit Record Service use.
var (
	restOperation = Coding{"http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"}

	recipient   = Concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", "information recipient")
	source      = Concept(systemDICOM, "110153", "Source Role ID")
	destination = Concept(systemDICOM, "110152", "Destination Role ID")
	application = Coding{"http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"}

	person      = Coding{"http://terminology.hl7.org/CodeSystem/audit-entity-type", "1", "Person"}
	system      = Coding{"http://terminology.hl7.org/CodeSystem/audit-entity-type", "2", "System Object"}
	transaction = Coding{System: "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", Code: "XrequestId"}
	endpoint    = Coding{System: "http://hl7.org/fhir/resource-types", Code: "Endpoint"}

	subject    = Coding{systemRole, "1", "Patient"}
	domain     = Coding{systemRole, "4", "Domain Resource"}
	repository = Coding{systemRole, "17", "Data Repository"}
	query      = Coding{systemRole, "24", "Query"}
)

const (
	systemDICOM = "http://dicom.nema.org/resources/ontology/DCM"
	systemRole  = "http://terminology.hl7.org/CodeSystem/object-role"

	// SystemPerson is of the ledger's own references to people.
	SystemPerson = "urn:x-custos:person"
	// systemEntry is of sequence numbers in a log.
	systemEntry = "urn:x-custos:seq"

	balp = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
)

// Audit is an access as an audit trail holds it: what an AuditEvent of BALP's
// shape is made of.
type Audit struct {
	ID       string
	Seq      int64
	Receipt  string // where the receipt of its entry is
	Kind     string // the ledger's
	Recorded string // an instant
	Denied   bool
	Words    string // the outcome, in words
	Site     string // the log's origin
	Command  string // a UUID
	Of       string // what was read, where it has a number of its own

	Organisation, OrganisationName         string
	Issuer, Subject, SubjectName, RoleName string

	Patient *Identifier // nil: it is about nobody, or nobody is told whom
	Asked   string      // the search as far as the record has it
}

// interactions are what accesses are over HTTP. What is not listed is a read.
var interactions = map[string]string{
	"accessed": "search", "reopened": "search", "traced": "search", "not-traced": "search",
	"caseload-accessed": "search", "subject-accessed": "search", "trail-read": "search",
	"holdings-read": "search", "unassigned-read": "search", "access-denied": "search",
	"appointment-missed": "create", "birth-recorded": "create", "pregnancy-ended": "update", "access-corrected": "update",
	"reviewed": "update", "number-superseded": "update", "numbers-parted": "update", "number-inactivated": "update",
}

// auditActions are the actions of interactions.
var auditActions = map[string]string{"search": "E", "read": "R", "create": "C", "update": "U"}

// Audited is an access as audit repositories take one. It claims a profile of
// BALP where it has all that the profile demands: of an answered search or read,
// whose client is known.
func Audited(a *Audit) AuditEvent {
	does, ok := interactions[a.Kind]
	if !ok {
		does = "read"
	}
	custos := Identifier{SystemProduct, "custos"}
	server := Reference{Type: "Device", Identifier: &custos, Display: "Custos"}
	// DICOM's words: in a search the question flows to the server, in a read the answer to the client.
	from, to := &source, &destination
	if does == "read" {
		from, to = to, from
	}
	e := AuditEvent{
		ID: a.ID, Extension: []Extension{{URL: systemEntry, ValueInteger: &a.Seq}, {URL: "urn:x-custos:receipt", ValueURL: a.Receipt}},
		Type: restOperation, Subtype: []Coding{{System: "http://hl7.org/fhir/restful-interaction", Code: does}}, Action: auditActions[does],
		Recorded: a.Recorded, Outcome: "0", OutcomeDesc: a.Words,
		Source: AuditSource{Site: a.Site, Observer: server, Type: []Coding{application}},
	}
	if a.Denied {
		e.Outcome = "4"
	}
	if a.Organisation != "" {
		e.Agent = append(e.Agent, AuditAgent{Type: from, Requestor: true, Network: unrecorded, Who: &Reference{Type: "Organization",
			Identifier: &Identifier{SystemOrganisation, a.Organisation}, Display: a.OrganisationName}})
	}
	if a.Subject != "" {
		e.Agent = append(e.Agent, AuditAgent{Type: &recipient, Role: []CodeableConcept{{Text: a.RoleName}}, Requestor: true,
			Who: &Reference{Type: "Practitioner", Identifier: &Identifier{a.Issuer, a.Subject}, Display: a.SubjectName}})
	}
	e.Agent = append(e.Agent, AuditAgent{Type: to, Network: unrecorded, Who: &server})
	if a.Patient != nil {
		e.Entity = append(e.Entity, AuditEntity{What: &Reference{Type: "Patient", Identifier: a.Patient}, Type: &person, Role: &subject})
	}
	e.Entity = append(e.Entity,
		AuditEntity{What: &Reference{Identifier: &Identifier{SystemTransaction, a.Command}}, Type: &transaction},
		AuditEntity{What: &Reference{Identifier: &custos}, Type: &endpoint, Role: &repository, Name: "Child Protection - Information Sharing",
			Detail: []AuditDetail{{"productIdentifier", "custos"}, {"interactionIdentifier", a.Kind}}})
	a.claim(&e, does)
	return e
}

// unrecorded says of an agent's address that the ledger has no room for it.
var unrecorded = &AuditNetwork{Extension: []Extension{{URL: "http://hl7.org/fhir/StructureDefinition/data-absent-reason", ValueCode: "unsupported"}}}

// claim adds what a profile wants beside, and the profile.
func (a *Audit) claim(e *AuditEvent, does string) {
	if a.Denied || a.Organisation == "" {
		return
	}
	profile := ""
	switch does {
	case "search":
		profile = "Query"
		e.Entity = append(e.Entity, AuditEntity{Type: &system, Role: &query, Query: []byte(a.Asked)})
	case "read":
		profile = "Read"
		e.Entity = append(e.Entity, AuditEntity{Type: &system, Role: &domain, What: &Reference{Identifier: &Identifier{systemEntry, a.Of}}})
	default:
		return
	}
	if a.Patient != nil {
		profile = "Patient" + profile
	}
	e.Meta = &Meta{Profile: []string{balp + profile}}
}
