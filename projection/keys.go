package projection

import (
	"encoding/binary"

	"custos/ledger"
	"custos/ledger/store"
)

// Every view has one byte of its own in the store's view space. This is the
// one table of them; bytes are never reused.
const (
	viewLog           = 'g' // -> ledger.Log
	viewDecided       = 'c' // command id -> ledger.Decided
	viewPerson        = 'p' // person -> count, last hash of the person's own chain
	viewPlans         = 'P' // person -> []ledger.Plan
	viewProfile       = 'a' // actor, tag -> sequence number
	viewProfileAt     = 'r' // sequence number -> profileRow
	viewOrganisation  = 'o' // code -> ledger.Organisation
	viewHistory       = 'h' // person -> count and the newest 25 shown accesses
	viewLastShown     = 'H' // person, actor -> time
	viewTrail         = 't' // person, sequence number -> nothing
	viewActorTrail    = 'A' // actor, sequence number -> nothing
	viewOrgTrail      = 'O' // organisation, sequence number -> nothing
	viewCorrected     = 'x' // access -> the entry that corrected it
	viewNotification  = 'n' // id -> ledger.Notification
	viewNotifyByOrg   = 'N' // authority, id -> nothing
	viewNotifyByEntry = 'w' // access, id -> nothing
	viewUpload        = 'u' // upload id -> ledger.Upload
	viewUploadAt      = 'U' // authority, sequence -> upload id
	viewLastUpload    = 'l' // authority -> ledger.LastUpload
	viewUploadSpan    = 'q' // upload id, chunk -> ledger.Span
	viewHolder        = 'd' // authority, person -> nothing; from rules version 2, as are the next
	viewStanding      = 'W' // authority, item -> ledger.Standing
	viewStandingAt    = 'i' // authority, sequence number -> person, if there is one
	viewRejected      = 'j' // upload id, sequence number -> person, if there is one
	viewProvisional   = 'y' // trace, authority, item -> nothing: rows without an NHS number
	viewNumber        = 'z' // person -> ledger.Number; without one: whether any number ever changed
	viewFollowing     = 'Z' // person, the person of a number that leads to theirs -> nothing
	viewInactiveTask  = 'I' // authority, sequence number -> person
	viewEnrolment     = 'e' // person, place -> []ledger.Enrolment
	viewEnrolledAt    = 'E' // place, person -> nothing
	viewAssignment    = 's' // place -> []ledger.Assignment
	viewLastCaseload  = 'L' // actor, place -> time
)

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8), n) }

// named length-prefixes a name within a key, so that no name is another's prefix.
func named(s string) []byte { return append([]byte{byte(len(s))}, s...) }

func logKey() []byte                       { return store.ViewKey(viewLog) }
func decidedKey(id ledger.ID) []byte       { return store.ViewKey(viewDecided, id[:]) }
func personKey(p ledger.PersonRef) []byte  { return store.ViewKey(viewPerson, p[:]) }
func plansKey(p ledger.PersonRef) []byte   { return store.ViewKey(viewPlans, p[:]) }
func organisationKey(code string) []byte   { return store.ViewKey(viewOrganisation, []byte(code)) }
func historyKey(p ledger.PersonRef) []byte { return store.ViewKey(viewHistory, p[:]) }
func profileAtKey(n ledger.Seq) []byte     { return store.ViewKey(viewProfileAt, u64(uint64(n))) }
func correctedKey(n ledger.Seq) []byte     { return store.ViewKey(viewCorrected, u64(uint64(n))) }
func notificationKey(n ledger.Seq) []byte  { return store.ViewKey(viewNotification, u64(uint64(n))) }
func uploadKey(id ledger.ID) []byte        { return store.ViewKey(viewUpload, id[:]) }
func lastUploadKey(a string) []byte        { return store.ViewKey(viewLastUpload, []byte(a)) }
func assignmentKey(p ledger.Place) []byte  { return store.ViewKey(viewAssignment, []byte(p)) }

func profileKey(a ledger.ActorID, t ledger.Tag) []byte {
	return store.ViewKey(viewProfile, a[:], t[:])
}

func lastShownKey(p ledger.PersonRef, a ledger.ActorID) []byte {
	return store.ViewKey(viewLastShown, p[:], a[:])
}

func trailKey(p ledger.PersonRef, n ledger.Seq) []byte {
	return store.ViewKey(viewTrail, p[:], u64(uint64(n)))
}

func actorTrailKey(a ledger.ActorID, n ledger.Seq) []byte {
	return store.ViewKey(viewActorTrail, a[:], u64(uint64(n)))
}

func orgTrailKey(org string, n ledger.Seq) []byte {
	return store.ViewKey(viewOrgTrail, named(org), u64(uint64(n)))
}

func notifyByOrgKey(authority string, n ledger.Seq) []byte {
	return store.ViewKey(viewNotifyByOrg, named(authority), u64(uint64(n)))
}

func notifyByEntryKey(of, n ledger.Seq) []byte {
	return store.ViewKey(viewNotifyByEntry, u64(uint64(of)), u64(uint64(n)))
}

func uploadAtKey(authority string, sequence int64) []byte {
	return store.ViewKey(viewUploadAt, named(authority), u64(uint64(sequence)))
}

func uploadSpanKey(id ledger.ID, no int) []byte {
	return store.ViewKey(viewUploadSpan, id[:], u64(uint64(no)))
}

func holderKey(authority string, p ledger.PersonRef) []byte {
	return store.ViewKey(viewHolder, named(authority), p[:])
}

func standingKey(authority string, at ledger.Item) []byte {
	return store.ViewKey(viewStanding, named(authority), at[:])
}

func standingAtKey(authority string, n ledger.Seq) []byte {
	return store.ViewKey(viewStandingAt, named(authority), u64(uint64(n)))
}

func rejectedKey(upload ledger.ID, n ledger.Seq) []byte {
	return store.ViewKey(viewRejected, upload[:], u64(uint64(n)))
}

func provisionalKey(trace ledger.Tag, authority string, at ledger.Item) []byte {
	return store.ViewKey(viewProvisional, trace[:], named(authority), at[:])
}

func anyNumberKey() []byte                { return store.ViewKey(viewNumber) }
func numberKey(p ledger.PersonRef) []byte { return store.ViewKey(viewNumber, p[:]) }

func followingKey(to, from ledger.PersonRef) []byte {
	return store.ViewKey(viewFollowing, to[:], from[:])
}

func inactiveTaskKey(authority string, n ledger.Seq) []byte {
	return store.ViewKey(viewInactiveTask, named(authority), u64(uint64(n)))
}

func enrolmentKey(p ledger.PersonRef, place ledger.Place) []byte {
	return store.ViewKey(viewEnrolment, p[:], []byte(place))
}

func enrolledAtKey(place ledger.Place, p ledger.PersonRef) []byte {
	return store.ViewKey(viewEnrolledAt, named(string(place)), p[:])
}

func lastCaseloadKey(a ledger.ActorID, p ledger.Place) []byte {
	return store.ViewKey(viewLastCaseload, a[:], []byte(p))
}

// seqAtEnd reads the sequence number that ends an index key.
func seqAtEnd(key []byte) ledger.Seq {
	return ledger.Seq(binary.BigEndian.Uint64(key[len(key)-8:]))
}
