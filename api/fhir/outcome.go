package fhir

// OperationOutcome says what is wrong, or what to beware of.
type OperationOutcome struct {
	ResourceType Is[operationOutcome] `json:"resourceType"`
	ID           string               `json:"id,omitempty"`
	Issue        []Issue              `json:"issue"`
}

type operationOutcome struct{}

func (operationOutcome) name() string { return "OperationOutcome" }

// Issue is one thing that is wrong.
type Issue struct {
	Extension   []Extension      `json:"extension,omitempty"`
	Severity    string           `json:"severity"`
	Code        string           `json:"code"`
	Details     *CodeableConcept `json:"details,omitempty"`
	Diagnostics string           `json:"diagnostics,omitempty"`
}
