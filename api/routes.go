package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"custos/ledger"
)

// handler answers one request of a signed-in caller; an error becomes a problem.
type handler func(s *Server, w http.ResponseWriter, r *http.Request, who *Identity) error

// route is one line of the table of routes: what is asked for, and what of a
// body is read. Whether the caller's role may ask is ledger.May; a command's
// route leaves the question to the decision itself, which records a denial.
type route struct {
	method, path string
	body         int64
	types        []string
	long         bool
	action       ledger.Action
	command      bool // the handler proposes a command that decides and records
	handle       handler
	summary      string
}

var (
	jsonType = []string{"application/json"}
	formType = []string{"application/x-www-form-urlencoded"}
)

// routeTable is every route that asks for a token.
var routeTable = []route{
	{"POST", "/v1/lookups", jsonBody, jsonType, false, ledger.ActLookUp, true, (*Server).postLookup, "look a person up"},
	{"POST", "/v1/queries", jsonBody, queryTypes, false, ledger.ActLookUp, true, (*Server).postQuery, "look a person up by CP-IS message 03, bare or in Spine's SOAP envelope, answered with message 04"},
	{"POST", "/cds-services/{id}", hookBody, jsonType, false, ledger.ActLookUp, true, (*Server).postHook, "CDS Hooks, encounter-start: look up who arrives, and give a card"},
	{"GET", "/v1/arrivals", 0, nil, false, ledger.ActReadSiteTrail, false, (*Server).getArrivals, "how many arrivals of a site were looked up, and how many were not"},
	{"POST", "/v1/lookups/{seq}/corrections", jsonBody, jsonType, false, ledger.ActCorrectAccess, true, (*Server).postCorrection, "mark an own lookup as one of the wrong person"},
	{"POST", "/v1/emergency-lookups", jsonBody, jsonType, false, ledger.ActBreakGlass, true, (*Server).postEmergency, "look a person up in an emergency, also where policy would deny it; reviewed by a second person"},
	{"GET", "/v1/reviews", 0, nil, false, ledger.ActReview, false, (*Server).getReviews, "emergency accesses to be reviewed, by reference"},
	{"GET", reviewEventsPath, 0, nil, true, ledger.ActReview, false, (*Server).getReviewEvents, "emergency accesses to be reviewed, as they happen: server-sent events, by reference"},
	{"POST", "/v1/reviews/{seq}/open", jsonBody, jsonType, false, ledger.ActReview, true, (*Server).postReviewOpen, "who looked whom up in an emergency, and why"},
	{"POST", "/v1/reviews/{seq}", jsonBody, jsonType, false, ledger.ActReview, true, (*Server).postReview, "conclude the review of an emergency access"},
	{"POST", "/v1/lookups/{seq}/mother", jsonBody, jsonType, false, ledger.ActLookUp, true, (*Server).postMother, "look up the mother of a baby under one that was looked up"},
	{"POST", "/v1/births", jsonBody, jsonType, false, ledger.ActRecordBirth, true, (*Server).postBirth, "babies were born: link them to their mother"},
	{"POST", "/v1/births/corrections", jsonBody, jsonType, false, ledger.ActRecordBirth, true, (*Server).postBirthCorrection, "a baby was linked to the wrong mother"},
	{"POST", "/v1/pregnancies/ended", jsonBody, jsonType, false, ledger.ActRecordBirth, true, (*Server).postPregnancyEnded, "a pregnancy has ended: its plan is shown no longer"},
	{"POST", "/v1/traces", jsonBody, jsonType, false, ledger.ActTrace, true, (*Server).postTrace, "ask by exact names and birth date, where no NHS number is known"},
	{"POST", "/v1/uploads", uploadBody, []string{"text/csv", "application/json", "application/xml", "text/xml"}, true, ledger.ActUpload, true, (*Server).postUpload, "upload plans: CSV, JSON, or CP-IS message 01, which is answered with message 02"},
	{"GET", "/v1/uploads", 0, nil, false, ledger.ActListUploads, false, (*Server).getUploads, "an authority's uploads, gaps in their numbers, and whether the newest is stale"},
	{"GET", "/v1/uploads/{id}", 0, nil, true, ledger.ActReadUpload, true, (*Server).getUpload, "an upload's acknowledgement again: JSON or CSV, or message 02 of a CP-IS message"},
	{"POST", "/v1/uploads/{id}/approvals", jsonBody, jsonType, false, ledger.ActApproveSnapshot, true, (*Server).postApproval, "let a held snapshot end what it does not name"},
	{"POST", "/v1/holdings", jsonBody, jsonType, true, ledger.ActReadHoldings, true, (*Server).postHoldings, "what is held for the own authority, as JSON or CSV"},
	{"GET", "/v1/unmatched", 0, nil, false, ledger.ActListUnmatched, false, (*Server).getUnmatched, "rows that match nobody, by reference"},
	{"POST", "/v1/numbers", jsonBody, jsonType, false, ledger.ActRecordNumber, true, (*Server).postNumber, "an NHS number was replaced, or is no longer used"},
	{"POST", "/v1/enrolments", uploadBody, []string{"text/csv", "application/json"}, true, ledger.ActEnrol, true, (*Server).postEnrolments, "enrol people at schools, areas or practices"},
	{"POST", "/v1/enrolments/wanted", jsonBody, jsonType, true, ledger.ActReadWanted, true, (*Server).postWanted, "whose enrolment is asked for again, because a plan appeared"},
	{"POST", "/v1/assignments", jsonBody, jsonType, false, ledger.ActAssign, true, (*Server).postAssignment, "make a place somebody's caseload"},
	{"POST", "/v1/assignments/{seq}/ends", jsonBody, jsonType, false, ledger.ActAssign, true, (*Server).postAssignmentEnd, "end an assignment before its time"},
	{"GET", "/v1/caseloads", 0, nil, false, ledger.ActListCaseloads, false, (*Server).getCaseloads, "caseloads, whose they are, and which are nobody's or unopened"},
	{"POST", "/v1/caseloads/lookups", jsonBody, jsonType, false, ledger.ActReadCaseload, true, (*Server).postCaseload, "the people of a school or area, as JSON or CSV"},
	{"GET", "/v1/unassigned", 0, nil, false, ledger.ActListUnassigned, false, (*Server).getUnassigned, "how many are in no caseload"},
	{"POST", "/v1/unassigned/lookups", jsonBody, jsonType, true, ledger.ActReadUnassigned, true, (*Server).postUnassigned, "who has a visible plan and is in no live caseload"},
	{"GET", "/v1/notifications", 0, nil, false, ledger.ActListNotifications, false, (*Server).getNotifications, "the authority's notifications, by reference"},
	{"GET", eventsPath, 0, nil, true, ledger.ActListNotifications, false, (*Server).getEvents, "what becomes of the authority's notifications, as it does: server-sent events, by reference"},
	{"POST", "/v1/notifications/{id}/open", jsonBody, jsonType, false, ledger.ActOpenNotification, true, (*Server).postOpen, "whom a notification is about"},
	{"POST", "/v1/notifications/{id}/acknowledgements", jsonBody, jsonType, false, ledger.ActAcknowledge, true, (*Server).postAcknowledgement, "what was done about a notification"},
	{"GET", "/v1/letters", 0, nil, false, ledger.ActListLetters, false, (*Server).getLetters, "how letters to authorities' systems stand, and which were given up"},
	{"POST", "/v1/letters/{id}/redeliveries", jsonBody, jsonType, false, ledger.ActAskLetter, true, (*Server).postRedelivery, "have a letter that was given up tried again"},
	{"POST", "/v1/letters/trials", jsonBody, jsonType, false, ledger.ActAskLetter, true, (*Server).postTrial, "try a way of letters to an authority"},
	{"POST", "/v1/notifications/{id}/actions", jsonBody, jsonType, false, ledger.ActAcknowledge, true, (*Server).postAction, "what came of a notification that was acknowledged"},
	{"GET", "/v1/site-notices", 0, nil, false, ledger.ActReadSiteNotices, false, (*Server).getSiteNotices, "what the own site is told: nobody has acknowledged"},
	{"POST", "/v1/site-notices/{id}/open", jsonBody, jsonType, false, ledger.ActReadSiteNotices, true, (*Server).postOpenSiteNotice, "whom a site's notice is about"},
	{"POST", "/v1/site-notices/{id}/acknowledgements", jsonBody, jsonType, false, ledger.ActReadSiteNotices, true, (*Server).postAcknowledgeSiteNotice, "what was done about a site's notice"},
	{"GET", "/v1/ladder", 0, nil, false, ledger.ActRecordDirectory, false, (*Server).getLadder, "how the own authority's notifications climb"},
	{"PUT", "/v1/ladder", jsonBody, jsonType, false, ledger.ActRecordDirectory, true, (*Server).putLadder, "how they are to climb from a day on"},
	{"POST", "/v1/missed-appointments", jsonBody, jsonType, false, ledger.ActMissAppointment, true, (*Server).postMissedAppointment, "a person was not brought"},
	{"POST", "/v1/trails", jsonBody, jsonType, false, ledger.ActReadSiteTrail, true, (*Server).postTrail, "who looked"},
	{"GET", "/v1/figures", 0, nil, false, ledger.ActReadFigures, false, (*Server).getFigures, "how an authority's notifications fare: JSON, CSV, or a page with a chart"},
	{"POST", "/v1/subject-copies", jsonBody, jsonType, false, ledger.ActCopySubject, true, (*Server).postSubjectCopy, "a copy of who looked, for the person or somebody in their place"},
	{"POST", "/v1/key-releases", jsonBody, jsonType, false, ledger.ActReleaseKey, true, (*Server).postKeyRelease, "let an auditor know whose one reference is, for some days"},
	{"POST", "/v1/trail-proofs", jsonBody, jsonType, false, ledger.ActReadEntry, false, (*Server).postTrailProof, "that the entries about a person are all there are, by reference"},
	{"GET", "/v1/directory", 0, nil, false, ledger.ActReadDirectory, false, (*Server).getDirectory, "how each authority is reached"},
	{"PUT", "/v1/directory/{ods}", jsonBody, jsonType, false, ledger.ActRecordDirectory, true, (*Server).putDirectory, "keep the own directory entry"},
	{"PUT", "/v1/directory/{ods}/call-back", jsonBody, jsonType, false, ledger.ActRecordCallBack, true, (*Server).putCallBack, "keep the number at which a care site is rung back"},
	{"PUT", "/v1/organisations/{ods}", jsonBody, jsonType, false, ledger.ActRecordOrganisation, true, (*Server).putOrganisation, "record an organisation and its care-setting policy"},
	{"GET", "/v1/policies", 0, nil, false, ledger.ActReadPolicy, false, (*Server).getPolicies, "what each place says of care settings, with dates"},
	{"GET", "/v1/policies/{ods}", 0, nil, false, ledger.ActReadPolicy, false, (*Server).getPolicy, "which rules hold at a place, today or on a date, and whose word they are"},
	{"PUT", "/v1/policies/{ods}", jsonBody, jsonType, false, ledger.ActRecordPolicy, true, (*Server).putPolicy, "record what a place says of care settings from a day on"},
	{"POST", "/v1/schools", uploadBody, []string{"text/csv"}, true, ledger.ActRecordOrganisation, true, (*Server).postSchools, "the register of schools, in the shape of GIAS"},
	{"POST", "/v1/organisations", uploadBody, []string{"text/csv"}, true, ledger.ActRecordOrganisation, true, (*Server).postOrganisations, "a register of organisations, in the shape of ODS"},
	{"GET", "/v1/receipts/{seq}", 0, nil, false, ledger.ActReadReceipt, false, (*Server).getReceipt, "an entry's receipt, as a C2SP tlog-proof"},
	{"GET", "/v1/entries/{seq}", 0, nil, false, ledger.ActReadEntry, false, (*Server).getEntry, "an entry's exact bytes"},
	{"GET", "/FHIR/R4/CareTeam", 0, nil, false, ledger.ActLookUp, true, (*Server).getCareTeam, "a person's plans, as CP-IS's FHIR R4 interface has them"},
	{"GET", auditEventPath, 0, nil, false, ledger.ActLookUp, true, (*Server).getAuditEvent, "who has looked, as CP-IS's FHIR R4 interface has it; to IG officers, every access they may see"},
	{"POST", "/FHIR/R4/Appointment", jsonBody, []string{"application/fhir+json", "application/json"}, false, ledger.ActMissAppointment, true, (*Server).postAppointment, "a person was not brought: an Appointment of status noshow"},
	{"GET", "/FHIR/R4/PatientFlag", 0, nil, false, ledger.ActLookUp, true, (*Server).getPatientFlag, "a person's flag, as the NHS's Patient Flag API has it"},
	{"GET", "/tile/entries/{bundle}", 0, nil, false, ledger.ActReadEntry, false, (*Server).getEntryTile, "up to 256 entries, as C2SP tlog-tiles"},
}

