package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Problem is an error that a caller may be told about: one stable code, and words chosen by us.
// No field of it ever holds something the caller sent, so a Problem may be logged and shown.
// Any other error reaches the caller as a bare 500.
type Problem struct {
	Code    string // a key of problems; clients branch on it
	Detail  string // one sentence; empty: the code's usual one
	Pointer string // JSON pointer into the request body, made of field names we defined and of indexes
	Seq     *uint64
	Receipt string
	From    string        // ISO 8601 date from which a service is live
	After   time.Duration // Retry-After, whole seconds; zero: the status's usual one
	Allow   string        // the methods a path does answer, for 405

	who *Identity // who was refused: a person whom the issuer vouches for, in no role; nil: nobody is known
}

// Error returns the code alone.
func (p *Problem) Error() string { return p.Code }

// problem makes the Problem of a code in the table.
func problem(code string) *Problem { return &Problem{Code: code} }

// with says more than the code's usual sentence. detail must not hold anything that was sent.
func (p *Problem) with(detail string) *Problem {
	p.Detail = detail
	return p
}

// within puts a step in front of the pointer; decoders call it on the way out of a value.
func (p *Problem) within(step string) *Problem {
	p.Pointer = "/" + step + p.Pointer
	return p
}

// of notes whom the refusal is of: in no role, and for no organisation, for nothing vouches for these.
func (p *Problem) of(id *Identity) *Problem {
	who := *id
	who.Role, who.Organisation, who.OrganisationName, who.Team, who.Places = "", "", "", "", nil
	p.who = &who
	return p
}

// kind is what the table knows of a code.
type kind struct {
	status int
	title  string
	detail string
}

const noDisclosure = `This is not "no plan": nothing is known from this answer about the child. ` +
	`Follow the downtime procedure, and reach the local authority through the directory.`

