package projection

import (
	"encoding/binary"

	"custos/ledger"
	"custos/ledger/store"
)

// Every view has one byte of its own in the store's view space. This is the
// one table of them; bytes are never reused. Retired with layout 1: c p P h H
// t A O n N w e.
const (
	viewLog          = 'g' // -> ledger.Log
	viewDecided      = 'd' // command id of any form -> first entry, how many
	viewDecidedTimed = 'D' // the same for ids that begin with the time; a rising view
	viewPerson       = 'i' // person, part -> all that is known of one person, below
	viewProfile      = 'a' // actor, tag -> sequence number
	viewProfileAt    = 'r' // sequence number -> profileRow
	viewOrganisation = 'o' // code -> ledger.Organisation
	viewActing       = 'b' // actor, organisation -> nothing: from where an actor has acted
	viewAccess       = 'y' // organisation, actor, sequence number -> nothing
	viewCorrected    = 'x' // access -> the entry that corrected it
	viewNotification = 'm' // authority, id -> ledger.Notification
	viewUpload       = 'u' // upload id -> ledger.Upload
	viewUploadAt     = 'U' // authority, sequence -> upload id
	viewLastUpload   = 'l' // authority -> ledger.LastUpload
	viewUploadSpan   = 'q' // upload id, chunk -> ledger.Span
	viewHolder       = 'f' // authority, person -> nothing; from rules version 2, as are the next
	viewStanding     = 'W' // authority, item -> ledger.Standing
	viewStandingAt   = 'V' // authority, sequence number -> person, if there is one
	viewRejected     = 'j' // upload id, sequence number -> person, if there is one
	viewProvisional  = 'Y' // trace, authority, item -> nothing: rows without an NHS number
	viewAnyNumber    = 'z' // -> whether any number ever changed
	viewInactiveTask = 'I' // authority, sequence number -> person
	viewOutbox       = 'k' // authority, type of notification -> ledger.Outbox
	viewAttempt      = 'K' // sequence number -> ledger.Attempt
	viewLetter       = '4' // sequence number of its first attempt -> ledger.Letter; from rules version 3, as are the next
	viewLetterbox    = '5' // authority, way -> ledger.Letterbox
	viewDeadLetter   = '6' // sequence number -> nothing: letters that were given up
	viewEnrolledAt   = 'E' // place, person -> nothing
	viewAssignment   = 's' // place -> []ledger.Assignment
	viewLastCaseload = 'L' // actor, place -> time
	viewLooked       = 'R' // assignment -> when a caseload was last read under it; from rules version 3, as are the next
	viewGap          = 'S' // authority, person -> []ledger.Days: when a visible plan is in no live caseload
	viewWanted       = 'X' // source, person -> nothing: whose enrolment it is asked for again
	viewAssigning    = 'T' // organisation, place -> nothing: places that its team leaders have assigned
	viewGlass        = 'B' // open or concluded, sequence number -> ledger.Glass; from rules version 3
	viewDue          = 'F' // time, notification -> nothing: those that climb; from rules version 3, as is the next
	viewDueDay       = 'G' // day, person -> nothing: days on which a plan may be a task
	viewDuePolicy    = '7' // day, sequence number, place -> nothing: policies that have not begun; from rules version 4
	viewArrival      = 'J' // organisation, day -> Arrivals; from rules version 3
	viewDueLinks     = '8' // person, source -> nothing: links to follow, where a plan was recorded; from rules version 4
	viewLinkSaid     = '9' // source, day, person -> nothing: when it last spoke of whom it has links of; from rules version 4
	viewPolicy       = 'C' // place -> []ledger.DatedPolicy; from rules version 3
	viewState        = 'Z' // -> the tracker; from rules version 3, as are the next
	viewIndexTree    = '0' // four bits of a person's key a byte -> a page of the index
	viewOutboxTree   = '1' // the same of a notification's id -> a page of the outbox
)

