package cpis

// Detail says what exactly is wrong with a file or a record. The national list
// that once qualified CPR07 is not published any more; this is ours. Details are
// part of the interface: none is renamed, and none is used for something else.
type Detail string

// Error is the detail alone, which holds nothing submitted.
func (d Detail) Error() string { return string(d) }

// What makes a document unreadable, wherever it stands: the file is rejected.
const (
	Malformed       Detail = "xml-malformed"
	Truncated       Detail = "xml-truncated"
	Encoding        Detail = "xml-encoding"
	DocumentType    Detail = "xml-doctype"
	TooDeep         Detail = "xml-too-deep"
	TooLarge        Detail = "xml-too-large"
	TooManyElements Detail = "xml-too-many-elements"
)

// What breaks the message's form. In a record it costs the record, elsewhere the file.
const (
	ElementMissing      Detail = "element-missing"
	ElementUnexpected   Detail = "element-unexpected"
	AttributeMissing    Detail = "attribute-missing"
	AttributeUnexpected Detail = "attribute-unexpected"
	TextUnexpected      Detail = "text-unexpected"
	TextEncoding        Detail = "text-encoding"
	ContentID           Detail = "content-id"
	IDRoot              Detail = "id-root"
	IDRepeated          Detail = "id-repeated"
	FieldTooLong        Detail = "field-too-long"
)

// What is wrong with a message's head, or with the whole.
const (
	RootUnknown         Detail = "root-unknown"
	TimeFormat          Detail = "time-format"
	SequenceNumber      Detail = "sequence-number"
	QuantityFormat      Detail = "quantity-format"
	QuantityMismatch    Detail = "quantity-mismatch"
	OrganisationCode    Detail = "organisation-code"
	OrganisationName    Detail = "organisation-name"
	TelephoneFormat     Detail = "telephone-format"
	TelephoneUse        Detail = "telephone-use"
	TelephoneRepeated   Detail = "telephone-repeated"
	TelephoneEmergency  Detail = "telephone-emergency-missing"
	MessageID           Detail = "message-id"
	AuthorID            Detail = "author-id"
	AcknowledgementCode Detail = "acknowledgement-code"
	AccessEventType     Detail = "access-event-type"
	InteractionID       Detail = "interaction-id"
	EnvelopeHeader      Detail = "envelope-header"
)

// What is wrong with a record that has the form.
const (
	NHSNumberFormat     Detail = "nhs-number-format"
	NHSNumberCheckDigit Detail = "nhs-number-check-digit"
	NameMissing         Detail = "name-missing"
	BirthFormat         Detail = "date-of-birth-format"
	StartFormat         Detail = "start-format"
	EndFormat           Detail = "end-format"
	DeleteFormat        Detail = "delete-format"
	EndBeforeStart      Detail = "end-before-start"
	StartBeforeBirth    Detail = "start-before-birth"
	StartInFuture       Detail = "start-in-future"
	Over18              Detail = "over-18"
	UnbornNeedsEnd      Detail = "unborn-needs-end"
	PlanTypeUnknown     Detail = "plan-type"
	PlanWithoutSubject  Detail = "plan-without-subject"
	SubjectWithoutPlan  Detail = "subject-without-plan"
	SubjectRepeated     Detail = "subject-repeated"
	PlanRepeated        Detail = "plan-repeated"
)

// What only whoever loads a file can decide; the reader never says these.
const (
	SenderOther    Detail = "sender-other"
	SequenceLower  Detail = "sequence-lower"
	SequenceReused Detail = "sequence-reused"
	Overtaken      Detail = "upload-overtaken"
	DeleteUnknown  Detail = "delete-unknown"
	DeleteInFuture Detail = "delete-in-future"
	EndedLongAgo   Detail = "ended-365-days"
	TwiceInFile    Detail = "twice-in-file"
	TooManyPlans   Detail = "too-many-plans"

	NumberMissing      Detail = "nhs-number-missing"
	Unmatchable        Detail = "unmatchable"
	NoMatch            Detail = "no-match"
	NumberInactive     Detail = "number-inactive"
	NumberSuperseded   Detail = "number-superseded"
	FamilyDiffers      Detail = "family-name-differs"
	GivenDiffers       Detail = "given-names-differ"
	BirthDiffers       Detail = "date-of-birth-differs"
	OtherName          Detail = "other-name"
	SeveralDiffer      Detail = "several-differ"
	RegisterIncomplete Detail = "register-incomplete"
)

