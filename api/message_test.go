package api

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/ledger"
)

// northbank is authority1 as its own system names it.
var northbank = cpis.Organisation{Code: authority1, Name: "Northbank Council Children's Services", EmergencyDuty: "02079460002", OfficeHours: "02079460001"}

var asXML = header{"Content-Type": "application/xml"}

// byHand is message 01 as a case-management system writes it, typed from the
// schemas: with prefixes, comments and a mother of twins of our own.
const byHand = `<?xml version="1.0" encoding="UTF-8"?>
<!-- nightly -->
<h:File xmlns:h="urn:hl7-org:v3" xmlns:n="NPFIT:HL7:Localisation">
 <h:creationTime value="20260303020000+0000"/>
 <h:id extension="%d"/>
 <h:transmissionQuantity value="3"/>
 <h:communicationFunctionSnd><h:organisation>
  <h:id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="301"/><h:name>Northbank Council</h:name>
  <h:telecom value="tel:02079460002" use="EC"/><h:telecom value="tel:02079460001" use="WP"/>
 </h:organisation></h:communicationFunctionSnd>
%s</h:File>`

// message01 makes message 01.
func (w *world) message01(sequence int64, records ...cpis.Record) string {
	w.t.Helper()
	var b bytes.Buffer
	out, err := cpis.NewWriter(&b, cpis.Header{Created: "20260303020000+0000", Sequence: sequence, Quantity: len(records), Sender: northbank})
	require.NoError(w.t, err)
	for i := range records {
		for _, s := range records[i].Subjects {
			w.secret(s.NHSNumber, s.Family, s.Given, s.LocalID)
		}
		require.NoError(w.t, out.Write(&records[i]))
	}
	require.NoError(w.t, out.Close())
	return b.String()
}

func (w *world) sendXML(who caller, file string, query ...string) *reply {
	w.t.Helper()
	return w.call(who, "POST", "/v1/uploads"+strings.Join(query, ""), file, asXML)
}

// response wants message 02 of a status, validates it, and reads it.
func (r *reply) response(status int) *cpis.Response {
	r.w.t.Helper()
	require.Equal(r.w.t, status, r.status, "%s", r.body)
	require.Equal(r.w.t, xmlType, r.header.Get("Content-Type"), "%s", r.body)
	validates(r.w.t, "REPC_MT000003GB01.xsd", r.body)
	out, err := cpis.DecodeResponse(bytes.NewReader(r.body), cpis.Limits{})
	require.NoError(r.w.t, err, "%s", r.body)
	return out
}

// outcomes lists a response's outcomes as code, detail and place.
func outcomes(r *cpis.Response) (out []string) {
	for _, o := range r.Outcomes {
		out = append(out, strings.TrimSpace(string(o.Code)+" "+string(o.Detail))+" "+strings.TrimPrefix(o.Place, "/File/"))
	}
	return out
}

// validates asks the published schemas, where they are found.
func validates(t testing.TB, schema string, message []byte) {
	t.Helper()
	for _, p := range []string{os.Getenv("CUSTOS_CPIS_SCHEMAS"), "../../shared/cpis-schemas"} {
		file := filepath.Join(p, "Schemas", schema)
		if _, err := os.Stat(file); p == "" || err != nil {
			continue
		}
		if _, err := exec.LookPath("xmllint"); err != nil {
			t.Log("NOT VALIDATED: xmllint is not installed")
			return
		}
		c := exec.Command("xmllint", "--noout", "--nonet", "--schema", file, "-")
		c.Stdin = bytes.NewReader(message)
		said, err := c.CombinedOutput()
		require.NoError(t, err, "%s", said)
		return
	}
	t.Log("NOT VALIDATED: the published schemas are not there (CUSTOS_CPIS_SCHEMAS names their folder)")
}