// The parts of one person stand together, so that reading one brings the others
// into memory, and writing them is one search.
const (
	partHead      = 'c' // -> the end of the person's own chain, how many accesses its history has had
	partEnrolment = 'e' // place -> []ledger.Enrolment
	partLink      = 'l' // source -> ledger.Links; from rules version 4
	partStayed    = 'g' // -> ledger.Stayed; from rules version 3
	partFollowing = 'f' // the person of a number that leads to this one -> nothing; from rules version 2, as is the next
	partAttending = 'm' // authority, attendance or zeros -> the newest notification of it; from rules version 3
	partBirth     = 's' // of a baby -> ledger.Birth; from rules version 3, as is the next
	partBaby      = 'S' // of a mother: baby -> nothing
	partNumber    = 'n' // -> ledger.Number
	partVisit     = 'h' // sequence number -> one shown access
	partPlans     = 'p' // -> []ledger.Plan
	partTrail     = 't' // sequence number -> how many entries of one command stand there in a row
)

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8), n) }

// named length-prefixes a name within a key, so that no name is another's prefix.
func named(s string) []byte { return append([]byte{byte(len(s))}, s...) }

func logKey() []byte                      { return store.ViewKey(viewLog) }
func organisationKey(code string) []byte  { return store.ViewKey(viewOrganisation, []byte(code)) }
func profileAtKey(n ledger.Seq) []byte    { return store.ViewKey(viewProfileAt, u64(uint64(n))) }
func correctedKey(n ledger.Seq) []byte    { return store.ViewKey(viewCorrected, u64(uint64(n))) }
func uploadKey(id ledger.ID) []byte       { return store.ViewKey(viewUpload, id[:]) }
func lastUploadKey(a string) []byte       { return store.ViewKey(viewLastUpload, []byte(a)) }
func policyKey(place string) []byte       { return store.ViewKey(viewPolicy, []byte(place)) }
func assignmentKey(p ledger.Place) []byte { return store.ViewKey(viewAssignment, []byte(p)) }

func decidedKey(id ledger.ID) []byte {
	if id.Timed() {
		return store.ViewKey(viewDecidedTimed, id[:])
	}
	return store.ViewKey(viewDecided, id[:])
}

// personKey returns the key of one part of a person's rows, or of one row in it.
func personKey(p ledger.PersonRef, part byte, rest ...byte) []byte {
	b := store.AppendViewKey(make([]byte, 0, 3+len(p)+len(rest)), viewPerson)
	return append(append(append(b, p[:]...), part), rest...)
}

func plansKey(p ledger.PersonRef) []byte { return personKey(p, partPlans) }

// plansOf reads whose plans a row of viewPerson holds; ok is false for the other parts.
func plansOf(key []byte) (p ledger.PersonRef, ok bool) {
	if len(key) != 2+len(p)+1 || key[2+len(p)] != partPlans {
		return p, false
	}
	return ledger.PersonRef(key[2 : 2+len(p)]), true
}

// headOf reads whose chain's end a row of viewPerson holds; ok is false for the other parts.
func headOf(key []byte) (p ledger.PersonRef, ok bool) {
	if len(key) != 2+len(p)+1 || key[2+len(p)] != partHead {
		return p, false
	}
	return ledger.PersonRef(key[2 : 2+len(p)]), true
}

func personSeqKey(p ledger.PersonRef, part byte, n ledger.Seq) []byte {
	b := store.AppendViewKey(make([]byte, 0, 11+len(p)), viewPerson)
	return binary.BigEndian.AppendUint64(append(append(b, p[:]...), part), uint64(n))
}

func profileKey(a ledger.ActorID, t ledger.Tag) []byte {
	return store.ViewKey(viewProfile, a[:], t[:])
}

func actingKey(a ledger.ActorID, org string) []byte {
	return store.ViewKey(viewActing, a[:], []byte(org))
}

func accessKey(org string, a ledger.ActorID, n ledger.Seq) []byte {
	b := store.AppendViewKey(make([]byte, 0, 27+len(org)), viewAccess)
	b = append(b, byte(len(org)))
	return binary.BigEndian.AppendUint64(append(append(b, org...), a[:]...), uint64(n))
}