// A Scope says what a detail is said of.
type Scope string

// The scopes of a [Detail].
const (
	OfFile     Scope = "file"
	OfRecord   Scope = "record"
	OfEither   Scope = "either" // of a record, or of the file where it stands in no record
	OfTheOther Scope = "loading"
)

// Explanation is one row of the published table.
type Explanation struct {
	Detail  Detail
	Scope   Scope
	Code    string // the national code that it qualifies
	Meaning string
}

// Details is the published table, in the order of docs/CPIS.md.
var Details = []Explanation{
	{Malformed, OfFile, "CPF01", "the file is not well-formed XML"},
	{Truncated, OfFile, "CPF01", "the file ends too early"},
	{Encoding, OfFile, "CPF01", "the file is not UTF-8"},
	{DocumentType, OfFile, "CPF01", "the file has a document type, which may declare entities"},
	{TooDeep, OfFile, "CPF01", "elements stand too deep within each other"},
	{TooLarge, OfFile, "CPF01", "the file, a record, a tag or a text is too large"},
	{TooManyElements, OfFile, "CPF01", "a record, or the message, has too many elements, or an element too many attributes"},
	{RootUnknown, OfFile, "CPF01", "the outermost element is not the message's, or not in its namespace"},
	{TimeFormat, OfFile, "CPF01", "a time is not of the form yyyyMMddHHmmss with its zone, cut from the right"},
	{SequenceNumber, OfFile, "CPF01", "the file's sequence number is not a whole number greater than zero"},
	{QuantityFormat, OfFile, "CPF01", "a count is not a whole number, or too great"},
	{QuantityMismatch, OfFile, "CPF01", "the message holds more or fewer items than its count says"},
	{OrganisationCode, OfFile, "CPF01", "the organisation's code is not three to ten capital letters and digits"},
	{OrganisationName, OfFile, "CPF01", "the organisation's name is missing or too long"},
	{TelephoneFormat, OfFile, "CPF01", "a telephone number is not tel: and three to fifteen digits"},
	{TelephoneUse, OfFile, "CPF01", "a telephone number is neither for emergencies (EC) nor for office hours (WP)"},
	{TelephoneRepeated, OfFile, "CPF01", "two telephone numbers are for the same use"},
	{TelephoneEmergency, OfFile, "CPF01", "the number of the emergency duty team (EC) is missing"},
	{MessageID, OfFile, "CPF01", "the message's identifier is not a UUID in capitals"},
	{AuthorID, OfFile, "CPF01", "an author's identifier is missing, or not one of the national directory"},
	{AcknowledgementCode, OfFile, "CPF01", "an acknowledgement's code is not of the published list"},
	{AccessEventType, OfFile, "CPF01", "accessEventType is neither true nor false, or is said twice"},
	{InteractionID, OfFile, "CPF01", "the interaction is not the query's, QUPC_IN000006GB01"},
	{EnvelopeHeader, OfFile, "CPF01", "a header of the envelope must be understood, and is not understood here"},
	{ElementMissing, OfEither, "CPR07", "an element is missing"},
	{ElementUnexpected, OfEither, "CPR07", "an element stands where it may not, or is prohibited"},
	{AttributeMissing, OfEither, "CPR07", "an attribute is missing or empty"},
	{AttributeUnexpected, OfEither, "CPR07", "an attribute stands where it may not, or is prohibited"},
	{TextUnexpected, OfEither, "CPR07", "text stands where elements are expected"},
	{TextEncoding, OfEither, "CPR07", "text is not UTF-8 (Windows-1252, perhaps), or holds a control character"},
	{ContentID, OfEither, "CPR07", "contentId does not announce what follows, or nothing that is known"},
	{IDRoot, OfEither, "CPR07", "an identifier is of no kind that is known here"},
	{IDRepeated, OfEither, "CPR07", "a person has two identifiers of the same kind"},
	{FieldTooLong, OfEither, "CPR07", "a name or an identifier is too long"},
	{NHSNumberFormat, OfRecord, "CPR04", "the NHS number is not ten digits: an old-style number, perhaps"},
	{NHSNumberCheckDigit, OfRecord, "CPR04", "the NHS number's check digit is wrong"},
	{NameMissing, OfRecord, "CPR07", "the given or the family name is empty"},
	{BirthFormat, OfRecord, "CPR07", "the date of birth is not a date of the form yyyyMMdd"},
	{StartFormat, OfRecord, "CPR07", "the start is not a date and time of the form yyyyMMddHHmm"},
	{EndFormat, OfRecord, "CPR07", "the end is not a date and time of the form yyyyMMddHHmm"},
	{DeleteFormat, OfRecord, "CPR07", "the delete date is not a date and time of the form yyyyMMddHHmm"},
	{EndBeforeStart, OfRecord, "CPR07", "the end is before the start"},
	{StartBeforeBirth, OfRecord, "CPR07", "the start is before the birth"},
	{StartInFuture, OfRecord, "CPR07", "the start is in the future"},
	{Over18, OfRecord, "CPR07", "the start is after the 18th birthday"},
	{UnbornNeedsEnd, OfRecord, "CPR07", "an unborn child's plan needs its expected end"},
	{PlanTypeUnknown, OfRecord, "CPR07", "the plan type is not CPP, LAC or UCPP"},
	{PlanWithoutSubject, OfRecord, "CPR07", "a plan is for a child, or an unborn child, and the record has none"},
	{SubjectWithoutPlan, OfRecord, "CPR07", "a person stands in the record, and no plan of it is theirs"},
	{SubjectRepeated, OfRecord, "CPR07", "two children, or two mothers, stand in one record: whose the plans are cannot be told"},
	{PlanRepeated, OfRecord, "CPR07", "the same person, plan type and start stand in the file twice; the first counts"},
	{SenderOther, OfTheOther, "CPF01", "the sender is not the organisation that the file came from"},
	{SequenceLower, OfTheOther, "CPF04", "the sequence number is lower than the last one accepted"},
	{SequenceReused, OfTheOther, "CPF04", "the sequence number was used for another file"},
	{Overtaken, OfTheOther, "CPF04", "a later file was begun before this one was finished"},
	{DeleteUnknown, OfTheOther, "CPR07", "there is no such plan of this authority to delete"},
	{DeleteInFuture, OfTheOther, "CPR07", "the delete date is in the future"},
	{EndedLongAgo, OfTheOther, "CPR07", "the plan ended too long ago to be shown (365 days; 28 for an unborn child's plan) and is not held"},
	{TwiceInFile, OfTheOther, "CPR07", "the file names the plan twice and says different things"},
	{TooManyPlans, OfTheOther, "CPR07", "the person has more plans than can be shown at once; ring the operator"},
	{NumberMissing, OfTheOther, "CPR07", "the NHS number is missing: held provisional, and not found by it"},
	{Unmatchable, OfTheOther, "CPR07", "the row matches nobody and has nothing to know it by again"},
	{NoMatch, OfTheOther, "CPR01", "the register does not know the NHS number"},
	{NumberInactive, OfTheOther, "CPR01", "the NHS number is no longer in use and was not replaced"},
	{NumberSuperseded, OfTheOther, "CPR05", "the NHS number was replaced by another"},
	{FamilyDiffers, OfTheOther, "CPR03", "the register has another family name for the NHS number"},
	{GivenDiffers, OfTheOther, "CPR03", "the register has other given names for the NHS number"},
	{BirthDiffers, OfTheOther, "CPR03", "the register has another date of birth for the NHS number"},
	{OtherName, OfTheOther, "CPR03", "the register has this as a former or other name of the person"},
	{SeveralDiffer, OfTheOther, "CPR03", "more than one of the details differs from the register: perhaps the NHS number is somebody else's"},
	{RegisterIncomplete, OfTheOther, "CPR03", "the register lacks a name or the whole date of birth"},
}

var details = func() map[Detail]Explanation {
	m := make(map[Detail]Explanation, len(Details))
	for _, e := range Details {
		m[e.Detail] = e
	}
	return m
}()

// Meaning is the detail in words; empty if there is no such detail.
func (d Detail) Meaning() string { return details[d].Meaning }

// RecordCode is the record code that the detail qualifies.
func (d Detail) RecordCode() RecordCode {
	if c := RecordCode(details[d].Code); c.Name() != "" {
		return c
	}
	return RecordRejected
}