// openRoute is a route that asks for no token. It has no child data.
type openRoute struct {
	method, path string
	handle       func(*Server, http.ResponseWriter, *http.Request)
	summary      string
}

// openRoutes lists them.
func openRoutes() []openRoute {
	return []openRoute{
		{"GET", "/livez", (*Server).livez, "the process runs"},
		{"GET", "/readyz", (*Server).readyz, "a record can be committed now"},
		{"GET", "/checkpoint", (*Server).checkpoint, "the newest signed checkpoint"},
		{"GET", "/tile/{tile}", (*Server).tile, "up to 256 hashes of the tree, as C2SP tlog-tiles"},
		{"GET", "/cds-services", (*Server).hookServices, "the CDS Hooks services, described"},
		{"GET", "/FHIR/R4/metadata", (*Server).fhirMetadata, "what is answered in FHIR R4"},
		{"GET", "/openapi.yaml", (*Server).openAPIYAML, "this interface, described"},
		{"GET", "/openapi.json", (*Server).openAPIJSON, "the same, as JSON"},
		{"GET", "/docs", (*Server).docs, "this interface, for reading"},
		{"GET", "/docs/problems", (*Server).docsProblems, "what each error code means"},
		{"GET", "/docs/downtime", (*Server).docsDowntime, "what to do while no record can be made"},
	}
}