func notificationKey(authority string, n ledger.Seq) []byte {
	b := store.AppendViewKey(make([]byte, 0, 11+len(authority)), viewNotification)
	b = append(b, byte(len(authority)))
	return binary.BigEndian.AppendUint64(append(b, authority...), uint64(n))
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

func anyNumberKey() []byte                { return store.ViewKey(viewAnyNumber) }
func numberKey(p ledger.PersonRef) []byte { return personKey(p, partNumber) }

func followingKey(to, from ledger.PersonRef) []byte {
	return personKey(to, partFollowing, from[:]...)
}

func inactiveTaskKey(authority string, n ledger.Seq) []byte {
	return store.ViewKey(viewInactiveTask, named(authority), u64(uint64(n)))
}

func outboxKey(authority string, t ledger.NotificationType) []byte {
	return store.ViewKey(viewOutbox, named(authority), []byte{byte(t)})
}

func letterKey(n ledger.Seq) []byte     { return store.ViewKey(viewLetter, u64(uint64(n))) }
func deadLetterKey(n ledger.Seq) []byte { return store.ViewKey(viewDeadLetter, u64(uint64(n))) }

func letterboxKey(authority string, w ledger.Way) []byte {
	return store.ViewKey(viewLetterbox, named(authority), []byte{byte(w)})
}

func attemptKey(n ledger.Seq) []byte { return store.ViewKey(viewAttempt, u64(uint64(n))) }

func dueKey(at ledger.Time, n ledger.Seq) []byte {
	return store.ViewKey(viewDue, u64(uint64(at)), u64(uint64(n)))
}

// dueDayKey orders days before 1970 before those after it.
func dueDayKey(day ledger.Day, p ledger.PersonRef) []byte {
	return store.ViewKey(viewDueDay, binary.BigEndian.AppendUint32(nil, uint32(int64(day)+1<<31)), p[:])
}

func duePolicyKey(p ledger.DuePolicy) []byte {
	return store.ViewKey(viewDuePolicy, binary.BigEndian.AppendUint32(nil, uint32(int64(p.Day)+1<<31)), u64(uint64(p.Seq)), []byte(p.Place))
}

func babyKey(mother, baby ledger.PersonRef) []byte { return personKey(mother, partBaby, baby[:]...) }

func attendingKey(p ledger.PersonRef, authority string, attendance ledger.Tag) []byte {
	b := store.AppendViewKey(make([]byte, 0, 4+len(p)+len(attendance)+len(authority)), viewPerson)
	b = append(append(append(b, p[:]...), partAttending), attendance[:]...)
	return append(b, authority...)
}

func enrolmentKey(p ledger.PersonRef, place ledger.Place) []byte {
	return personKey(p, partEnrolment, []byte(place)...)
}

func enrolledAtKey(place ledger.Place, p ledger.PersonRef) []byte {
	return store.ViewKey(viewEnrolledAt, named(string(place)), p[:])
}

func lastCaseloadKey(a ledger.ActorID, p ledger.Place) []byte {
	return store.ViewKey(viewLastCaseload, a[:], []byte(p))
}

func stayedKey(p ledger.PersonRef) []byte { return personKey(p, partStayed) }

func gapKey(authority string, p ledger.PersonRef) []byte {
	return store.ViewKey(viewGap, named(authority), p[:])
}

// enrolmentOf reads whose enrolments a row of viewPerson holds, and where.
func enrolmentOf(key []byte) (p ledger.PersonRef, at ledger.Place, ok bool) {
	if len(key) <= 2+len(p)+1 || key[2+len(p)] != partEnrolment {
		return p, "", false
	}
	return ledger.PersonRef(key[2 : 2+len(p)]), ledger.Place(key[2+len(p)+1:]), true
}

func wantedKey(source string, p ledger.PersonRef) []byte {
	return store.ViewKey(viewWanted, named(source), p[:])
}

func linksKey(p ledger.PersonRef, source string) []byte {
	return personKey(p, partLink, []byte(source)...)
}

func linkSaidKey(source string, at ledger.DueDay) []byte {
	return store.ViewKey(viewLinkSaid, named(source), binary.BigEndian.AppendUint32(nil, uint32(int64(at.Day)+1<<31)), at.Person[:])
}

func dueLinksKey(p ledger.PersonRef, source string) []byte {
	return store.ViewKey(viewDueLinks, p[:], []byte(source))
}

func lookedKey(assignment ledger.Seq) []byte {
	return store.ViewKey(viewLooked, u64(uint64(assignment)))
}

func assigningKey(org string, p ledger.Place) []byte {
	return store.ViewKey(viewAssigning, named(org), []byte(p))
}

// seqAtEnd reads the sequence number that ends an index key.
func seqAtEnd(key []byte) ledger.Seq {
	return ledger.Seq(binary.BigEndian.Uint64(key[len(key)-8:]))
}
