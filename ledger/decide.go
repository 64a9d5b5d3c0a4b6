package ledger

import "fmt"

// Decision is what will be recorded, and why not what was asked.
type Decision struct {
	Rules    int
	Log      ID
	Happened []Happened
	Refusal  *Refusal // nil if the request was granted
	Earlier  *Decided // the command was decided before; its answer is shown again
	// As is the command under which Happened is recorded: the one decided, or,
	// for a second showing, the Reopen that stands for it.
	As *Command
}

// Happened is one event to record, whom it is about, and which of the
// command's sealed payloads it commits to.
type Happened struct {
	Event  Event
	Person PersonRef
	Sealed []int
}

// Refusal says why a request was not granted. Recorded tells whether the
// refusal itself is an entry: denials are, a reused idempotency key is not.
type Refusal struct {
	Code     string `cbor:"1,keyasint"`
	From     Day    `cbor:"2,keyasint,omitempty"` // for not-live: the day from which it is
	Recorded bool   `cbor:"3,keyasint,omitempty"`
}

// Error makes a refusal an error for those who pass it on.
func (r *Refusal) Error() string { return "refused: " + r.Code }

// Codes of refusals. They are part of the interface and never change.
const (
	RefusedRole             = "role-not-permitted"
	RefusedOrganisation     = "organisation-unknown"
	RefusedNotLive          = "not-live"
	RefusedOtherAuthority   = "other-authority"
	RefusedNotFound         = "not-found"
	RefusedNotOwn           = "not-own-access"
	RefusedAlready          = "already-done"
	RefusedNotAssigned      = "not-assigned"
	RefusedOwnOrganisation  = "own-organisation-only"
	RefusedIdempotencyOther = "idempotency-key-actor"
	RefusedIdempotencyBody  = "idempotency-key-content"
	RefusedIdempotencyLate  = "idempotency-key-expired"
	RefusedSequenceLower    = "sequence-lower"
	RefusedSequenceContent  = "sequence-content"
	RefusedUploadState      = "upload-not-open"
	RefusedReasonMissing    = "reason-missing"
	RefusedNotOpened        = "notification-not-opened"
	RefusedState            = "not-in-this-state"
	RefusedTooLong          = "request-too-long"

	// Of rules version 2.
	RefusedRules        = "rules-not-raised"
	RefusedOvertaken    = "upload-overtaken"
	RefusedSecondPerson = "second-person-needed"
	RefusedExpired      = "approval-expired"

	// Of rules version 3, of caseloads.
	RefusedNotCovered = "nobody-to-cover"
	RefusedCoverEnded = "cover-ended"

	// Of rules version 3, of policy.
	RefusedPast       = "policy-in-the-past"
	RefusedPolicyRole = "role-not-permitted-here"
	RefusedAssurance  = "assurance-too-low"
	RefusedReview     = "review-missing"

	// Of rules version 3.
	RefusedResponsible = "responsible-person-missing"
)

// repeatWindow is how long, in ledger time, a command may be asked again and
// its answer shown again.
const repeatWindow = 5 * Minute

// rules holds every released version of the decisions, for ever. Changing what
// a version decides would part replicas and make old audits fail: add another
// version, raised by an entry.
var rules = map[int]func(*decider) error{
	1: decideV1,
	2: decideV2,
	3: decideV3,
	4: decideV4,
}

// CurrentRules is the version that a new log opens with.
const CurrentRules = 4

// Decide is pure: the same view, head and command give the same decision on
// every node, today and in an audit years later. An error means that the node
// must stop: the view cannot be read, or the rules or the request are unknown
// to this program.
func Decide(v View, h Head, c *Command) (Decision, error) {
	log, err := v.Log()
	if err != nil {
		return Decision{}, err
	}
	version := log.Rules
	if h.Size == 0 {
		version = CurrentRules
		if q, ok := c.Request.(*OpenLog); ok {
			version = q.rules()
		}
	}
	decide, ok := rules[version]
	if !ok {
		return Decision{}, fmt.Errorf("%w: rules version %d", ErrUnknownKind, version)
	}
	d := &decider{View: v, c: c, head: h, log: log, now: clamp(h, c.Time)}
	d.out.Rules, d.out.Log, d.out.As = version, log.ID, c
	if err := decide(d); err != nil {
		return Decision{}, err
	}
	return d.out, nil
}