// problems is the one table from a code to what is answered. Codes are never reused.
var problems = map[string]kind{
	"json-syntax":          {400, "The body is not one valid JSON document", ""},
	"json-duplicate-field": {400, "A field is given twice", ""},
	"json-unknown-field":   {400, "A field is not known here", "The pointer names the object that holds it. Field names are case-sensitive."},
	"json-missing-field":   {400, "A required field is missing", ""},
	"json-type":            {400, "A field holds a value of the wrong type", ""},
	"field-value":          {400, "A field holds a value that is not allowed", ""},
	"date-format":          {400, "A date is not an ISO 8601 date", ""},
	"date-order":           {400, "An end is before its start", ""},
	"body-empty":           {400, "The body is empty", ""},
	"body-incomplete":      {400, "The body ended before it was complete", ""},
	"cpis-message":         {400, "The CP-IS message cannot be read, and has no sender to be answered", ""},
	"last-event-id":        {400, "The Last-Event-ID is not one of this stream's", "It is the id of the last event that was read: a number."},
	"arrival-nobody":       {400, "Nobody can be looked up from this arrival", "It has no NHS number, and not the names and birth date by which the register of demographics could know one."},
	"prefetch-missing":     {412, "The patient is missing from the prefetch", "This service reads no record system: send the Patient, and for a system's own token the user."},
	"query-unreadable":     {400, "The query cannot be read", ""},
	"query-parameter":      {400, "A query parameter is unknown, doubled or not allowed", ""},
	"header-value":         {400, "A header is missing, doubled or holds a value that is not allowed", ""},
	"search-too-wide":      {400, "The search would read more of the ledger than one answer may", "Name a patient, a person or an organisation, or ask for less time."},
	"identifier-system":    {400, "The identifier is not of the system that is meant here", "An NHS number is written https://fhir.nhs.uk/Id/nhs-number|number."},

	"nhs-number-format":      {400, "The NHS number is not ten digits", "Spaces, no-break spaces and hyphens are accepted; digits must be 0 to 9."},
	"nhs-number-check-digit": {400, "The NHS number's check digit is wrong", "Please check it against the record: a digit is mistyped or two are exchanged."},

	"request-id-format":      {400, "A request identifier is not a UUID", "X-Request-ID, X-Correlation-ID and TraceID are UUIDs, given at most once each."},
	"idempotency-key-format": {400, "The idempotency key is not a UUID", ""},

	"csv-header-absent":           {400, "The first line does not name the columns", ""},
	"csv-header-missing-column":   {400, "A required column is missing", ""},
	"csv-header-unknown-column":   {400, "A column is not known", ""},
	"csv-header-duplicate-column": {400, "A column is named twice", ""},
	"csv-encoding":                {400, "The file is not UTF-8 text", ""},
	"csv-row-columns":             {400, "A row has too many or too few fields", ""},
	"csv-row-quote":               {400, "A quotation mark is out of place in a row", ""},
	"csv-row-encoding":            {400, "A row is not valid UTF-8 text", ""},
	"csv-row-control":             {400, "A row holds a control character", ""},
	"csv-row-too-long":            {400, "A row is too long, or a quotation mark is never closed", "Rows after it were not read."},

	"token-missing":       {401, "A bearer token is required", ""},
	"token-malformed":     {401, "The token is not well formed", ""},
	"token-type":          {401, "The token is not an access token", "The header's typ must be at+jwt."},
	"token-algorithm":     {401, "The token's algorithm is not accepted", ""},
	"token-issuer":        {401, "The token's issuer is not accepted", "iss must equal a configured issuer, character for character."},
	"token-key-unknown":   {401, "The token's key is not known", ""},
	"token-signature":     {401, "The token's signature does not hold", ""},
	"token-audience":      {401, "The token is for another audience", "aud must name this service and nothing else."},
	"token-expired":       {401, "The token has expired", ""},
	"token-not-yet-valid": {401, "The token is not valid yet", "Its nbf or iat is in the future."},
	"token-lifetime":      {401, "The token lives too long", "exp is further from iat than this issuer may set it."},
	"token-claims":        {401, "The token's claims are not as required", ""},

	"session-ended":              {401, "Nobody is signed in here", "The session has ended, or is another node's. Sign in again."},
	"sign-in-request":            {400, "There is no such way to sign in", ""},
	"sign-in-state":              {400, "This sign-in was not begun here, or too long ago", "Begin again: nothing was done."},
	"sign-in-refused":            {403, "The identity provider did not sign you in", "It refused, or what it sent does not hold."},
	"sign-in-stale":              {403, "The identity provider saw you too long ago", "Sign out there, and sign in again."},
	"sign-in-unavailable":        {503, "The identity provider does not answer", "Nobody can sign in by it until it does. Nothing was disclosed. " + noDisclosure},
	"cross-site":                 {403, "Only this service's own pages may ask with a browser's session", "A program asks with a token."},
	"logout-token":               {400, "This is not a logout token of that provider", ""},
	"logout-token-again":         {409, "This logout token was used before", ""},
	"logout-incomplete":          {503, "Not every node could be told that the session has ended", "Here it has; nothing was disclosed. Say it again, with the same token. " + noDisclosure},
	"role-unknown":               {403, "The token asserts no role that this service knows", ""},
	"role-not-selected":          {403, "No role was selected at sign-in", "Choose one of the roles that you hold: the organisation is the role's."},
	"role-not-permitted":         {403, "Your role may not do this", ""},
	"organisation-not-permitted": {403, "Your organisation may not do this", ""},
	"assurance-too-low":          {403, "A stronger sign-in is needed", "Sign in with a smartcard or its like (AAL3; in a browser /signin?level=AAL3), or as strongly as the token's issuer asks. " + noDisclosure},
	"access-denied":              {403, "This is not permitted", ""},
	"not-live":                   {403, "The service is not yet live for this area", noDisclosure},

	// Refusals of the ledger: their codes are its own.
	"organisation-unknown":    {403, "Your organisation is not one that may ask this", "It is not recorded here, or not as a care setting or authority."},
	"other-authority":         {403, "This is another authority's", ""},
	"role-not-permitted-here": {403, "Where you work, your role may not look people up", "The policy of the place says which roles may."},
	"review-missing":          {400, "A copy needs its review first", "Consider serious harm, and whether the person is competent to ask: who is competent, asks; a copy for a parent is of a person who is not."},
	"policy-in-the-past":      {400, "A policy holds from today or a later day", "Which rules held on a day that is over has one answer for ever."},
	"not-own-access":          {403, "This lookup was not yours", ""},
	"not-assigned":            {403, "This caseload is not assigned to you", "A team leader assigns caseloads and cover."},
	"cover-ended":             {403, "Your cover of this caseload has run out", "A team leader assigns caseloads and cover."},
	"nobody-to-cover":         {409, "The person or team named has no assignment to this caseload on those days", ""},
	"own-organisation-only":   {403, "Only your own organisation's accesses are open to you", ""},
	"already-done":            {409, "This was done before", ""},
	"notification-not-opened": {409, "The notification has not been opened", "Open it before acknowledging it."},
	"not-in-this-state":       {409, "The request does not fit what is recorded", ""},
	"sequence-lower":          {409, "The sequence number is not higher than the last upload's", "GET /v1/uploads has the last one."},
	"sequence-content":        {409, "The sequence number was used for another file", "GET /v1/uploads has the last one."},
	"upload-not-open":         {409, "The upload is not open", ""},
	"upload-overtaken":        {409, "A later file was begun before this one was finished", "What is left of it would undo the later file. Send a new file with a new number."},
	"second-person-needed":    {403, "Somebody else must approve this", "Whoever sent a file, or a part of it, cannot also approve what it would end; whoever looked up in an emergency cannot also review it."},
	"approval-expired":        {409, "It is too late to approve this", "Send a new snapshot: it says how things are now."},
	"rules-not-raised":        {409, "This log does not decide such requests yet", "The operator raises its rules version once every node runs a program that knows it."},
	"request-too-long":        {413, "The request is longer than a record can hold", ""},
	"reason-missing":          {400, "A reason is required", ""},
	"idempotency-key-actor":   {409, "The idempotency key was used by somebody else", ""},
	"idempotency-key-expired": {409, "The same request was answered before", "The receipt is that of the first answer. Ask again with a new key."},
	"idempotency-key-content": {422, "The idempotency key was used for another request", ""},

	// Of systems, messages and arrivals.
	"responsible-person-missing": {403, "A system asks, and names nobody who answers for that", "Name the person in whose name it is asked. The attempt was recorded."},

	"not-found":          {404, "There is nothing here", ""},
	"method-not-allowed": {405, "The method is not allowed here", ""},
	"not-acceptable":     {406, "This cannot be shown in the form asked for", "An upload that was no CP-IS message has no message 02."},
	"body-too-slow":      {408, "The body arrived too slowly", "The connection is closed."},
	"conflict":           {409, "The request does not fit what is recorded", ""},
	"body-too-large":     {413, "The body is larger than this route accepts", ""},
	"content-type":       {415, "The body's media type is not accepted here", ""},
	"content-encoding":   {415, "Encoded bodies are not accepted", "Send the body without a Content-Encoding."},
	"too-many-people":    {429, "You have looked up more people in an hour than anybody has to do with", "This is recorded. In an emergency, ring the local authority: the directory has its numbers."},
	"too-many-requests":  {429, "Too many requests", ""},
	"internal":           {500, "Something went wrong here", ""},

	"register-unavailable": {503, "The register of demographics cannot be asked now", "Nothing of the file was recorded and nothing was disclosed. Send it again later, with the same number. " + noDisclosure},

	"busy":                   {503, "Too many requests are being answered", "Nothing was recorded and nothing was disclosed. " + noDisclosure},
	"token-keys-unavailable": {503, "The token's issuer could not be asked for its keys", "Nobody can be signed in by it until it answers. Nothing was recorded and nothing was disclosed. " + noDisclosure},
	"unavailable":            {503, "No record can be made now, so nothing can be disclosed", "Nothing was recorded and nothing was disclosed. " + noDisclosure},
	"behind-witnesses": {503, "This ledger was restored from a copy older than what its witnesses have signed", "It records nothing until somebody has looked into it: waiting does not help. " +
		"Nothing was recorded and nothing was disclosed. " + noDisclosure},
	// A proposal that was sent and not answered may yet commit: saying that nothing was recorded would be a guess.
	"outcome-unknown": {503, "It is not known yet whether this was recorded", "Nothing was disclosed; whether the request was recorded is not known yet. " +
		"Ask again with the same Idempotency-Key. " + noDisclosure},
}

