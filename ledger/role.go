package ledger

// Role is what an actor may act as. Numbers are never reused.
type Role uint8

// The roles of version 1.
const (
	RoleNone Role = iota
	RoleClinician
	RoleScheduledClinician
	RoleUploader
	RoleSocialWorker
	RoleSocialWorkManager
	RoleSchoolNurse
	RoleHealthVisitor
	RoleTeamLeader
	RoleChildHealth
	RoleIGOfficer
	RoleSiteIG
	RoleAuditor
	RoleOperator
	RoleSystem
)

var roleNames = [...]string{
	RoleNone:               "none",
	RoleClinician:          "clinician",
	RoleScheduledClinician: "scheduled-clinician",
	RoleUploader:           "uploader",
	RoleSocialWorker:       "social-worker",
	RoleSocialWorkManager:  "social-work-manager",
	RoleSchoolNurse:        "school-nurse",
	RoleHealthVisitor:      "health-visitor",
	RoleTeamLeader:         "team-leader",
	RoleChildHealth:        "child-health",
	RoleIGOfficer:          "ig-officer",
	RoleSiteIG:             "site-ig",
	RoleAuditor:            "auditor",
	RoleOperator:           "operator",
	RoleSystem:             "system",
}

// String returns the role's name as tokens and documents spell it.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return "unknown"
}

// ParseRole reads a role's name; ok is false for any that no token may carry.
func ParseRole(s string) (r Role, ok bool) {
	for i, n := range roleNames {
		if n == s && Role(i) != RoleNone && Role(i) != RoleSystem {
			return Role(i), true
		}
	}
	return RoleNone, false
}

// Roles lists every role a token may carry, in order.
func Roles() []Role {
	var out []Role
	for r := RoleClinician; r <= RoleOperator; r++ {
		out = append(out, r)
	}
	return out
}

// Action is something a role may or may not do.
type Action uint8

// The actions of version 1.
const (
	ActLookUp Action = iota + 1
	ActCorrectAccess
	ActMissAppointment
	ActUpload
	ActReadUpload
	ActEnrol
	ActAssign
	ActReadCaseload
	ActListNotifications
	ActOpenNotification
	ActAcknowledge
	ActReadTrail
	ActReadSiteTrail
	ActReadReceipt
	ActReadEntry
	ActReadDirectory
	ActRecordDirectory
	ActRecordOrganisation
	ActSystem

	// Of rules version 2. They follow ActSystem, whose number denials hold.
	ActListUploads
	ActApproveSnapshot
	ActReadHoldings
	ActListUnmatched
	ActRecordNumber
	ActTrace

	// Of rules version 3.
	ActRecordPolicy
	ActReadPolicy
	ActBreakGlass
	ActReview
	ActListCaseloads
	ActReadUnassigned
	ActListUnassigned
	ActReadWanted
	ActRecordCallBack
	ActReadFigures
	ActCopySubject
	ActReleaseKey
	ActListLetters
	ActAskLetter
	ActSignIn // stands in denials of somebody whom their provider vouches for in no role
	ActReadSiteNotices
	ActRecordBirth

	actionEnd // no action: one past the last
)

var actionNames = map[Action]string{
	ActLookUp:             "look up a person",
	ActCorrectAccess:      "correct an own lookup",
	ActMissAppointment:    "record a missed appointment",
	ActUpload:             "upload plans",
	ActReadUpload:         "read an upload's acknowledgement",
	ActEnrol:              "enrol people at a school, area or practice",
	ActAssign:             "assign a caseload",
	ActReadCaseload:       "read a caseload",
	ActListNotifications:  "list notifications",
	ActOpenNotification:   "open a notification",
	ActAcknowledge:        "acknowledge a notification",
	ActReadTrail:          "read a whole trail",
	ActReadSiteTrail:      "read the own organisation's accesses",
	ActReadReceipt:        "read a receipt",
	ActReadEntry:          "read an entry's bytes",
	ActReadDirectory:      "read the directory",
	ActRecordDirectory:    "keep the own directory entry",
	ActRecordOrganisation: "record organisations and their policy",
	ActSystem:             "act as the system",
	ActListUploads:        "list uploads, without what is in them",
	ActApproveSnapshot:    "approve what a snapshot would end",
	ActReadHoldings:       "read what is held for the own authority",
	ActListUnmatched:      "list unmatched rows, without what is in them",
	ActRecordNumber:       "record that an NHS number was replaced or is no longer used",
	ActTrace:              "ask by exact names and birth date",
	ActRecordPolicy:       "record the policy of care settings",
	ActReadPolicy:         "read the policy of care settings",
	ActBreakGlass:         "look up in an emergency what would be denied",
	ActReview:             "review an emergency access",
	ActListCaseloads:      "list caseloads, without who is in them",
	ActReadUnassigned:     "read who is in no caseload",
	ActListUnassigned:     "count who is in no caseload",
	ActReadWanted:         "read whose enrolment is asked for again",
	ActRecordCallBack:     "keep the own site's call-back number",
	ActReadFigures:        "read how notifications fare, as figures",
	ActCopySubject:        "copy the accesses to a person's record for that person",
	ActReleaseKey:         "let an auditor know whose a reference is",
	ActListLetters:        "list letters: how notifications are delivered",
	ActAskLetter:          "have a letter tried again, or a way of delivery tried",
	ActSignIn:             "sign in with a browser",
	ActReadSiteNotices:    "read what the own site is told",
	ActRecordBirth:        "record a birth, or that a pregnancy has ended",
}

