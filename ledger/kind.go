package ledger

import "fmt"

// Kind is an event's number on disk. Numbers are never reused; those below
// that have no event yet are reserved for the one they name.
type Kind uint16

// Kinds of version 1.
const (
	KindLogOpened            Kind = 1
	KindRulesRaised          Kind = 2
	KindKeyRecorded          Kind = 3 // log, person, key-encryption and token keys
	KindMembershipChanged    Kind = 4 // reserved
	KindStateRecorded        Kind = 5
	KindClockCorrected       Kind = 6 // reserved
	KindProposerDiverged     Kind = 7
	KindTransitionsDue       Kind = 8
	KindConfigurationChanged Kind = 9 // reserved

	KindOrganisationRecorded Kind = 16
	KindDirectoryRecorded    Kind = 17
	KindPolicyRecorded       Kind = 18
	KindActorProfiled        Kind = 19
	KindSchoolRecorded       Kind = 20

	KindUploadOpened      Kind = 32
	KindUploadResumed     Kind = 33
	KindUploadRefused     Kind = 34
	KindChunkRecorded     Kind = 35
	KindPlanRecorded      Kind = 36
	KindPlanUnchanged     Kind = 37
	KindPlanDeleted       Kind = 38
	KindPlanRejected      Kind = 39
	KindUploadClosed      Kind = 40
	KindAckRead           Kind = 41
	KindRowsChecked       Kind = 42
	KindHoldingsRead      Kind = 43
	KindSnapshotHeld      Kind = 44
	KindPersonMatched     Kind = 45
	KindNumberSuperseded  Kind = 46
	KindNumberInactivated Kind = 47
	KindSnapshotApproved  Kind = 48
	KindPlanLapsed        Kind = 49
	KindPlanUnmatched     Kind = 50
	KindNumbersParted     Kind = 51
	KindNumberFollowed    Kind = 52

	KindAccessed        Kind = 64
	KindAccessDenied    Kind = 65
	KindReopened        Kind = 66
	KindAccessCorrected Kind = 67
	KindNotTraced       Kind = 68
	KindGlassBroken     Kind = 69
	KindReviewed        Kind = 70
	KindTraced          Kind = 71

	KindNotificationQueued       Kind = 80
	KindNotificationAttempted    Kind = 81
	KindNotificationDelivered    Kind = 82
	KindNotificationOpened       Kind = 83
	KindNotificationAcknowledged Kind = 84
	KindNotificationActioned     Kind = 85
	KindNotificationFailed       Kind = 86
	KindNotificationEscalated    Kind = 87
	KindNotificationWithdrawn    Kind = 88
	KindAppointmentMissed        Kind = 89
	KindBirthRecorded            Kind = 90
	KindPregnancyEnded           Kind = 91
	KindLetterAttempted          Kind = 92
	KindLetterSettled            Kind = 93
	KindLetterAsked              Kind = 94

	KindEnrolmentsRecorded Kind = 96
	KindEnrolled           Kind = 97
	KindEnrolmentNotKept   Kind = 98
	KindEnrolmentRejected  Kind = 99
	KindAssigned           Kind = 100
	KindAssignmentEnded    Kind = 101
	KindCaseloadAccessed   Kind = 102
	KindSubjectAccessed    Kind = 103
	KindUnassignedRead     Kind = 104
	KindEnrolmentEnded     Kind = 105
	KindEnrolmentTakenBack Kind = 106
	KindOrganisationListed Kind = 107
	KindEnrolmentsWanted   Kind = 108
	KindCallBackRecorded   Kind = 109
	KindEnrolmentLinked    Kind = 110
	KindLinksOpened        Kind = 111

	KindTrailRead     Kind = 112
	KindKeyReleased   Kind = 113
	KindSubjectCopied Kind = 114
	KindLinksFollowed Kind = 115

	KindCorrected  Kind = 128 // reserved
	KindRectified  Kind = 129 // reserved
	KindRelabelled Kind = 130 // reserved
	KindLegalHold  Kind = 131 // reserved
	KindErased     Kind = 132 // reserved
)

// Event is one fact, named in the past tense. The set is closed: see events.
type Event interface {
	Kind() Kind
}