// person is the nth child as CP-IS has it.
func person(n int) cpis.Subject {
	return cpis.Subject{Person: cpis.Person{Identity: cpis.Identity{NHSNumber: nhs(n), LocalID: fmt.Sprintf("LOCAL-%04d", n), Assigner: authority1},
		Given: "Annunziata", Family: "Featherstonehaugh", Birth: 20150504}}
}

func plan(n int) cpis.Record {
	return cpis.Record{Plans: []cpis.Plan{{Type: cpis.ChildProtection, Start: 202501100000}}, Subjects: []cpis.Subject{person(n)}}
}

func mother(n int) cpis.Subject {
	s := person(n)
	s.Unborn, s.Birth, s.Given = true, 20090101, "Mariabella"
	return s
}

func TestAMessageByHand(t *testing.T) {
	w := newWorld(t)
	child := func(n int, plans string) string {
		w.secret(nhs(n), "Featherstonehaugh", "Annunziata")
		return ` <h:record><h:CP-ISRecord>` + plans + `
  <h:subject><n:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP145101GB01#Child"/>
   <h:COCT_TP145101GB01.Child><h:id root="2.16.840.1.113883.2.1.4.1" extension="` + nhs(n) + `"/>
    <h:childPerson><h:birthTime value="20150504"/>
     <h:name><h:given>Annunziata</h:given><h:family>Featherstonehaugh</h:family></h:name></h:childPerson></h:COCT_TP145101GB01.Child></h:subject>
 </h:CP-ISRecord></h:record>
`
	}
	looked := func(start, end string) string {
		out := `<h:pertinentInformation><n:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="COCT_TP146100GB01#LACInformation"/>
   <h:COCT_TP146100GB01.LACInformation><h:component><h:lACStartDate><h:value value="` + start + `"/></h:lACStartDate></h:component>`
		if end != "" {
			out += `<h:component1><h:lACEndDate><h:value value="` + end + `"/></h:lACEndDate></h:component1>`
		}
		return out + `</h:COCT_TP146100GB01.LACInformation></h:pertinentInformation>`
	}
	file := fmt.Sprintf(byHand, 7, child(1, looked("202501100930", ""))+child(2, looked("202501100930", "202501010000"))+child(3, looked("yesterday", "")))
	validates(t, "REPC_MT000002GB01.xsd", []byte(strings.Replace(file, "yesterday", "202501100930", 1)))
	r := w.sendXML(uploader, file)
	got := r.response(200)
	require.Equal(t, []cpis.FileCode{cpis.FilePartly}, got.Codes)
	require.Equal(t, []string{"CPR06 record[1]",
		"CPR07 end-before-start record[2]/CP-ISRecord/pertinentInformation[1]/COCT_TP146100GB01.LACInformation/component1/lACEndDate/value/@value",
		"CPR07 start-format record[3]/CP-ISRecord/pertinentInformation[1]/COCT_TP146100GB01.LACInformation/component/lACStartDate/value[1]/@value"}, outcomes(got))
	require.EqualValues(t, []any{int64(7), 3, 1, 2, "Northbank Council"}, []any{got.Sequence, got.Quantity, got.Successful, got.Failed, got.Receiver.Name})
	require.Len(t, got.Returned, 1, "a record without the form cannot be returned")
	require.EqualValues(t, 202501100930, got.Returned[0].Plans[0].Start)
	closing := w.entry(r.seq())
	require.Equal(t, ledger.KindUploadClosed, closing.Kind)
	require.Equal(t, cpis.TimestampOf(closing.Time.Std()), got.Created)

	found, _ := w.lookup(doctor, object{"nhsNumber": nhs(1), "dateOfBirth": "2015-05-04"}).recorded(200)
	require.Equal(t, "found", found["outcome"])
}

