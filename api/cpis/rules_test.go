package cpis

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// rule is one thing done to the usual file, and what must be said of it.
type rule struct {
	detail   Detail
	name     string
	old, new string // the first old becomes new; with old empty, new is the file
	n        int    // the record that is rejected; 0 for the file
	place    string // below the record, or the whole of it
	stricter bool   // the published schemas would let it pass
}

func (r rule) file(t testing.TB) []byte {
	t.Helper()
	if r.old == "" {
		return []byte(r.new)
	}
	file := string(usualFile(t))
	from, to := strings.Index(file, "<record>"), strings.Index(file, "</record>")+len("</record>")
	switch r.name {
	case "a third subject":
		at := strings.Index(file, "<subject>")
		subject := file[at : strings.Index(file, "</subject>")+len("</subject>")]
		return []byte(strings.Replace(file, subject, subject+subject+subject, 1))
	case "an empty record":
		return []byte(file[:from] + "<record/>" + file[to:])
	case "a record with nothing in it":
		return []byte(file[:from] + "<record><CP-ISRecord ></CP-ISRecord></record>" + file[to:])
	case "a record cut in half":
		return []byte(file[:to-300])
	}
	require.Containsf(t, file, r.old, "%s", r.name)
	return []byte(strings.Replace(file, r.old, r.new, 1))
}

const (
	cpp   = "CP-ISRecord/pertinentInformation[1]/COCT_TP146101GB01.CPPInformation/"
	kid   = "CP-ISRecord/subject[1]/COCT_TP145101GB01.Child/"
	head  = `<File xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation">`
	start = `<cPPStartDate><value value="202601050900"/></cPPStartDate>`
	nhs0  = `<id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/>`
)