// problemCodes lists the table's codes in order, for the page that explains them.
func problemCodes() []string {
	codes := make([]string, 0, len(problems))
	for c := range problems {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}

// problemBody is RFC 9457's object with our members.
type problemBody struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Code      string  `json:"code"`
	Detail    string  `json:"detail,omitempty"`
	Pointer   string  `json:"pointer,omitempty"`
	Seq       *uint64 `json:"seq,omitempty"`
	Receipt   string  `json:"receipt,omitempty"`
	From      string  `json:"from,omitempty"`
	RequestID string  `json:"requestId,omitempty"`
	Downtime  string  `json:"downtime,omitempty"`
	Directory string  `json:"directory,omitempty"`
}

// asProblem finds the Problem in err. What is not one becomes "internal", and its text goes nowhere.
func asProblem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) && p != nil {
		if _, known := problems[p.Code]; known {
			return p
		}
	}
	return problem("internal")
}

// writeProblem is the only writer of JSON error bodies: problems, and under FHIR's base OperationOutcomes.
// err is a *Problem, or becomes a bare 500.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	b := problemHead(w, r, err)
	form := "application/problem+json"
	body, err := json.Marshal(b)
	if isFHIR(r) {
		form = fhirJSON[0]
		body, err = outcomeOf(*b)
	}
	if err != nil { // strings and integers always encode
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", form)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(b.Status)
	_, _ = w.Write(body)
}