// events makes an empty event of each kind that is recorded.
var events = map[Kind]func() Event{
	KindLogOpened:                func() Event { return new(LogOpened) },
	KindRulesRaised:              func() Event { return new(RulesRaised) },
	KindKeyRecorded:              func() Event { return new(KeyRecorded) },
	KindStateRecorded:            func() Event { return new(StateRecorded) },
	KindProposerDiverged:         func() Event { return new(ProposerDiverged) },
	KindOrganisationRecorded:     func() Event { return new(OrganisationRecorded) },
	KindDirectoryRecorded:        func() Event { return new(DirectoryRecorded) },
	KindPolicyRecorded:           func() Event { return new(PolicyRecorded) },
	KindActorProfiled:            func() Event { return new(ActorProfiled) },
	KindUploadOpened:             func() Event { return new(UploadOpened) },
	KindUploadResumed:            func() Event { return new(UploadResumed) },
	KindUploadRefused:            func() Event { return new(UploadRefused) },
	KindChunkRecorded:            func() Event { return new(ChunkRecorded) },
	KindPlanRecorded:             func() Event { return new(PlanRecorded) },
	KindPlanUnchanged:            func() Event { return new(PlanUnchanged) },
	KindPlanDeleted:              func() Event { return new(PlanDeleted) },
	KindPlanRejected:             func() Event { return new(PlanRejected) },
	KindUploadClosed:             func() Event { return new(UploadClosed) },
	KindAckRead:                  func() Event { return new(AckRead) },
	KindRowsChecked:              func() Event { return new(RowsChecked) },
	KindSnapshotHeld:             func() Event { return new(SnapshotHeld) },
	KindSnapshotApproved:         func() Event { return new(SnapshotApproved) },
	KindPlanLapsed:               func() Event { return new(PlanLapsed) },
	KindHoldingsRead:             func() Event { return new(HoldingsRead) },
	KindNumberSuperseded:         func() Event { return new(NumberSuperseded) },
	KindNumberInactivated:        func() Event { return new(NumberInactivated) },
	KindNumbersParted:            func() Event { return new(NumbersParted) },
	KindTraced:                   func() Event { return new(Traced) },
	KindNotTraced:                func() Event { return new(NotTraced) },
	KindNumberFollowed:           func() Event { return new(NumberFollowed) },
	KindPlanUnmatched:            func() Event { return new(PlanUnmatched) },
	KindPersonMatched:            func() Event { return new(PersonMatched) },
	KindAccessed:                 func() Event { return new(Accessed) },
	KindAccessDenied:             func() Event { return new(AccessDenied) },
	KindReopened:                 func() Event { return new(Reopened) },
	KindAccessCorrected:          func() Event { return new(AccessCorrected) },
	KindGlassBroken:              func() Event { return new(GlassBroken) },
	KindReviewed:                 func() Event { return new(Reviewed) },
	KindNotificationQueued:       func() Event { return new(NotificationQueued) },
	KindNotificationOpened:       func() Event { return new(NotificationOpened) },
	KindNotificationAcknowledged: func() Event { return new(NotificationAcknowledged) },
	KindNotificationAttempted:    func() Event { return new(NotificationAttempted) },
	KindNotificationDelivered:    func() Event { return new(NotificationDelivered) },
	KindNotificationFailed:       func() Event { return new(NotificationFailed) },
	KindBirthRecorded:            func() Event { return new(BirthRecorded) },
	KindPregnancyEnded:           func() Event { return new(PregnancyEnded) },
	KindTransitionsDue:           func() Event { return new(TransitionsDue) },
	KindNotificationEscalated:    func() Event { return new(NotificationEscalated) },
	KindNotificationActioned:     func() Event { return new(NotificationActioned) },
	KindNotificationWithdrawn:    func() Event { return new(NotificationWithdrawn) },
	KindLetterAttempted:          func() Event { return new(LetterAttempted) },
	KindLetterSettled:            func() Event { return new(LetterSettled) },
	KindLetterAsked:              func() Event { return new(LetterAsked) },
	KindAppointmentMissed:        func() Event { return new(AppointmentMissed) },
	KindEnrolmentsRecorded:       func() Event { return new(EnrolmentsRecorded) },
	KindEnrolled:                 func() Event { return new(Enrolled) },
	KindEnrolmentNotKept:         func() Event { return new(EnrolmentNotKept) },
	KindEnrolmentRejected:        func() Event { return new(EnrolmentRejected) },
	KindAssigned:                 func() Event { return new(Assigned) },
	KindAssignmentEnded:          func() Event { return new(AssignmentEnded) },
	KindCaseloadAccessed:         func() Event { return new(CaseloadAccessed) },
	KindSubjectAccessed:          func() Event { return new(SubjectAccessed) },
	KindUnassignedRead:           func() Event { return new(UnassignedRead) },
	KindEnrolmentEnded:           func() Event { return new(EnrolmentEnded) },
	KindEnrolmentTakenBack:       func() Event { return new(EnrolmentTakenBack) },
	KindSchoolRecorded:           func() Event { return new(SchoolRecorded) },
	KindOrganisationListed:       func() Event { return new(OrganisationListed) },
	KindEnrolmentsWanted:         func() Event { return new(EnrolmentsWanted) },
	KindCallBackRecorded:         func() Event { return new(CallBackRecorded) },
	KindEnrolmentLinked:          func() Event { return new(EnrolmentLinked) },
	KindLinksOpened:              func() Event { return new(LinksOpened) },
	KindLinksFollowed:            func() Event { return new(LinksFollowed) },
	KindTrailRead:                func() Event { return new(TrailRead) },
	KindSubjectCopied:            func() Event { return new(SubjectCopied) },
	KindKeyReleased:              func() Event { return new(KeyReleased) },
}