// String returns the action in words.
func (a Action) String() string { return actionNames[a] }

// Actions lists every action that a token's role may have, in order.
func Actions() []Action {
	var out []Action
	for a := ActLookUp; a < actionEnd; a++ {
		if a != ActSystem {
			out = append(out, a)
		}
	}
	return out
}

// matrix is the one table of who may do what: a row is never changed, for the
// decisions of released rules ask it. Whether a
// particular request is then granted is for Decide: the table says only which
// roles may ask. docs/access-matrix.md is printed from it by its test.
var matrix = map[Action][]Role{
	ActLookUp:             {RoleClinician, RoleScheduledClinician},
	ActCorrectAccess:      {RoleClinician, RoleScheduledClinician},
	ActMissAppointment:    {RoleClinician, RoleScheduledClinician, RoleHealthVisitor, RoleSchoolNurse},
	ActUpload:             {RoleUploader},
	ActReadUpload:         {RoleUploader, RoleSocialWorkManager},
	ActEnrol:              {RoleUploader, RoleChildHealth},
	ActAssign:             {RoleTeamLeader},
	ActReadCaseload:       {RoleSchoolNurse, RoleHealthVisitor},
	ActListNotifications:  {RoleSocialWorker, RoleSocialWorkManager},
	ActOpenNotification:   {RoleSocialWorker, RoleSocialWorkManager},
	ActAcknowledge:        {RoleSocialWorker, RoleSocialWorkManager},
	ActReadTrail:          {RoleIGOfficer},
	ActReadSiteTrail:      {RoleIGOfficer, RoleSiteIG},
	ActReadReceipt:        {RoleIGOfficer, RoleAuditor},
	ActReadEntry:          {RoleIGOfficer, RoleAuditor},
	ActReadDirectory:      Roles(),
	ActRecordDirectory:    {RoleUploader, RoleSocialWorkManager},
	ActRecordOrganisation: {RoleOperator, RoleSystem},
	ActSystem:             {RoleSystem},
	ActListUploads:        {RoleUploader, RoleSocialWorkManager, RoleOperator},
	ActApproveSnapshot:    {RoleUploader, RoleSocialWorkManager},
	ActReadHoldings:       {RoleUploader, RoleSocialWorkManager},
	ActListUnmatched:      {RoleUploader, RoleSocialWorkManager, RoleOperator},
	ActRecordNumber:       {RoleIGOfficer, RoleSystem},
	ActTrace:              {RoleClinician, RoleScheduledClinician},
	ActRecordPolicy:       {RoleOperator, RoleSystem},
	ActReadPolicy:         Roles(),
	ActBreakGlass:         {RoleClinician, RoleScheduledClinician},
	ActReview:             {RoleIGOfficer, RoleSiteIG},
	ActListCaseloads:      {RoleSchoolNurse, RoleHealthVisitor, RoleTeamLeader, RoleOperator},
	ActReadUnassigned:     {RoleSocialWorkManager, RoleChildHealth},
	ActListUnassigned:     {RoleSocialWorkManager, RoleChildHealth, RoleOperator},
	ActReadWanted:         {RoleUploader, RoleChildHealth},
	ActRecordCallBack:     {RoleSiteIG, RoleTeamLeader, RoleOperator},
	ActReadFigures:        {RoleSocialWorkManager, RoleOperator},
	ActCopySubject:        {RoleIGOfficer},
	ActReleaseKey:         {RoleIGOfficer},
	ActListLetters:        {RoleOperator},
	ActAskLetter:          {RoleOperator},
	ActSignIn:             Roles(),
	ActReadSiteNotices:    {RoleClinician, RoleScheduledClinician, RoleSiteIG},
	ActRecordBirth:        {RoleClinician, RoleUploader, RoleSocialWorker, RoleSocialWorkManager},
}

// May reports whether a role may ask for an action at all.
func May(r Role, a Action) bool {
	for _, x := range matrix[a] {
		if x == r {
			return true
		}
	}
	return false
}
