package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/consensus"
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

// A file that is broken as a whole is answered with message 02, and changes nothing.
func TestBrokenMessages(t *testing.T) {
	w := newWorld(t)
	good := w.message01(1, plan(1), plan(2))
	size := w.size()
	replace := func(old, with string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, with, 1)
	}
	for _, c := range []struct{ name, file, outcome string }{
		{"empty", "", "xml-truncated"},
		{"no XML", "nhs_number,family_name\n", "xml-truncated"},
		{"malformed, late", strings.Replace(good, "</File>", "</Feil>", 1), "xml-malformed"},
		{"a billion laughs", `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>` + good[strings.Index(good, "<File"):], "xml-doctype"},
		{"another namespace", replace(`xmlns="urn:hl7-org:v3"`, `xmlns="urn:hl7-org:v2"`), "root-unknown"},
		{"counts too many", replace(`transmissionQuantity value="2"`, `transmissionQuantity value="3"`), "quantity-mismatch"},
		{"counts too few", replace(`transmissionQuantity value="2"`, `transmissionQuantity value="1"`), "quantity-mismatch"},
		{"sequence -1", replace(`<id extension="1"/>`, `<id extension="-1"/>`), "sequence-number"},
		{"Windows-1252, declared", replace(`encoding="UTF-8"`, `encoding="windows-1252"`), "xml-encoding"},
		{"no telephone number", replace(`tel:02079460002`, `tel:020 ring us`), "telephone-format"},
		{"a truncated file", good[:len(good)-200], "xml-truncated"},
		{"somebody else's", replace(`extension="301"`, `extension="302"`), "sender-other"},
		{"deep", strings.Repeat("<File>", 40), "root-unknown"},
		{"message 02", `<FileResponse xmlns="urn:hl7-org:v3"/>`, "root-unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.sendXML(uploader, c.file)
			got := r.response(400)
			require.Equal(t, []cpis.FileCode{cpis.FileBroken}, got.Codes)
			require.Len(t, got.Outcomes, 1)
			require.Equal(t, c.outcome, string(got.Outcomes[0].Detail), "%v", outcomes(got))
			require.Equal(t, authority1, got.Receiver.Code)
			require.Zero(t, got.Successful)
			require.Equal(t, size, w.size(), "nothing is recorded")
			var b bytes.Buffer
			done, err := w.server.LoadMessage(t.Context(), w.identity(uploader), strings.NewReader(c.file), &b)
			require.NoError(t, err)
			require.Equal(t, Loaded{Code: cpis.FileBroken}, done)
			if got.Sequence > 0 {
				require.Equal(t, string(r.body), b.String())
			}
		})
	}
	// Bytes of Windows-1252 in a name cost the record; the others are loaded.
	rows := strings.Replace(good, "<given>Annunziata", "<given>Ann\xe9e", 1)
	got := w.sendXML(uploader, rows).response(200)
	require.Equal(t, []string{"CPR07 text-encoding record[1]/CP-ISRecord/subject[1]/COCT_TP145101GB01.Child/childPerson/name/given[1]", "CPR06 record[2]"}, outcomes(got))

	// Other content under the number, and a lower number, are refused on the record.
	for n, detail := range map[int64]cpis.Detail{1: cpis.SequenceReused, 0: ""} {
		if n == 0 {
			w.sendXML(uploader, w.message01(5, plan(3))).response(200)
			n, detail = 2, cpis.SequenceLower
		}
		before := w.size()
		r := w.sendXML(uploader, w.message01(n, plan(4)))
		got := r.response(http.StatusConflict)
		require.Equal(t, []cpis.FileCode{cpis.FileNotLoaded}, got.Codes)
		require.Equal(t, []cpis.Outcome{{Code: cpis.RecordRejected, Detail: detail, Place: "/File/id/@extension"}}, got.Outcomes)
		require.Equal(t, map[ledger.Kind]int{ledger.KindUploadRefused: 1}, w.kinds(before))
		e := w.since(before)[0]
		require.Equal(t, cpis.TimestampOf(e.Time.Std()), got.Created)
	}

	// What message 02 has no word for stays a problem.
	w.sendXML(doctor, good).problem("role-not-permitted")
	w.sendXML(uploader, good, "?sequence=4").problem("query-parameter")
	w.call(nobody, "POST", "/v1/uploads", good, asXML).problem("token-missing")
	w.call(uploader, "POST", "/v1/uploads", good, asXML, header{"Content-Encoding": "gzip"}).problem("content-encoding")
	before := w.size()
	_, err := w.server.LoadMessage(t.Context(), w.identity(doctor), strings.NewReader(good), &bytes.Buffer{})
	require.Equal(t, 1, w.kinds(before)[ledger.KindAccessDenied])
	require.Equal(t, "role-not-permitted", asProblem(err).Code)
}