// formRules break the form that the schemas fix.
var formRules = []rule{
	{ElementMissing, "no creation time", `<creationTime value="20260302140000+0000"/>`, "", 0, "/File/creationTime", false},
	{ElementMissing, "no start", "<component>" + start + "</component>", "", 1, cpp + "component", false},
	{ElementMissing, "no family name", "<family>O'Fableton &amp; Sons</family>", "", 1, kid + "childPerson/name/family", false},
	{ElementMissing, "names the wrong way round", "<given>Ada Mei</given><family>O'Fableton &amp; Sons</family>", "<family>A</family><given>B</given>", 1, kid + "childPerson/name/given", false},
	{ElementMissing, "the right name in no namespace", "<component>" + start, `<component xmlns="">` + start, 1, cpp + "component", false},
	{ElementMissing, "no record", "", strings.SplitAfter(headOnly, "</communicationFunctionSnd>")[0] + "</File>", 0, "/File/record", false},
	{ElementUnexpected, "a code, which is prohibited", "<component>", `<code code="CPPIU"/><component>`, 1, cpp + "code", false},
	{ElementUnexpected, "a template id, which is prohibited", "</childPerson>", `<templateId root="2.16.840.1.113883.2.1.3.2.4.18.2" extension="COCT_TP145101GB01#Child"/></childPerson>`, 1, kid + "childPerson/*[3]", false},
	{ElementUnexpected, "a third subject", "</record>", "", 1, "", false},
	{ElementMissing, "an empty record", "</record>", "", 1, "CP-ISRecord", false},
	{ElementMissing, "a record with nothing in it", "</record>", "", 1, "CP-ISRecord/pertinentInformation", false},
	{ElementUnexpected, "something after the records", "</File>", "<more/></File>", 0, "/File/*[10]", false},
	{AttributeMissing, "no extension", ` extension="9990000018"`, "", 1, kid + "id[1]/@extension", false},
	{AttributeMissing, "an empty extension", `extension="9990000018"`, `extension=""`, 1, kid + "id[1]/@extension", false},
	{AttributeUnexpected, "a class code, which is prohibited", "<COCT_TP145101GB01.Child>", `<COCT_TP145101GB01.Child classCode="CHILD">`, 1, kid + "@*", false},
	{AttributeUnexpected, "a root where the type fixes it", `<id extension="17"/>`, `<id root="2.16.840.1.113883.2.1.3.2.4.18.46" extension="17"/>`, 0, "/File/id[1]/@*", false},
	{AttributeUnexpected, "a reason for nothing", "<childPerson>", `<childPerson nullFlavor="NI">`, 1, kid + "childPerson/@*", true},
	{AttributeUnexpected, "something to be removed", "<component>", `<component updateMode="removed">`, 1, cpp + "component/@*", true},
	{AttributeUnexpected, "neither nil nor not", "<component>", `<component xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">`, 1, cpp + "component/@*", false},
	{TextUnexpected, "text among elements", "<childPerson>", "<childPerson>Ada", 1, kid + "childPerson", false},
	{TextUnexpected, "text in a name", "<name><given>", "<name>Ada<given>", 1, kid + "childPerson/name", true},
	{ContentID, "another template than announced", `"COCT_TP146101GB01#CPPInformation"`, `"COCT_TP146100GB01#LACInformation"`, 1, "", true},
	{ContentID, "an unknown template", `"COCT_TP145101GB01#Child"`, `"COCT_TP145109GB01#Child"`, 1, "CP-ISRecord/subject[1]/npfitlc:contentId/@extension", true},
	{ContentID, "another root", `root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145101GB01#Child"`, `root="2.16.840.1.113883.2.1.3.2.4.18.17" extension="COCT_TP145101GB01#Child"`, 1, "CP-ISRecord/subject[1]/contentId/@root", false},
	{IDRoot, "an identifier of another kind", `root="2.16.840.1.113883.2.1.4.1"`, `root="2.16.840.1.113883.2.1.4.2"`, 1, kid + "id[1]/@root", false},
	{IDRoot, "an organisation of another kind", `root="2.16.840.1.113883.2.1.3.2.4.19.1"`, `root="2.16.840.1.113883.2.1.3.2.4.19.3"`, 0, "/File/communicationFunctionSnd/organisation/id[1]/@root", false},
	{IDRepeated, "two NHS numbers", nhs0, nhs0 + nhs0, 1, "", false},
	{StartFormat, "a day alone", "202601050900", "20260105", 1, cpp + "component/cPPStartDate/value[1]/@value", false},
	{StartFormat, "a day that no calendar has", "202601050900", "202602300900", 1, cpp + "component/cPPStartDate/value[1]/@value", true},
	{StartFormat, "an hour that no clock has", "202601050900", "202601052400", 1, cpp + "component/cPPStartDate/value[1]/@value", false},
	{StartFormat, "a zone", "202601050900", "202601050900+0000", 1, cpp + "component/cPPStartDate/value[1]/@value", false},
	{EndFormat, "dashes", "202511300000\"/></cPPEndDate>", "2025-11-30\"/></cPPEndDate>", 2, "CP-ISRecord/pertinentInformation[2]/COCT_TP146101GB01.CPPInformation/component1/cPPEndDate/value[1]/@value", false},
	{DeleteFormat, "a month that no year has", "202601070000", "202613070000", 5, cpp + "component2/cPPDeleteDate/value[1]/@value", false},
	{BirthFormat, "a birth date with dashes", "20180305", "2018-03-05", 1, kid + "childPerson/birthTime/@value", false},
	{BirthFormat, "a month of birth alone", "20180305", "201803", 1, kid + "childPerson/birthTime/@value", true},
	{UnbornNeedsEnd, "an unborn child without an end", `<component1><uCPEndDate><value value="202607010000"/></uCPEndDate></component1>`, "", 3, "CP-ISRecord/pertinentInformation[1]/COCT_TP146102GB01.UCPInformation/component1", false},
	{NameMissing, "an empty name", "<given>Ada Mei</given>", "<given> </given>", 1, kid + "childPerson/name/given[1]", true},
	{FieldTooLong, "a long name", "<given>Ada Mei</given>", "<given>" + strings.Repeat("a", 101) + "</given>", 1, kid + "childPerson/name/given[1]", true},
	{TextEncoding, "Windows-1252", "<given>Ada Mei</given>", "<given>Zo\xeb</given>", 1, kid + "childPerson/name/given[1]", false},
	{TextEncoding, "Windows-1252 in an attribute", `extension="C000000"`, "extension=\"C\xeb\"", 1, kid + "id[2]/@*", false},
	{TextEncoding, "a control character", "<given>Ada Mei</given>", "<given>Ada\x07</given>", 1, kid + "childPerson/name/given[1]", false},
	{TextEncoding, "Windows-1252 in the authority's name", "Fablethorpe", "Fabl\xe9thorpe", 0, "/File/communicationFunctionSnd/organisation/name", false},
	{TimeFormat, "a creation time with dashes", "20260302140000+0000", "2026-03-02T14:00:00Z", 0, "/File/creationTime/@value", false},
	{QuantityFormat, "a count in words", `<transmissionQuantity value="5"/>`, `<transmissionQuantity value="five"/>`, 0, "/File/transmissionQuantity/@value", false},
	{TelephoneFormat, "a number with spaces", "tel:01134960999", "tel:0113 496 0999", 0, "/File/communicationFunctionSnd/organisation/telecom[1]/@value", false},
	{TelephoneFormat, "no number", "tel:01134960999", "tel:", 0, "/File/communicationFunctionSnd/organisation/telecom[1]/@value", true},
	{TelephoneFormat, "a mail address", "tel:01134960999", "mailto:duty@example.org", 0, "/File/communicationFunctionSnd/organisation/telecom[1]/@value", false},
	{TelephoneUse, "a number at home", `use="WP"`, `use="H"`, 0, "/File/communicationFunctionSnd/organisation/telecom[2]/@use", true},
	{RootUnknown, "another namespace", nsHL7 + `" xmlns:npfitlc`, `urn:hl7-org:v2" xmlns:npfitlc`, 0, "/*", false},
	{RootUnknown, "another message", "", strings.Replace(head, "File", "FileResponse", 1) + "</FileResponse>", 0, "/*", false},
}

