package ledger

// View is all a decision may read: the state folded from every earlier entry.
// Rows hold dates, never statuses, and nothing of a person but references and
// keyed tags.
type View interface {
	Log() (Log, error)
	Decided(ID) (Decided, bool, error)
	Profile(ActorID, Tag) (Seq, bool, error)
	Organisation(code string) (Organisation, bool, error)
	Plans(PersonRef) ([]Plan, error)
	LastShown(PersonRef, ActorID) (Time, error) // zero if never, or not within HistoryWindow of the ledger's end
	Access(Seq) (Access, bool, error)
	Notification(Seq) (Notification, bool, error)
	NotificationsOf(access Seq) ([]Notification, error)
	Upload(ID) (Upload, bool, error)
	LastUpload(authority string) (LastUpload, error)
	UploadAt(authority string, sequence int64) (ID, bool, error)

	// From rules version 2.
	Holders(authority string) ([]PersonRef, error) // whom an authority holds plans of, in order of reference
	HoldersAfter(authority string, after PersonRef, limit int) ([]PersonRef, error)
	RejectedRows(upload ID, after Seq, limit int) ([]HeldRow, error)
	UnmatchedRows(authority string, after Seq, limit int) ([]HeldRow, error) // in order of their newest entries
	Standing(authority string, at Item) (Standing, bool, error)
	NumberOf(PersonRef) (Number, error)                          // zero if nothing became of it
	Provisionals(trace Tag) ([]Provisional, error)               // in order of authority
	Outbox(authority string, t NotificationType) (Outbox, error) // zero if nothing was ever attempted
	Attempt(Seq) (Attempt, bool, error)
	EachStanding(authority string, each func(Item, Standing)) error // in order of items

	// From rules version 3.
	Glass(Seq) (Glass, bool, error)
	Policies(place string) ([]DatedPolicy, error)     // in order of days; must not be changed
	Uncovered() (Seq, error)                          // the first entry that no state entry covers
	State() (State, error)                            // as of the end of the ledger
	Root(size Seq) (Hash, bool, error)                // of the tree as it was; false where it never was so large
	Due(until Time, limit int) ([]Seq, error)         // notifications that climb by then, in order of time
	DueDays(through Day, limit int) ([]DueDay, error) // in order of days, then of people
	// DuePolicies lists policies of days to come, and of days that have come since
	// anybody asked, in order of days, then of entries. From rules version 4.
	DuePolicies(through Day, limit int) ([]DuePolicy, error)
	Birth(baby PersonRef) (Birth, bool, error)
	Babies(mother PersonRef) ([]PersonRef, error) // in order of reference
	// Attending is the newest notification that an authority has of a person's
	// accesses in an attendance, and for a zero tag in any.
	Attending(p PersonRef, authority string, attendance Tag) (Seq, bool, error)

	Enrolments(PersonRef, Place) ([]Enrolment, error)
	Enrolled(Place) ([]PersonRef, error) // in order of reference
	Assignments(Place) ([]Assignment, error)
	LastCaseload(ActorID, Place) (Time, error) // zero if never

	// From rules version 3.
	Looked(assignment Seq) (Time, error)                                   // when a caseload was last read under an assignment; zero if never
	Places(PersonRef) ([]Place, error)                                     // where somebody was ever enrolled, in any order
	Wanted(source string, after PersonRef, limit int) ([]PersonRef, error) // whose enrolments it is asked for again, in order of reference
	// Unassigned lists who, on a day, has a visible plan and is in no live caseload, for an authority, in order of reference.
	Unassigned(authority string, on Day, after PersonRef, limit int) ([]PersonRef, error)
	// Links is what a source has linked of a person and nobody has followed; from rules version 4.
	Links(p PersonRef, source string) (Links, error)
	LinkSources() ([]string, error) // who has linked anything that waits, in order; from rules version 4, as is the next
	// LinksSaid lists of whom a source has links that wait, and when it last spoke
	// of them, up to a day and after one of these, in order of days, then of people.
	LinksSaid(source string, through Day, after DueDay, limit int) ([]DueDay, error)
	Letter(Seq) (Letter, bool, error)
	Letterbox(authority string, w Way) (Letterbox, error) // zero if there was no letter
}

// Log is what the log says of itself.
type Log struct {
	ID        ID     `cbor:"1,keyasint"`
	Origin    string `cbor:"2,keyasint"` // the C2SP origin line of its checkpoints
	Rules     int    `cbor:"3,keyasint"`
	Synthetic bool   `cbor:"4,keyasint,omitempty"`
	DemoClock bool   `cbor:"5,keyasint,omitempty"` // its early times are declared, not lived
	Verifier  string `cbor:"6,keyasint"`           // C2SP verifier key of its checkpoints
}

// Decided is what became of a command.
type Decided struct {
	First   Seq     `cbor:"1,keyasint"`
	Of      int     `cbor:"2,keyasint"`
	Time    Time    `cbor:"3,keyasint"`
	Actor   ActorID `cbor:"4,keyasint"`
	Content Tag     `cbor:"5,keyasint"`
	Seed    ID      `cbor:"6,keyasint"`
	Role    Role    `cbor:"7,keyasint"`
	Org     string  `cbor:"8,keyasint"`
}

// Access is what a later decision needs of an earlier access.
type Access struct {
	Person    PersonRef
	Actor     ActorID
	Outcome   Outcome
	Corrected bool

	At            Time
	Notifications []Seq // those that tell of it, under rules version 3 or later
}