// Each rule that a record may break has its code at its place.
func TestRejectedRecords(t *testing.T) {
	w := newWorld(t)
	change := func(n int, f func(*cpis.Plan, *cpis.Subject)) cpis.Record {
		r := plan(n)
		f(&r.Plans[0], &r.Subjects[0])
		return r
	}
	w.plans(uploader2, 1, ann(func(p *planRow) { p.NHSNumber = nhs(9) }))
	old := change(4, func(_ *cpis.Plan, s *cpis.Subject) { s.NHSNumber = "ABC 123" })
	cases := []struct {
		record  cpis.Record
		outcome string
	}{
		{change(1, func(p *cpis.Plan, _ *cpis.Subject) { p.Start = 202701010000 }), "CPR07 start-in-future"},
		{change(2, func(p *cpis.Plan, _ *cpis.Subject) { p.End = 202501090000 }), "CPR07 end-before-start"},
		{change(3, func(p *cpis.Plan, s *cpis.Subject) { s.Birth, p.Start = 20080101, 202001010000 }), "CPR07 over-18"},
		{old, "CPR04 nhs-number-format"},
		{change(5, func(p *cpis.Plan, _ *cpis.Subject) { p.Start = 201505030000 }), "CPR07 start-before-birth"},
		{change(6, func(p *cpis.Plan, _ *cpis.Subject) { p.Delete = 202612010000 }), "CPR07 delete-in-future"},
		{change(7, func(p *cpis.Plan, _ *cpis.Subject) { p.Start, p.End = 202001010000, 202101010000 }), "CPR07 ended-365-days"},
		{change(9, func(p *cpis.Plan, _ *cpis.Subject) { p.Delete = 202601010000 }), "CPR07 delete-unknown"}, // somebody else's plan
		{change(10, func(*cpis.Plan, *cpis.Subject) {}), "CPR06"},
		{change(10, func(*cpis.Plan, *cpis.Subject) {}), "CPR07 plan-repeated"},
	}
	var records []cpis.Record
	for _, c := range cases {
		records = append(records, c.record)
	}
	got := w.sendXML(uploader, w.message01(1, records...)).response(200)
	require.Len(t, got.Outcomes, len(cases))
	for i, o := range got.Outcomes {
		require.Equal(t, cases[i].outcome, strings.TrimSpace(string(o.Code)+" "+string(o.Detail)), "record %d", i+1)
		require.True(t, strings.HasPrefix(o.Place, fmt.Sprintf("/File/record[%d]", i+1)), o.Place)
	}
	require.Len(t, got.Returned, len(cases)-1)
	found, _ := w.lookup(doctor, object{"nhsNumber": nhs(9)}).recorded(200)
	require.Equal(t, "found", found["outcome"], "the other authority's plan is as it was")
}

// The 129th plan of one person is more than an answer could list.
func TestTooManyPlans(t *testing.T) {
	w := newWorld(t)
	var records []cpis.Record
	for i := range 129 {
		r := plan(1)
		r.Plans[0].Start = cpis.DateTime(202501010000 + int64(i/28)*1000000 + int64(i%28)*10000)
		records = append(records, r)
	}
	got := w.sendXML(uploader, w.message01(1, records...)).response(200)
	require.Equal(t, []int{128, 1}, []int{got.Successful, got.Failed})
	require.Equal(t, cpis.TooManyPlans, got.Outcomes[128].Detail)
}