// headOnly is a file up to its first record.
const headOnly = head + `<creationTime value="2026"/><id extension="17"/><transmissionQuantity value="1"/><communicationFunctionSnd><organisation>` +
	`<id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="D9X1A"/><name>F</name><telecom value="tel:999" use="EC"/></organisation></communicationFunctionSnd>`

// ruleRules break what the schemas do not say.
var ruleRules = []rule{
	{SequenceNumber, "minus one", `<id extension="17"/>`, `<id extension="-1"/>`, 0, "/File/id[1]/@extension", true},
	{SequenceNumber, "nought", `<id extension="17"/>`, `<id extension="0"/>`, 0, "/File/id[1]/@extension", true},
	{SequenceNumber, "a word", `<id extension="17"/>`, `<id extension="seventeen"/>`, 0, "/File/id[1]/@extension", true},
	{QuantityFormat, "no records", `<transmissionQuantity value="5"/>`, `<transmissionQuantity value="0"/>`, 0, "/File/transmissionQuantity/@value", true},
	{QuantityMismatch, "one record more than counted", `<transmissionQuantity value="5"/>`, `<transmissionQuantity value="4"/>`, 0, "/File/transmissionQuantity/@value", true},
	{QuantityMismatch, "one record fewer than counted", `<transmissionQuantity value="5"/>`, `<transmissionQuantity value="6"/>`, 0, "/File/transmissionQuantity/@value", true},
	{OrganisationCode, "a code in small letters", `extension="D9X1A"/><name>Fable`, `extension="d9x1a"/><name>Fable`, 0, "/File/communicationFunctionSnd/organisation/id[1]/@extension", true},
	{OrganisationName, "a name of nothing", "<name>Fablethorpe Council</name>", "<name/>", 0, "/File/communicationFunctionSnd/organisation/name", true},
	{TelephoneRepeated, "two for emergencies", `use="WP"`, `use="EC"`, 0, "/File/communicationFunctionSnd/organisation/telecom[2]/@use", true},
	{TelephoneEmergency, "none for emergencies", `<telecom value="tel:01134960999" use="EC"/>`, "", 0, "/File/communicationFunctionSnd/organisation/telecom", true},
	{NHSNumberFormat, "an old-style number", "9990000018", "AB 123456", 1, kid + "id/@extension", true},
	{NHSNumberFormat, "nine digits", "9990000018", "999000001", 1, kid + "id/@extension", true},
	{NHSNumberCheckDigit, "a wrong check digit", "9990000018", "9990000019", 1, kid + "id/@extension", true},
	{EndBeforeStart, "an end before the start", `"202511300000"/></cPPEndDate>`, `"202408310000"/></cPPEndDate>`, 2, "CP-ISRecord/pertinentInformation[2]/COCT_TP146101GB01.CPPInformation/component1/cPPEndDate/value/@value", true},
	{StartBeforeBirth, "a start before the birth", "202601050900", "201803042359", 1, cpp + "component/cPPStartDate/value/@value", true},
	{Over18, "a start after the 18th birthday", "202601050900", "203603060000", 1, cpp + "component/cPPStartDate/value/@value", true},
	{PlanWithoutSubject, "a looked-after child's plan in a mother's record", `</pertinentInformation><subject>`, `</pertinentInformation>` +
		`<pertinentInformation><npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP146102GB01#UCPInformation"/><COCT_TP146102GB01.UCPInformation>` +
		`<component><uCPStartDate><value value="202601120000"/></uCPStartDate></component><component1><uCPEndDate><value value="202607010000"/></uCPEndDate></component1>` +
		`</COCT_TP146102GB01.UCPInformation></pertinentInformation><subject>`, 1, "CP-ISRecord/pertinentInformation[2]", true},
	{SubjectWithoutPlan, "a mother without an unborn child's plan", "</subject></CP-ISRecord>", "</subject><subject>" +
		`<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145100GB01#UnbornChild"/><COCT_TP145100GB01.UnbornChild><parentMotherPerson><birthTime value="19980305"/>` +
		`<name><given>M</given><family>F</family></name><playedMother><id root="2.16.840.1.113883.2.1.4.1" extension="9990000026"/></playedMother></parentMotherPerson></COCT_TP145100GB01.UnbornChild>` +
		"</subject></CP-ISRecord>", 1, "CP-ISRecord/subject[2]", true},
	{SubjectRepeated, "two children", "</subject></CP-ISRecord>", "</subject><subject>" +
		`<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145101GB01#Child"/><COCT_TP145101GB01.Child>` + nhs0 +
		`<childPerson><birthTime value="20190305"/><name><given>M</given><family>F</family></name></childPerson></COCT_TP145101GB01.Child></subject></CP-ISRecord>`, 1, "CP-ISRecord/subject[2]", true},
}

