package fhir

// CapabilityStatement says what a server answers.
type CapabilityStatement struct {
	ResourceType   Is[capabilityStatement] `json:"resourceType"`
	ID             string                  `json:"id,omitempty"`
	Status         string                  `json:"status"`
	Date           string                  `json:"date"`
	Kind           string                  `json:"kind"`
	Description    string                  `json:"description,omitempty"`
	Software       *Software               `json:"software,omitempty"`
	Implementation *Implementation         `json:"implementation,omitempty"`
	FHIRVersion    string                  `json:"fhirVersion"`
	Format         []string                `json:"format"`
	Rest           []Rest                  `json:"rest,omitempty"`
}

type capabilityStatement struct{}

func (capabilityStatement) name() string { return "CapabilityStatement" }

// Software is the program.
type Software struct {
	Name string `json:"name"`
}

// Implementation is this one running instance of it.
type Implementation struct {
	Description string `json:"description"`
	URL         string `json:"url,omitempty"`
}

// Rest is what is answered over HTTP.
type Rest struct {
	Mode          string         `json:"mode"`
	Documentation string         `json:"documentation,omitempty"`
	Security      *Security      `json:"security,omitempty"`
	Resource      []RestResource `json:"resource,omitempty"`
}

// Security is what a caller must show.
type Security struct {
	Description string `json:"description,omitempty"`
}

// RestResource is what is answered of one type.
type RestResource struct {
	Type          string        `json:"type"`
	Documentation string        `json:"documentation,omitempty"`
	Interaction   []Interaction `json:"interaction,omitempty"`
	SearchInclude []string      `json:"searchInclude,omitempty"`
	SearchParam   []SearchParam `json:"searchParam,omitempty"`
}

// Interaction is one thing that can be done with a type.
type Interaction struct {
	Code string `json:"code"`
}

// SearchParam is one parameter of a search.
type SearchParam struct {
	Name          string `json:"name"`
	Type          string `json:"type"`
	Documentation string `json:"documentation,omitempty"`
}