// The same file has the same acknowledgement, byte for byte: by somebody else,
// later, through the door that is not HTTP, and from the ledger alone.
func TestAMessageRepeats(t *testing.T) {
	w := newWorld(t)
	twice := plan(5)
	twice.Plans = append(twice.Plans, cpis.Plan{Type: cpis.LookedAfter, Start: 202701100915})
	girl := plan(6)
	girl.Plans = append(girl.Plans, cpis.Plan{Type: cpis.UnbornChild, Start: 202601010000, End: 202609010000})
	girl.Subjects = append(girl.Subjects, mother(6))
	grown := plan(7)
	grown.Subjects[0].Birth = 20050101
	nobody := plan(8)
	nobody.Subjects[0].NHSNumber = ""
	old := plan(9)
	old.Plans[0].Start, old.Plans[0].Delete = 202001011130, 202001020000
	wrong := plan(10)
	wrong.Subjects[0].NHSNumber = "9990000000"
	file := w.message01(4, plan(1), plan(1), twice, girl, grown, nobody, old, wrong)
	first := w.sendXML(uploader, file)
	got := first.response(200)
	require.Equal(t, []string{
		"CPR06 record[1]",
		"CPR07 plan-repeated record[2]/CP-ISRecord/pertinentInformation[1]/COCT_TP146101GB01.CPPInformation/component/cPPStartDate/value/@value",
		"CPR07 start-in-future record[3]/CP-ISRecord/pertinentInformation[2]",
		"CPR06 record[4]",
		"CPR07 over-18 record[5]/CP-ISRecord/pertinentInformation[1]/COCT_TP146101GB01.CPPInformation/component/cPPStartDate/value/@value",
		"CPR07 nhs-number-missing record[6]/CP-ISRecord/pertinentInformation[1]",
		"CPR07 delete-unknown record[7]/CP-ISRecord/pertinentInformation[1]",
		"CPR04 nhs-number-check-digit record[8]/CP-ISRecord/subject[1]/COCT_TP145101GB01.Child/id/@extension",
	}, outcomes(got))
	require.Equal(t, 6, got.Failed)
	require.Equal(t, 2, got.Successful)
	var echoed []cpis.Record
	for _, r := range got.Returned {
		echoed = append(echoed, r.Record)
	}
	require.Equal(t, []cpis.Record{plan(1), twice, grown, nobody, old, wrong}, echoed, "a rejected record comes back whole")
	for _, p := range []int{5, 6} {
		found, _ := w.lookup(doctor, object{"nhsNumber": nhs(p)}).recorded(200)
		require.Equal(t, "found", found["outcome"], "what is sound in a record is loaded")
	}

	before := w.size()
	w.forward(26 * time.Hour)
	again := w.sendXML(colleague, file)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, first.seq(), again.seq())
	var b bytes.Buffer
	who := w.identity(uploader)
	done, err := w.server.LoadMessage(t.Context(), who, strings.NewReader(file), &b)
	require.NoError(t, err)
	require.Equal(t, string(first.body), b.String())
	require.Equal(t, Loaded{Code: cpis.FilePartly, Upload: first.header.Get("Custos-Upload"), Entry: first.seq(), Records: 8, Failed: 6}, done)
	for k := range w.kinds(before) {
		require.Contains(t, []ledger.Kind{ledger.KindUploadResumed, ledger.KindActorProfiled}, k, "a repeat loads nothing")
	}
	path := "/v1/uploads/" + first.header.Get("Custos-Upload")
	shown := w.call(uploader, "GET", path, nil)
	require.Equal(t, string(first.body), string(shown.body))
	require.Equal(t, ledger.KindAckRead, w.entry(shown.seq()).Kind)
	require.Len(t, w.call(uploader, "GET", path, nil, header{"Accept": "application/json"}).ok(200)["results"], 10, "a row for each plan")
	csv := w.upload(uploader, 9, ann(nil))
	w.call(uploader, "GET", "/v1/uploads/"+csv.header.Get("Custos-Upload"), nil, header{"Accept": "application/xml"}).problem("not-acceptable")
}

// identity is who a caller's token speaks for.
func (w *world) identity(c caller) *Identity {
	who, p := w.server.cfg.Tokens.Verify([]string{"Bearer " + w.token(c)})
	require.Nil(w.t, p)
	return who
}