// brokenRules make a file unreadable.
var brokenRules = []rule{
	{Malformed, "an element that is not closed", "</organisation>", "", 0, "/File/communicationFunctionSnd/organisation", false},
	{Malformed, "a value without quotation marks", `value="5"`, "value=5", 0, "/File", false},
	{Malformed, "the same attribute twice", `use="EC"`, `use="EC" use="EC"`, 0, "/File/communicationFunctionSnd/organisation", false},
	{Malformed, "a prefix that nobody declared", "<record>", "<x:record>", 0, "/File", false},
	{Malformed, "an entity that nobody declared", "Ada Mei", "Ada&nbsp;Mei", 0, "/File/record[1]/" + kid + "childPerson/name/given[1]", false},
	{Malformed, "a broken record", "</COCT_TP145101GB01.Child>", "", 0, "/File/record[1]/CP-ISRecord/subject[1]/COCT_TP145101GB01.Child", false},
	{Malformed, "a second root", "</File>\n", "</File><File/>", 0, "/", false},
	{DocumentType, "a billion laughs", "<File", `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;">]><File`, 0, "/", false},
	{Encoding, "Windows-1252 declared", `encoding="UTF-8"`, `encoding="windows-1252"`, 0, "/", false},
	{Encoding, "UTF-16", "", "\xff\xfe<\x00F\x00i\x00l\x00e\x00", 0, "/", false},
	{TooDeep, "elements within elements", "<childPerson>", strings.Repeat("<a>", 30), 0, "/File/record[1]/" + kid + "childPerson", false},
	{TooManyElements, "elements without end", "<childPerson>", "<childPerson>" + strings.Repeat("<a/>", 600), 0, "/File/record[1]/" + kid + "childPerson/birthTime", false},
	{TooManyElements, "attributes without end", "<childPerson>", "<childPerson " + strings.Join(manyAttributes, " ") + ">", 0, "/File/record[1]/CP-ISRecord/subject[1]/COCT_TP145101GB01.Child", false},
	{TooLarge, "a record without end", "<childPerson>", "<childPerson>" + strings.Repeat(" ", 200<<10), 0, "/File/record[1]/" + kid + "childPerson", false},
	{TooLarge, "a large record", "<childPerson>", "<childPerson>" + strings.Repeat(" ", 80<<10), 0, "/File/record[1]", false},
	{Truncated, "the end of the file cut off", "</File>\n", "", 0, "/File", false},
	{Truncated, "a record cut in half", "</childPerson></COCT", "", 0, "", false},
}

