package ledger

import "fmt"

// OpenLog begins a log. It is the first command and only ever the first.
type OpenLog struct {
	ID        ID     `cbor:"1,keyasint"`
	Origin    string `cbor:"2,keyasint"`
	Verifier  string `cbor:"3,keyasint"` // C2SP verifier key of the log's checkpoints
	Synthetic bool   `cbor:"4,keyasint,omitempty"`
	DemoClock bool   `cbor:"5,keyasint,omitempty"`
	// Rules is the version to open with; 1 where it is not given. It is asked
	// for, not taken from the program, or a later program would decide an old
	// log's first entry otherwise.
	Rules int `cbor:"6,keyasint,omitempty"`
}

// rules returns the version the log opens with.
func (q *OpenLog) rules() int { return max(q.Rules, 1) }

// LogOpened is entry 0.
type LogOpened struct {
	ID        ID     `cbor:"1,keyasint"`
	Origin    string `cbor:"2,keyasint"`
	Verifier  string `cbor:"3,keyasint"`
	Rules     int    `cbor:"4,keyasint"`
	Synthetic bool   `cbor:"5,keyasint,omitempty"`
	DemoClock bool   `cbor:"6,keyasint,omitempty"`
}

// RaiseRules asks for a later rules version, which every node must know.
type RaiseRules struct {
	To int `cbor:"1,keyasint"`
}

// RulesRaised makes every later decision follow another released version.
type RulesRaised struct {
	From int `cbor:"1,keyasint"`
	To   int `cbor:"2,keyasint"`
}

// RecordKey asks to record a public or wrapped key's change.
type RecordKey struct {
	Purpose string `cbor:"1,keyasint"` // log, person, kek, tokens
	Name    string `cbor:"2,keyasint"`
	Digest  Hash   `cbor:"3,keyasint"` // SHA-256 of the public key, or of the key's check value
}