// A file that stops at any point goes on where it stopped: each record once,
// and the acknowledgement is the same.
func TestAMessageGoesOnAfterACrash(t *testing.T) {
	var want, wantKinds any
	for stop := range 6 {
		w := newWorld(t)
		records := make([]cpis.Record, 3*uploadChunk-7)
		for i := range records {
			records[i] = plan(100 + i)
		}
		records[70].Plans[0].Start = 202801010000
		file := w.message01(1, records...)
		n := 0
		if stop > 0 {
			// The node dies before, or after, one of the commands.
			w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
				if n++; n < stop {
					return next(ctx, c)
				}
				if stop%2 == 0 {
					_, _ = next(ctx, c)
				}
				return consensus.Outcome{}, consensus.ErrUnknown
			}, func() { w.sendXML(uploader, file).problem("outcome-unknown") })
		}
		r := w.sendXML(colleague, file)
		got := r.response(200)
		require.Equal(t, len(records)-1, got.Successful)
		kinds := w.kinds(0)
		loaded := []int{kinds[ledger.KindPlanRecorded], kinds[ledger.KindPlanRejected], kinds[ledger.KindUploadOpened], kinds[ledger.KindUploadClosed], kinds[ledger.KindChunkRecorded]}
		got.Created = ""
		if stop == 0 {
			want, wantKinds = got, loaded
		}
		require.Equal(t, want, any(got))
		require.Equal(t, wantKinds, any(loaded))
		require.Equal(t, string(r.body), string(w.sendXML(uploader, file).body))
	}
}

// A connection that is cut halfway leaves nothing behind.
func TestACutConnectionLeavesNothing(t *testing.T) {
	w := newWorld(t)
	file := w.message01(1, plan(1), plan(2))
	before := w.size()
	in, out := io.Pipe()
	q, err := http.NewRequestWithContext(t.Context(), "POST", w.http.URL+"/v1/uploads", in)
	require.NoError(t, err)
	q.Header.Set("Authorization", "Bearer "+w.token(uploader))
	q.Header.Set("Content-Type", "application/xml")
	sent := make(chan error, 1)
	go func() {
		res, err := w.client.Do(q)
		if err == nil {
			_ = res.Body.Close()
		}
		sent <- err
	}()
	_, err = io.WriteString(out, file[:len(file)/2])
	require.NoError(t, err)
	require.NoError(t, out.CloseWithError(errors.New("cut")))
	require.Error(t, <-sent)
	require.Eventually(t, func() bool { return w.server.uploads.now.Load() == 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, before, w.size())
	require.Equal(t, []cpis.FileCode{cpis.FileLoaded}, w.sendXML(uploader, file).response(200).Codes)
}

// Dry runs and full snapshots are declared in the query, as for other files.
func TestMessagesInDryRunsAndSnapshots(t *testing.T) {
	w := newWorld(t)
	first := w.sendXML(uploader, w.message01(1, plan(1), plan(2)))
	first.response(200)
	file := w.message01(2, plan(1), plan(3), func() cpis.Record { r := plan(4); r.Plans[0].End = 202401010000; return r }())
	before := w.size()
	r := w.sendXML(uploader, file, "?dry-run=true&snapshot=true")
	require.Equal(t, []string{"CPR06 record[1]", "CPR06 record[2]", "CPR07 end-before-start record[3]/CP-ISRecord/pertinentInformation[1]/COCT_TP146101GB01.CPPInformation/component1/cPPEndDate/value/@value"}, outcomes(r.response(200)))
	require.Equal(t, "true", r.header.Get("Custos-Dry-Run"))
	require.Equal(t, "held=false; would-end=1; in-force=3", r.header.Get("Custos-Snapshot"))
	require.Equal(t, map[ledger.Kind]int{ledger.KindRowsChecked: 1}, w.kinds(before))
	r = w.sendXML(uploader, file, "?snapshot=true")
	require.Equal(t, 1, r.response(200).Failed)
	require.Equal(t, "ended=1", r.header.Get("Custos-Snapshot"))
	require.Equal(t, 1, w.kinds(before)[ledger.KindPlanLapsed])

	// A snapshot that was cut off, and put right so far that it reads, ends nobody by itself.
	var many []cpis.Record
	for i := range 8 {
		many = append(many, plan(20+i))
	}
	w.sendXML(uploader, w.message01(3, many...)).response(200)
	before = w.size()
	r = w.sendXML(uploader, w.message01(4, many[:2]...), "?snapshot=true")
	require.Equal(t, []cpis.FileCode{cpis.FileLoaded}, r.response(200).Codes)
	require.Contains(t, r.header.Get("Custos-Snapshot"), "held=true; would-end=8")
	require.Zero(t, w.kinds(before)[ledger.KindPlanLapsed])
}