var manyAttributes = func() (a []string) {
	for c := 'a'; c <= 'z'; c++ {
		a = append(a, string(c)+`=""`)
	}
	return a
}()

// Every rule of the file alone is found, with its code and its place; the
// records after a rejected one are read, and nothing submitted is repeated.
func TestRules(t *testing.T) {
	for _, r := range slices.Concat(formRules, ruleRules, brokenRules) {
		t.Run(string(r.detail)+"/"+r.name, func(t *testing.T) {
			file := r.file(t)
			for _, source := range []io.Reader{bytes.NewReader(file), iotest.OneByteReader(bytes.NewReader(file))} {
				got := readAll(source, Options{})
				if r.n == 0 {
					var broken *FileError
					require.ErrorAs(t, got.err, &broken)
					require.Equal(t, FileBroken, broken.Code)
					require.Equal(t, r.detail, broken.Detail, "%v", broken)
					if r.place != "" {
						require.Equal(t, r.place, broken.Place)
					}
					continue
				}
				require.ErrorIs(t, got.err, io.EOF)
				require.Len(t, got.rejected, 1)
				bad := got.rejected[0]
				require.Equal(t, r.detail, bad.Detail, "%v", bad)
				require.Equal(t, r.n, bad.N)
				require.Equal(t, r.detail.RecordCode(), bad.Code)
				if r.place != "" {
					require.Equal(t, "/File/record["+string(rune('0'+r.n))+"]/"+r.place, bad.Place)
				}
				require.Equal(t, slices.ContainsFunc(ruleRules, func(x rule) bool { return x.name == r.name }), bad.Echo)
				require.Regexp(t, `(?s)^<record(>.*</record|/)>$`, string(bytes.ToValidUTF8(bad.Raw, nil)))
				require.Contains(t, string(file), string(bad.Raw))
				acknowledge(t, got)
				want := slices.Delete(usualRecords(), r.n-1, r.n)
				require.Equal(t, want, got.records, "the records that are sound")
			}
		})
	}
}

// Each detail that the reader may say is shown by a rule above, or beside.
func TestEveryDetailIsShown(t *testing.T) {
	elsewhere := []Detail{StartInFuture, PlanRepeated, PlanTypeUnknown, MessageID, AuthorID, AcknowledgementCode, AccessEventType, InteractionID, EnvelopeHeader}
	for _, e := range Details {
		shown := slices.ContainsFunc(slices.Concat(formRules, ruleRules, brokenRules), func(r rule) bool { return r.detail == e.Detail })
		require.Equalf(t, e.Scope != OfTheOther && !slices.Contains(elsewhere, e.Detail), shown, "%s", e.Detail)
		require.NotEmpty(t, e.Meaning)
	}
	require.Len(t, details, len(Details), "no detail stands twice")
}