// KeyRecorded says which key came into use.
type KeyRecorded struct {
	Purpose string `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
	Digest  Hash   `cbor:"3,keyasint"`
}

// VoidBatch stands for a batch whose proposer's tree was not the majority's.
// No client can ask for it: every intact node makes it from what it was sent.
type VoidBatch struct {
	Proposer string `cbor:"1,keyasint"`
	Size     Seq    `cbor:"2,keyasint"`
	Root     Hash   `cbor:"3,keyasint"` // what the proposer claimed
	Batch    Hash   `cbor:"4,keyasint"` // SHA-256 of the batch
}

// ProposerDiverged records that a batch was voided, decided by nobody.
type ProposerDiverged struct {
	Proposer string `cbor:"1,keyasint"`
	Size     Seq    `cbor:"2,keyasint"`
	Claimed  Hash   `cbor:"3,keyasint"`
	Batch    Hash   `cbor:"4,keyasint"`
}

// Setting says whether care there is unscheduled, and so what a lookup does.
type Setting uint8

// The care settings.
const (
	SettingNone        Setting = iota // not a care setting
	SettingUnscheduled                // emergency, maternity, out of hours, ambulance, 111
	SettingScheduled                  // general practice in hours, community, school nursing
)

// Organisation is an organisation with its care-setting policy: public data.
type Organisation struct {
	Code    string  `cbor:"1,keyasint"` // ODS code, GSS code or URN
	Name    string  `cbor:"2,keyasint"`
	Sort    string  `cbor:"3,keyasint"` // authority, trust, practice, school, area, national
	Parent  string  `cbor:"4,keyasint,omitempty"`
	Setting Setting `cbor:"5,keyasint,omitempty"`
	Silent  bool    `cbor:"6,keyasint,omitempty"` // authorities are not told of unscheduled lookups there
	Hidden  bool    `cbor:"7,keyasint,omitempty"` // lookups there stay out of the access history
	Live    Day     `cbor:"8,keyasint,omitempty"` // the service answers from this day; zero: always

	Directory Directory `cbor:"9,keyasint,omitzero"`

	Closed Day `cbor:"10,keyasint,omitempty"` // its last day, from the register of schools and organisations
	// CallBack is the number at which a care site is rung back.
	CallBack string `cbor:"11,keyasint,omitempty"`
}

// Directory is how an authority is reached. It holds no child data.
type Directory struct {
	OfficeHours   string   `cbor:"1,keyasint,omitempty"` // telephone number
	EmergencyDuty string   `cbor:"2,keyasint,omitempty"` // telephone number out of hours
	Hours         string   `cbor:"3,keyasint,omitempty"`
	BankHolidays  []string `cbor:"4,keyasint,omitempty"`
	Confirmed     Time     `cbor:"5,keyasint,omitempty"` // ledger time of the last change or confirmation

	// Of rules version 3.
	ChildHealth []string `cbor:"6,keyasint,omitempty"` // services that may see who of the authority is in no caseload
	Ladders     []Ladder `cbor:"7,keyasint,omitempty"` // how its notifications climb, in order of days; kept by a request of their own

	// Of rules version 4.
	Week []Opening `cbor:"8,keyasint,omitempty"` // when the office is open, Monday first; nothing, or seven days
}

// IsZero reports whether nothing is known.
func (d Directory) IsZero() bool {
	return d.OfficeHours == "" && d.EmergencyDuty == "" && d.Hours == "" && len(d.BankHolidays) == 0 && len(d.Ladders) == 0 && len(d.Week) == 0
}

// RecordOrganisation asks to record an organisation and its policy.
type RecordOrganisation struct {
	Organisation Organisation `cbor:"1,keyasint"`
}

// OrganisationRecorded replaces what was known of the organisation; an empty
// directory keeps the one that was there.
type OrganisationRecorded struct {
	Organisation Organisation `cbor:"1,keyasint"`
}

// RecordDirectory asks to keep an authority's own directory entry.
type RecordDirectory struct {
	Code      string    `cbor:"1,keyasint"`
	Directory Directory `cbor:"2,keyasint"`
}

// DirectoryRecorded is an authority's directory entry as of now.
type DirectoryRecorded struct {
	Code      string    `cbor:"1,keyasint"`
	Directory Directory `cbor:"2,keyasint"`
	Profile   Seq       `cbor:"3,keyasint,omitempty"`
}

// ActorProfiled commits to an actor's name and role name, sealed under the
// actor's own key. Later entries name the actor by its sequence number.
type ActorProfiled struct {
	Profile Tag `cbor:"1,keyasint"`
}

// Kind implements [Event].
func (LogOpened) Kind() Kind            { return KindLogOpened }
func (RulesRaised) Kind() Kind          { return KindRulesRaised }
func (KeyRecorded) Kind() Kind          { return KindKeyRecorded }
func (ProposerDiverged) Kind() Kind     { return KindProposerDiverged }
func (OrganisationRecorded) Kind() Kind { return KindOrganisationRecorded }
func (DirectoryRecorded) Kind() Kind    { return KindDirectoryRecorded }
func (ActorProfiled) Kind() Kind        { return KindActorProfiled }

// Number implements [Request].
func (*OpenLog) Number() RequestKind            { return RequestOpenLog }
func (*RaiseRules) Number() RequestKind         { return RequestRaiseRules }
func (*RecordKey) Number() RequestKind          { return RequestRecordKey }
func (*VoidBatch) Number() RequestKind          { return RequestVoidBatch }
func (*RecordOrganisation) Number() RequestKind { return RequestRecordOrganisation }
func (*RecordDirectory) Number() RequestKind    { return RequestRecordDirectory }

// Discloses implements [Request].
func (*OpenLog) Discloses() bool            { return false }
func (*RaiseRules) Discloses() bool         { return false }
func (*RecordKey) Discloses() bool          { return false }
func (*VoidBatch) Discloses() bool          { return false }
func (*RecordOrganisation) Discloses() bool { return false }
func (*RecordDirectory) Discloses() bool    { return false }

func (*OpenLog) action() Action            { return ActSystem }
func (*RaiseRules) action() Action         { return ActSystem }
func (*RecordKey) action() Action          { return ActSystem }
func (*VoidBatch) action() Action          { return ActSystem }
func (*RecordOrganisation) action() Action { return ActRecordOrganisation }
func (*RecordDirectory) action() Action    { return ActRecordDirectory }

func (q *OpenLog) decide(d *decider) error {
	if d.head.Size != 0 {
		d.refuse(RefusedState) // a second opening would give the chain another log's identifier
		return nil
	}
	d.out.Log = q.ID
	d.record(&LogOpened{ID: q.ID, Origin: q.Origin, Verifier: q.Verifier, Rules: d.out.Rules,
		Synthetic: q.Synthetic, DemoClock: q.DemoClock}, PersonRef{})
	return nil
}

func (q *RaiseRules) decide(d *decider) error {
	if q.To <= d.log.Rules {
		d.refuse(RefusedState)
		return nil
	}
	if _, known := rules[q.To]; !known {
		// A newer program may know it: refusing here would part this node from
		// those that do.
		return fmt.Errorf("%w: rules version %d", ErrUnknownKind, q.To)
	}
	d.record(&RulesRaised{From: d.log.Rules, To: q.To}, PersonRef{})
	return nil
}

func (q *RecordKey) decide(d *decider) error {
	d.record(&KeyRecorded{Purpose: q.Purpose, Name: q.Name, Digest: q.Digest}, PersonRef{})
	return nil
}

func (q *VoidBatch) decide(d *decider) error {
	d.record(&ProposerDiverged{Proposer: q.Proposer, Size: q.Size, Claimed: q.Root, Batch: q.Batch}, PersonRef{})
	return nil
}

func (q *RecordOrganisation) decide(d *decider) error {
	o := q.Organisation
	was, _, err := d.Organisation(o.Code)
	if err != nil {
		return err
	}
	if !o.Directory.IsZero() {
		o.Directory.Confirmed = d.now
		o.Directory.Ladders = was.Directory.Ladders
		if d.four() {
			o.Directory.Week = was.Directory.Week // the authority's own to say
		}
	}
	d.record(&OrganisationRecorded{Organisation: o}, PersonRef{})
	return nil
}

func (q *RecordDirectory) decide(d *decider) error {
	if len(q.Directory.Week) > 0 && !d.under(4) {
		return nil
	}
	if q.Code != d.c.Actor.Organisation {
		d.deny(RefusedOtherAuthority, 0)
		return nil
	}
	o, ok, err := d.Organisation(q.Code)
	if err != nil {
		return err
	}
	if !ok || o.Sort != SortAuthority {
		d.deny(RefusedOrganisation, 0)
		return nil
	}
	if !soundWeek(q.Directory.Week) {
		d.refuse(RefusedState)
		return nil
	}
	dir := q.Directory
	dir.Confirmed, dir.Ladders = d.now, o.Directory.Ladders
	d.record(&DirectoryRecorded{Code: q.Code, Directory: dir, Profile: d.profile}, PersonRef{})
	return nil
}

// Sorts of organisation.
const (
	SortAuthority = "authority"
	SortTrust     = "trust"
	SortPractice  = "practice"
	SortSchool    = "school"
	SortArea      = "area"
	SortNational  = "national"
	SortRegion    = "region"
	SortService   = "service"
)
