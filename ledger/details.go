package ledger

// What sealed payloads hold. These are the only places where personal details
// exist, and they exist there only as ciphertext.

// PlanDetails identifies the person of a plan: [PayloadPlan].
type PlanDetails struct {
	NHSNumber string `cbor:"1,keyasint"`
	Family    string `cbor:"2,keyasint"`
	Given     string `cbor:"3,keyasint"`
	Birth     string `cbor:"4,keyasint"` // YYYY-MM-DD
	LocalID   string `cbor:"5,keyasint,omitempty"`
	Team      string `cbor:"6,keyasint,omitempty"`
	Worker    string `cbor:"7,keyasint,omitempty"`

	// Record is a CP-IS record as it came, where it says more than its rows do:
	// several plans, minutes. The edge alone reads it.
	Record string `cbor:"8,keyasint,omitempty"`
}

// AccessDetails is what a lookup said beside the question: [PayloadAccess].
type AccessDetails struct {
	NHSNumber  string `cbor:"1,keyasint"`
	Attendance string `cbor:"2,keyasint,omitempty"`
	CallBack   string `cbor:"3,keyasint,omitempty"`
	Reason     string `cbor:"4,keyasint,omitempty"`

	// The identifiers that the caller's own systems gave the request, UUIDs.
	Request     string `cbor:"5,keyasint,omitempty"`
	Correlation string `cbor:"6,keyasint,omitempty"`
	Trace       string `cbor:"7,keyasint,omitempty"`

	// Stated is what a message said of itself and its author, or an arrival of who
	// answers for its lookup: JSON. The edge alone reads it.
	Stated string `cbor:"8,keyasint,omitempty"`
}

// ProfileDetails names an actor: [PayloadProfile].
type ProfileDetails struct {
	Name         string `cbor:"1,keyasint"`
	RoleName     string `cbor:"2,keyasint,omitempty"`
	Organisation string `cbor:"3,keyasint,omitempty"` // its name, as the token gave it

	// Not from 4 on: what is sealed as a plan must not read as a profile.
	RoleCode    string `cbor:"16,keyasint,omitempty"` // of the national directory's job roles
	RoleProfile string `cbor:"17,keyasint,omitempty"` // which of a person's roles, there
	System      string `cbor:"18,keyasint,omitempty"` // the system that asked; the name is then that of who answers for it
}

// RowDetails keeps what a rejected or unmatched row said, for its authority:
// [PayloadRow]. That of row 0, which opens an upload, is the head of a CP-IS file.
type RowDetails struct {
	LocalID string            `cbor:"1,keyasint,omitempty"`
	Fields  map[string]string `cbor:"2,keyasint,omitempty"`

	Suggestion map[string]string `cbor:"3,keyasint,omitempty"` // of an unmatched row: what the register has instead

	Record string `cbor:"4,keyasint,omitempty"` // a CP-IS record as it came, or a file's sender; the edge alone reads it
	Place  string `cbor:"5,keyasint,omitempty"` // where in a CP-IS file the fault is
}

// NoteDetails is free text: a reason, or what was done: [PayloadNote], [PayloadReason].
type NoteDetails struct {
	Action string `cbor:"1,keyasint,omitempty"`
	Text   string `cbor:"2,keyasint,omitempty"`
}

// AppointmentDetails says what was missed: [PayloadAppointment].
type AppointmentDetails struct {
	NHSNumber string `cbor:"1,keyasint"`
	Service   string `cbor:"2,keyasint,omitempty"`
}