// decider carries one decision while it is made.
type decider struct {
	View
	c       *Command
	head    Head
	log     Log
	now     Time
	profile Seq
	plans   map[PersonRef][]Plan // what this command has already changed
	stood   map[Item]Standing    // and of the worklist; a zero one has left
	out     Decision
}

func decideV1(d *decider) error {
	if long, err := d.tooLong(); err != nil {
		return err
	} else if long {
		d.refuse(RefusedTooLong)
		return nil
	}
	if d.head.Size == 0 {
		if q, ok := d.c.Request.(*OpenLog); ok {
			return q.decide(d)
		}
		d.refuse(RefusedState)
		return nil
	}
	if done, err := d.repeated(); done || err != nil {
		return err
	}
	if q, ok := d.c.Request.(*Reopen); ok {
		return q.decide(d)
	}
	if err := d.profiled(); err != nil {
		return err
	}
	if !May(d.c.Actor.Role, d.c.Request.action()) {
		d.deny(RefusedRole, 0)
		return nil
	}
	return d.c.Request.decide(d)
}

// roomForRest is what a record needs beside actor, request and commitments:
// the envelope, and the lists of plans disclosed and authorities told.
const roomForRest = 4 << 10

// decideV2 takes the steps of version 1. What differs are the requests around
// uploads, which ask [decider.two]: a file that was overtaken, rows, matching,
// snapshots, holdings and numbers that change. Delivery came with it, too.
func decideV2(d *decider) error { return decideV1(d) }

// decideV3 takes the same steps. What differs is what asks [decider.three]: a
// lookup is decided by the policy that holds where it is made.
func decideV3(d *decider) error { return decideV1(d) }

// decideV4 takes the same steps. What differs is what asks [decider.four]: what is
// sealed of a restricted person takes a strong sign-in, and places are told when
// a policy begins.
func decideV4(d *decider) error { return decideV1(d) }

// two reports whether the command is decided under version 2 or a later one.
func (d *decider) two() bool { return d.out.Rules >= 2 }

// three reports whether it is decided under version 3 or a later one.
func (d *decider) three() bool { return d.out.Rules >= 3 }

// four reports whether it is decided under version 4 or a later one.
func (d *decider) four() bool { return d.out.Rules >= 4 }

// under is for a request that came with a version: before that is in force, it
// is refused and leaves no trace.
func (d *decider) under(version int) bool {
	if d.out.Rules >= version {
		return true
	}
	d.refuse(RefusedRules)
	return false
}

// tooLong reports whether the first entry might not fit in a record. Such a
// command is refused here: sealing it would stop every node that decides it,
// again at every start. An event repeats no more than its request holds.
func (d *decider) tooLong() (bool, error) {
	if err := d.c.encodeParts(); err != nil {
		return false, err
	}
	n := len(d.c.actorRaw)
	switch q := d.c.Request.(type) {
	case rowed: // its rows have entries of their own
	case *CheckRows:
		n += len(d.c.requestRaw) + 32*len(q.Rows)
	default:
		n += 2 * len(d.c.requestRaw)
	}
	for i := range d.c.Sealed {
		if d.c.Sealed[i].Row == 0 {
			n += commitmentBytes
		}
	}
	return n > MaxRecord-roomForRest, nil
}

// commitmentBytes is the greatest length of one commitment in a record.
const commitmentBytes = 1 + 2 + 2 + 17 + 34