// spellings are the variables of paths that hold more than one segment.
var spellings = strings.NewReplacer("{bundle}", "{bundle:.+}", "{tile}", "{tile:[0-9]+/.+}")

func (s *Server) routes() {
	for _, t := range routeTable {
		s.public.handle(t.method, t.path, routePolicy{body: t.body, types: t.types, long: t.long}, s.authenticated(t))
	}
	for _, o := range openRoutes() {
		for _, method := range []string{o.method, http.MethodHead} {
			s.public.handle(method, o.path, routePolicy{}, func(w http.ResponseWriter, r *http.Request) { o.handle(s, w, r) })
		}
	}
	for _, t := range s.pageRoutes() {
		s.public.handle(t.method, t.path, routePolicy{body: t.body, types: formType, slots: s.guests},
			func(w http.ResponseWriter, r *http.Request) { t.handle(s, w, r) })
	}
	if s.cfg.Demo != nil {
		for _, path := range []string{"/", "/demo/known", "/assets/demo.js", "/assets/demo.css"} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				s.public.handle(method, path, routePolicy{}, s.cfg.Demo.ServeHTTP)
			}
		}
	}
}

// pageRoutes are the routes by which people and programs come to be known.
func (s *Server) pageRoutes() (all []pageRoute) {
	if s.signIn != nil {
		all = append(all, signInRoutes()...)
	}
	if s.cfg.Machines != nil {
		all = append(all, machineRoutes()...)
	}
	return all
}