// problemHead sets the headers that go with an error, and gives what is said of it.
func problemHead(w http.ResponseWriter, r *http.Request, err error) *problemBody {
	p := asProblem(err)
	k := problems[p.Code]
	info := requestInfoOf(r)
	b := &problemBody{
		Type: "/docs/problems#" + p.Code, Title: k.title, Status: k.status, Code: p.Code,
		Detail: p.Detail, Pointer: p.Pointer, Seq: p.Seq, Receipt: p.Receipt, From: p.From,
	}
	if b.Detail == "" {
		b.Detail = k.detail
	}
	if info != nil {
		info.code = p.Code
		b.RequestID = info.RequestID
	}
	after := p.After
	h := w.Header()
	switch k.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(p.Code))
	case http.StatusMethodNotAllowed:
		h.Set("Allow", p.Allow)
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		// The rest of the body is not worth reading; what follows on this connection would be it.
		h.Set("Connection", "close")
	case http.StatusTooManyRequests:
		after = max(after, time.Second)
	case http.StatusServiceUnavailable:
		after = max(after, time.Second)
		b.Downtime, b.Directory = "/docs/downtime", "/v1/directory"
	}
	if p.Code == "not-live" {
		b.Downtime, b.Directory = "/docs/downtime", "/v1/directory"
	}
	if p.Code == "role-unknown" {
		h.Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
	}
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	if p.Seq != nil {
		h.Set("Custos-Seq", strconv.FormatUint(*p.Seq, 10))
	}
	return b
}

// challenge is the WWW-Authenticate value of a 401. RFC 6750 gives no error to one who sent no token.
func challenge(code string) string {
	if code == "token-missing" {
		return "Bearer"
	}
	return `Bearer error="invalid_token", error_description="` + code + `"`
}
