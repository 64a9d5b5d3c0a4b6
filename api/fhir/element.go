package fhir

import "fmt"

// Systems of the identifiers and codes that CP-IS, the Patient Flag API and
// PARS publish.
const (
	SystemNHSNumber    = "https://fhir.nhs.uk/Id/nhs-number"
	SystemOrganisation = "https://fhir.nhs.uk/Id/ods-organization-code"
	SystemSNOMED       = "http://snomed.info/sct"
	SystemRoleClass    = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
	SystemLifecycle    = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
	SystemSpineError   = "https://fhir.nhs.uk/CodeSystem/England-SpineErrorOrWarningCode"
	SystemUser         = "https://fhir.nhs.uk/Id/sds-user-id"
	SystemProduct      = "https://fhir.nhs.uk/Id/product-id"
	SystemTransaction  = "https://fhir.nhs.uk/Id/transaction"
)

// kind names a type of resource.
type kind interface{ name() string }

// Is is the element resourceType: it is what its type says, and takes no room.
type Is[K kind] struct{}

// MarshalJSON writes the type's name.
func (Is[K]) MarshalJSON() ([]byte, error) {
	var k K
	return []byte(`"` + k.name() + `"`), nil
}

// UnmarshalJSON wants the type's name.
func (Is[K]) UnmarshalJSON(b []byte) error {
	var k K
	if string(b) != `"`+k.name()+`"` {
		return fmt.Errorf("the resource is no %s", k.name())
	}
	return nil
}

// Coding is a code of a system.
type Coding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

// CodeableConcept is a concept: codes, or words where there is no code.
type CodeableConcept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Concept is a concept of one code.
func Concept(system, code, display string) CodeableConcept {
	return CodeableConcept{Coding: []Coding{{system, code, display}}}
}

// Identifier is a business identifier.
type Identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value"`
}

// Reference names something by where it is, by what it is called elsewhere, or
// in words. One of the three is set.
type Reference struct {
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

// Period is from a date or time to another, both included; no end: it goes on.
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// ContactPoint is a telephone number.
type ContactPoint struct {
	System string `json:"system"`
	Value  string `json:"value"`
	Use    string `json:"use"`
}

// Phones are an authority's numbers as CP-IS has them: "work" is answered in
// office hours, "mobile" by the emergency duty team. One that is not known is
// left out.
func Phones(office, emergency string) []ContactPoint {
	var out []ContactPoint
	for _, c := range []ContactPoint{{"phone", office, "work"}, {"phone", emergency, "mobile"}} {
		if c.Value != "" {
			out = append(out, c)
		}
	}
	return out
}

// Meta says which profiles a resource claims.
type Meta struct {
	Profile []string `json:"profile,omitempty"`
}

// Extension is one of an element's additions. One of its values is set.
type Extension struct {
	URL            string     `json:"url"`
	ValueURL       string     `json:"valueUrl,omitempty"`
	ValueInteger   *int64     `json:"valueInteger,omitempty"`
	ValueReference *Reference `json:"valueReference,omitempty"`
	ValueCode      string     `json:"valueCode,omitempty"`
}