// authenticated puts a route behind its token, its bound of requests under
// way, and the table of roles, for whatever the decision itself is not asked:
// reads that are no command, files, which need not be read first, and requests
// that cannot be read. A denial is recorded before it is answered.
func (s *Server) authenticated(t route) http.HandlerFunc {
	slots := s.slots
	switch {
	case endless(t.path):
		slots = s.streams.slots
	case t.long:
		slots = s.uploads
	}
	return func(w http.ResponseWriter, r *http.Request) {
		who, p := s.caller(r)
		if p != nil && p.who == nil {
			s.stats.unauthenticated.Inc()
			writeProblem(w, r, p)
			return
		}
		if busy := slots.acquire(); busy != nil {
			s.stats.busy.Inc()
			writeProblem(w, r, busy)
			return
		}
		defer slots.release()
		// A command made from old views would say less than it should. Whom to ring is better known late than not.
		if t.path != "/v1/directory" && !s.node.CaughtUp() {
			writeProblem(w, r, problem("unavailable"))
			return
		}
		if p != nil {
			writeProblem(w, r, s.turnAway(r.Context(), p, t.asked(p.who)))
			return
		}
		action := t.asked(who)
		may := s.may(who, action)
		if !may && (!t.command || t.long || byReference(who)) {
			writeProblem(w, r, s.deny(r.Context(), who, action))
			return
		}
		err := t.unasked(r)
		switch {
		case err != nil:
		case action == ledger.ActReadEntry && sealedTo(who):
			as := *who
			as.Role = "" // the role may read entries; not after a sign-in like this
			err = s.turnAway(r.Context(), problem("assurance-too-low").of(&as), action)
		default:
			err = t.handle(s, w, r, who)
		}
		if err != nil {
			writeProblem(w, r, s.settle(r, who, action, err))
		}
	}
}