var kindNames = map[Kind]string{
	KindLogOpened: "log-opened", KindRulesRaised: "rules-raised", KindKeyRecorded: "key-recorded",
	KindStateRecorded: "state-recorded", KindProposerDiverged: "proposer-diverged", KindOrganisationRecorded: "organisation-recorded",
	KindDirectoryRecorded: "directory-recorded", KindActorProfiled: "actor-profiled",
	KindUploadOpened: "upload-opened", KindUploadResumed: "upload-resumed", KindUploadRefused: "upload-refused",
	KindChunkRecorded: "chunk-recorded", KindPlanRecorded: "plan-recorded", KindPlanUnchanged: "plan-unchanged",
	KindPlanDeleted: "plan-deleted", KindPlanRejected: "plan-rejected", KindUploadClosed: "upload-closed",
	KindAckRead: "acknowledgement-read", KindRowsChecked: "rows-checked", KindAccessed: "accessed",
	KindAccessDenied: "access-denied", KindReopened: "reopened", KindAccessCorrected: "access-corrected",
	KindNotificationQueued: "notification-queued", KindNotificationOpened: "notification-opened",
	KindNotificationAcknowledged: "notification-acknowledged", KindAppointmentMissed: "appointment-missed",
	KindEnrolmentsRecorded: "enrolments-recorded", KindEnrolled: "enrolled", KindEnrolmentNotKept: "enrolment-not-kept",
	KindEnrolmentRejected: "enrolment-rejected", KindAssigned: "assigned", KindAssignmentEnded: "assignment-ended", KindUnassignedRead: "unassigned-read",
	KindSchoolRecorded: "school-recorded", KindOrganisationListed: "organisation-listed", KindEnrolmentsWanted: "enrolments-wanted",
	KindCallBackRecorded: "call-back-recorded",
	KindEnrolmentLinked:  "enrolment-linked", KindLinksOpened: "links-opened", KindLinksFollowed: "links-followed",
	KindEnrolmentEnded: "enrolment-ended", KindEnrolmentTakenBack: "enrolment-taken-back",
	KindCaseloadAccessed: "caseload-accessed",
	KindSubjectAccessed:  "subject-accessed", KindTrailRead: "trail-read", KindSubjectCopied: "subject-copied",
	KindKeyReleased:  "key-released",
	KindSnapshotHeld: "snapshot-held", KindSnapshotApproved: "snapshot-approved", KindPlanLapsed: "plan-lapsed",
	KindHoldingsRead: "holdings-read", KindPlanUnmatched: "plan-unmatched", KindPersonMatched: "person-matched",
	KindNumberSuperseded: "number-superseded", KindNumberInactivated: "number-inactivated", KindNumbersParted: "numbers-parted",
	KindNumberFollowed: "number-followed", KindTraced: "traced", KindNotTraced: "not-traced",
	KindNotificationAttempted: "notification-attempted", KindNotificationDelivered: "notification-delivered",
	KindNotificationFailed: "notification-failed",
	KindLetterAttempted:    "letter-attempted", KindLetterSettled: "letter-settled", KindLetterAsked: "letter-asked",
	KindPolicyRecorded: "policy-recorded", KindGlassBroken: "glass-broken", KindReviewed: "reviewed",

	KindNotificationWithdrawn: "notification-withdrawn", KindNotificationActioned: "notification-actioned",
	KindBirthRecorded: "birth-recorded", KindPregnancyEnded: "pregnancy-ended",
	KindNotificationEscalated: "notification-escalated", KindTransitionsDue: "transitions-due",
}

// String returns the kind's name as listings and exports spell it.
func (k Kind) String() string {
	if n, ok := kindNames[k]; ok {
		return n
	}
	return fmt.Sprintf("kind-%d", uint16(k))
}