// Whether a start is in the future needs a clock, which is the caller's.
func TestAStartInTheFuture(t *testing.T) {
	records := usualRecords()[:1]
	records[0].Plans[0].Start = 202603030030
	file := fileOf(t, records)
	// Half past midnight in London is still the day before elsewhere.
	before, after := time.Date(2026, 3, 2, 23, 59, 0, 0, time.UTC), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	require.Empty(t, readAll(bytes.NewReader(file), Options{}).rejected)
	require.Empty(t, readAll(bytes.NewReader(file), Options{Now: after}).rejected)
	got := readAll(bytes.NewReader(file), Options{Now: before})
	require.Len(t, got.rejected, 1)
	require.Equal(t, StartInFuture, got.rejected[0].Detail)
	require.Equal(t, RecordRejected, got.rejected[0].Code)
}

// A plan that stands in a file twice counts once; twins do not count as one, and
// a rejected record stands in nobody's way.
func TestAPlanThatStandsTwice(t *testing.T) {
	one := usualRecords()[0]
	twin := Record{Plans: []Plan{{Type: UnbornChild, Start: 202601120000, End: 202607010000}}, Subjects: []Subject{mother(7)}}
	other := Record{Plans: twin.Plans, Subjects: []Subject{mother(7)}}
	other.Subjects[0].LocalID = "C000008"
	nobody := usualRecords()[4]
	late := Record{Plans: []Plan{{Type: LookedAfter, Start: 202601050000}, {Type: ChildProtection, Start: 202601050900}}, Subjects: one.Subjects}
	again := Record{Plans: []Plan{{Type: LookedAfter, Start: 202601050000}}, Subjects: one.Subjects}
	got := readAll(bytes.NewReader(fileOf(t, []Record{one, twin, other, one, twin, nobody, nobody, late, again})), Options{})
	require.ErrorIs(t, got.err, io.EOF)
	var n []int
	for _, bad := range got.rejected {
		require.Equal(t, PlanRepeated, bad.Detail)
		require.True(t, bad.Echo)
		n = append(n, bad.N)
	}
	require.Equal(t, []int{4, 5, 8}, n)
	inside := Record{Plans: []Plan{one.Plans[0], one.Plans[0]}, Subjects: one.Subjects}
	got = readAll(bytes.NewReader(fileOf(t, []Record{inside})), Options{})
	require.Equal(t, PlanRepeated, got.rejected[0].Detail)
}

// A source that fails is not the file's fault.
func TestASourceThatFails(t *testing.T) {
	cut := errors.New("cut off")
	got := readAll(io.MultiReader(bytes.NewReader(usualFile(t)[:2000]), iotest.ErrReader(cut)), Options{})
	require.ErrorIs(t, got.err, cut)
	require.Equal(t, usualRecords()[:1], got.records)
	require.Equal(t, usualHeader(5), got.header)
}

// The limits can be set lower; the whole is bounded as well as its parts.
func TestLimits(t *testing.T) {
	file := usualFile(t)
	for _, l := range []Limits{{Total: int64(len(file)) - 1}, {Item: 512}} {
		var broken *FileError
		require.ErrorAs(t, readAll(bytes.NewReader(file), Options{Limits: l}).err, &broken)
		require.Equal(t, TooLarge, broken.Detail)
	}
	require.ErrorIs(t, readAll(bytes.NewReader(file), Options{Limits: Limits{Total: int64(len(file))}}).err, io.EOF)
	var broken *FileError
	_, err := DecodeQuery(strings.NewReader("<a>"+strings.Repeat("<b/>", 100)), Limits{Elements: 1})
	require.ErrorAs(t, err, &broken)
}

// Of a header that is broken, what was read stands; the rest is undetermined.
func TestAHeaderThatIsBroken(t *testing.T) {
	got := readAll(strings.NewReader(strings.Replace(headOnly, `"D9X1A"`, `""`, 1)), Options{})
	require.Error(t, got.err)
	require.Equal(t, Header{Created: "2026", Sequence: 17, Quantity: 1}, got.header)
	got = readAll(strings.NewReader(head+"</File>"), Options{})
	require.Equal(t, Header{Sequence: Undetermined, Quantity: Undetermined}, got.header)
}