// repeated deals with a command that was decided before. The same attempt gets
// the same entries (an internal retry: its answer was never shown). Another
// attempt by the same actor with the same content is shown again within five
// minutes, and where the answer holds child data that is recorded as Reopened.
func (d *decider) repeated() (bool, error) {
	was, ok, err := d.Decided(d.c.ID)
	if err != nil || !ok {
		return false, err
	}
	switch {
	case was.Actor != d.c.Actor.ID() && !shared(d.c.Request):
		d.refuse(RefusedIdempotencyOther)
	case was.Content != d.c.Content, was.Role != d.c.Actor.Role, was.Org != d.c.Actor.Organisation:
		d.refuse(RefusedIdempotencyBody)
	case was.Seed == d.c.Seed, shared(d.c.Request):
		d.out.Earlier = &was
	case d.now-was.Time > repeatWindow:
		d.refuse(RefusedIdempotencyLate)
		d.out.Earlier = &was
	case !d.c.Request.Discloses():
		d.out.Earlier = &was
	default:
		d.out.Earlier = &was
		again := &Command{
			ID: DeriveID("reopen", d.c.ID[:], d.c.Seed[:]), Seed: d.c.Seed, Content: d.c.Content,
			Actor: d.c.Actor, actorRaw: d.c.actorRaw, Request: &Reopen{Of: was.First}, Time: d.c.Time,
		}
		_, already, err := d.Decided(again.ID)
		if err != nil || already {
			return true, err
		}
		d.c, d.out.As = again, again
		return true, again.Request.decide(d)
	}
	return true, nil
}

// shared reports whether a colleague may go on with what another began: the
// parts of an upload, whose command ids come from the file itself.
func shared(q Request) bool {
	switch q.(type) {
	case *UploadChunk, *CloseUpload:
		return true
	}
	return false
}

// profiled records the actor's name, sealed, the first time it is seen, so
// that later entries name it by sequence number.
func (d *decider) profiled() error {
	if d.c.Actor.Profile.IsZero() {
		return nil
	}
	seq, ok, err := d.Profile(d.c.Actor.ID(), d.c.Actor.Profile)
	if err != nil {
		return err
	}
	if ok {
		d.profile = seq
		return nil
	}
	for i := range d.c.Sealed {
		if d.c.Sealed[i].Payload == PayloadProfile {
			d.profile = d.record(&ActorProfiled{Profile: d.c.Actor.Profile}, PersonRef{}, i)
			return nil
		}
	}
	return nil
}

// record adds an event and returns the sequence number it will have.
func (d *decider) record(e Event, about PersonRef, sealed ...int) Seq {
	seq := d.next()
	d.out.Happened = append(d.out.Happened, Happened{Event: e, Person: about, Sealed: sealed})
	return seq
}

// next is the sequence number of what is recorded next.
func (d *decider) next() Seq { return d.head.Size + Seq(len(d.out.Happened)) }

// refuse answers no and records nothing, not even who asked: the request was
// wrong, not forbidden.
func (d *decider) refuse(code string) {
	d.out.Happened = nil
	d.out.Refusal = &Refusal{Code: code}
}

// deny answers no and records it.
func (d *decider) deny(code string, from Day) {
	var about PersonRef
	if q, ok := d.c.Request.(interface{ about() PersonRef }); ok {
		about = q.about()
	}
	d.record(&AccessDenied{Action: d.c.Request.action(), Code: code, From: from, Profile: d.profile},
		about, d.evidence()...)
	d.out.Refusal = &Refusal{Code: code, From: from, Recorded: true}
}

// sealed lists the command's payloads of one kind.
func (d *decider) sealed(p Payload) []int {
	var out []int
	for i := range d.c.Sealed {
		if d.c.Sealed[i].Payload == p {
			out = append(out, i)
		}
	}
	return out
}

// evidence lists the payloads that a denial keeps: all but the rows of a file
// and the profile, which has its own entry.
func (d *decider) evidence() []int {
	var out []int
	for i := range d.c.Sealed {
		if d.c.Sealed[i].Payload != PayloadProfile && d.c.Sealed[i].Row == 0 {
			out = append(out, i)
		}
	}
	return out
}

// row lists the payloads that belong to row n of an upload.
func (d *decider) row(n int) []int {
	var out []int
	for i := range d.c.Sealed {
		if d.c.Sealed[i].Row == n && d.c.Sealed[i].Payload != PayloadProfile {
			out = append(out, i)
		}
	}
	return out
}

func (d *decider) today() Day { return d.now.Day() }