// byReference reports whether somebody reads every entry, and is to know whom it
// is about by nothing but a release. A denial that named the person asked for
// would tell: it is by the role alone, and stands in the caller's trail.
func byReference(who *Identity) bool {
	role, ok := ledger.ParseRole(who.Role)
	return ok && ledger.May(role, ledger.ActReadEntry) && !ledger.May(role, ledger.ActReadTrail)
}

// sealedTo reports whether what is sealed of restricted people is closed to an
// officer who may read it, for want of a strong sign-in. Their own denial says
// whose a reference is; so whatever has references is closed to them as well.
func sealedTo(who *Identity) bool {
	role, ok := ledger.ParseRole(who.Role)
	return ok && ledger.May(role, ledger.ActReadTrail) && who.Assurance != "AAL3"
}

// settle is what a caller is told of an error. One that is the mistake of a role
// that may not ask at all is recorded as a denial first.
func (s *Server) settle(r *http.Request, who *Identity, a ledger.Action, err error) error {
	if !s.may(who, a) && unrecorded(err) {
		err = s.deny(r.Context(), who, a)
	}
	s.unexpected(r, err)
	return err
}

// asked is what a caller asks for on a route. One address of FHIR's is a lookup
// to those who care for a person and a trail to those who check who looked.
func (t *route) asked(who *Identity) ledger.Action {
	if t.path == auditEventPath {
		return auditEventAction(who)
	}
	return t.action
}

// unrecorded reports whether err is the caller's own mistake and no entry tells
// of it. From a role that may not ask at all it is a denial like any other:
// who probes must not stay off the record by writing badly.
func unrecorded(err error) bool {
	p := asProblem(err)
	switch status := problems[p.Code].status; {
	case p.Seq != nil, status >= http.StatusInternalServerError:
		return false
	case status == http.StatusRequestTimeout, status == http.StatusRequestEntityTooLarge:
		return false // the connection is lost with it
	}
	return true
}

func (s *Server) may(who *Identity, a ledger.Action) bool {
	role, ok := ledger.ParseRole(who.Role)
	return ok && (ledger.May(role, a) || a == ledger.ActReadReceipt) // a receipt may also be the caller's own: see getReceipt
}

// unexpected tells the operator of an error that the caller sees as a bare
// 500: its type and where, never its text, which may quote what was sent.
func (s *Server) unexpected(r *http.Request, err error) {
	var p *Problem
	if errors.As(err, &p) {
		return
	}
	cause := err
	for next := errors.Unwrap(cause); next != nil; next = errors.Unwrap(cause) {
		cause = next
	}
	id, route := "", ""
	if i := requestInfoOf(r); i != nil {
		id, route = i.RequestID, i.route
	}
	s.cfg.Logger.Error("request failed", "route", route, "error_type", fmt.Sprintf("%T", cause), "request_id", id)
}
