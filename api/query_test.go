package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/consensus"
	"custos/ledger"
)

const queryID = "7D616840-AE1A-11DB-973A-B18E1E0994CD"

// staff is a caller as messages have authors.
func staff(who caller) cpis.Author {
	return cpis.Author{Staff: &cpis.Staff{UserID: who.subject, Role: cpis.JobRole{Code: "R0670", Words: "Midwife"}, Name: cpis.Name{Text: who.name},
		Employer: cpis.Party{Code: who.org, Name: "An employer"}}}
}

// ward is a system, with those who answer for it.
func ward(keeper string, responsible ...string) cpis.Author {
	s := &cpis.System{ID: "200000000115", Keeper: cpis.Party{Code: keeper, Name: "A keeper"}}
	for _, name := range responsible {
		s.Responsible = append(s.Responsible, cpis.Responsible{Role: cpis.JobRole{Code: "R0260", Words: "Consultant"}, Name: cpis.Name{Prefix: "Dr", Family: name}})
	}
	return cpis.Author{System: s}
}

// message03By makes message 03 of an author.
func message03By(number string, by cpis.Author) string {
	q := cpis.Query{Time: "20260303141500+0000", ID: queryID, Author: by, NHSNumber: number}
	b, err := q.Append(nil)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func message03(number string, who caller) string { return message03By(number, staff(who)) }

// scheduled has a message say that the care is, in one of the ways that are read.
func scheduled(message string) string {
	return strings.Replace(message, "<cP-ISNHSQuery>", `<cP-ISNHSQuery accessEventType="false">`, 1)
}

func (w *world) query(who caller, message string) *reply {
	w.t.Helper()
	return w.call(who, "POST", "/v1/queries", message, asXML)
}

// answered wants message 04, validates it, and reads it.
func (r *reply) answered() *cpis.Answer {
	r.w.t.Helper()
	require.Equal(r.w.t, 200, r.status, "%s", r.body)
	validates(r.w.t, "REPC_MT000007GB01.xsd", r.body)
	a, err := cpis.DecodeAnswer(bytes.NewReader(r.body), cpis.Limits{})
	require.NoError(r.w.t, err, "%s", r.body)
	return a
}

// nothing wants the generic acknowledgement that there is no record.
func (r *reply) nothing() {
	r.w.t.Helper()
	require.Equal(r.w.t, 200, r.status, "%s", r.body)
	validates(r.w.t, "QUQI_MT030101UK03.xsd", r.body)
	require.Contains(r.w.t, string(r.body), `<queryResponseCode code="NF"/>`)
}

// accessed is the access that the answer names, with what was asked.
func (r *reply) accessed() (*ledger.Accessed, *ledger.LookUp) {
	r.w.t.Helper()
	e := r.w.entry(r.seq())
	first := r.w.entry(e.Seq - ledger.Seq(e.Nth))
	return e.Event.(*ledger.Accessed), first.Request.(*ledger.LookUp)
}

// askers lists who a message 04 says asked before.
func askers(a *cpis.Answer) (out []string) {
	for _, q := range a.Accesses {
		if s := q.Author.System; s != nil {
			out = append(out, s.Responsible[0].Name.Full()+" by "+s.ID)
		} else {
			out = append(out, q.Author.Staff.Name.Full())
		}
	}
	return out
}

// Message 03 is a lookup like another: recorded, told, in the history, and
// answered with what each authority holds.
func TestMessages03And04(t *testing.T) {
	w := newWorld(t)
	girl := person(2)
	record := cpis.Record{Plans: []cpis.Plan{{Type: cpis.LookedAfter, Start: 202501100930}, {Type: cpis.UnbornChild, Start: 202601100000, End: 202607010000}},
		Subjects: []cpis.Subject{girl, func() cpis.Subject { s := girl; s.Unborn = true; return s }()}}
	w.sendXML(uploader, w.message01(1, plan(1), record)).response(200)
	w.plans(uploader2, 1, ann(nil))

	r := w.query(doctor, message03(nhs(1), doctor))
	a := r.answered()
	require.Len(t, a.Holdings, 2, "every authority that holds a plan is there")
	require.Equal(t, cpis.Organisation{Code: authority1, Name: "Northbank Council", EmergencyDuty: "02079460002", OfficeHours: "02079460001"}, a.Holdings[0].Authority)
	require.Equal(t, []string{doctor.name}, askers(a), "the query itself is in the history")
	require.Equal(t, doctor.subject, a.Accesses[0].Author.Staff.UserID)
	require.Equal(t, nhs(1), a.Accesses[0].NHSNumber)
	e, q := r.accessed()
	require.Equal(t, ledger.OutcomeFound, e.Outcome)
	require.ElementsMatch(t, []string{authority1, authority2}, e.Told)
	require.True(t, e.Unscheduled && e.Shown)
	require.False(t, q.Differs || q.System)

	both := w.query(otherDoctor, message03(nhs(2), otherDoctor)).answered()
	require.Len(t, both.Holdings, 1)
	require.Equal(t, record.Plans, both.Holdings[0].Plans, "to the minute")
	require.Len(t, both.Holdings[0].Subjects, 2, "the girl, and her unborn child")

	w.query(doctor, message03(nhs(3), doctor)).nothing()

	// The same access has the same identifier, whoever asks about it.
	again := w.query(otherDoctor, message03(nhs(1), otherDoctor)).answered()
	require.Equal(t, []string{otherDoctor.name, doctor.name}, askers(again))
	require.Equal(t, a.Accesses[0], again.Accesses[1])
	require.NotEqual(t, a.ID, again.ID)
}

// A record holds three plans at most: more make more records.
func TestMoreThanThreePlans(t *testing.T) {
	w := newWorld(t)
	var all []cpis.Record
	for i := range 5 {
		one := plan(1)
		one.Plans[0].Type, one.Plans[0].Start = []cpis.PlanType{cpis.ChildProtection, cpis.LookedAfter}[i%2], cpis.DateTime(202501010000+int64(i)*10000)
		all = append(all, one)
	}
	w.sendXML(uploader, w.message01(1, all...)).response(200)
	a := w.query(doctor, message03(nhs(1), doctor)).answered()
	require.Len(t, a.Holdings, 2)
	require.Len(t, a.Holdings[0].Plans, 3)
	require.Len(t, a.Holdings[1].Plans, 2)
}

// A directory without numbers does not stop an answer.
func TestAnAuthorityWithoutATelephone(t *testing.T) {
	w := newWorld(t)
	for code, d := range map[string]ledger.Directory{"303": {OfficeHours: "020 7946 0001"}, "304": {EmergencyDuty: "ask the switchboard"}} {
		w.command(ledger.SystemActor("n1"), &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: code, Sort: ledger.SortAuthority, Directory: d}})
	}
	for code, want := range map[string]string{"303": "02079460001", "304": noTelephone} {
		o, err := w.server.contact(code)
		require.NoError(t, err)
		require.Equal(t, want, o.EmergencyDuty)
	}
}

// accessEventType="false" is a silent read: nobody is told, it is in no history,
// and it is in the trail. Where the care setting's policy says otherwise, the
// authority is told, and that it was declared is recorded.
func TestSilentReads(t *testing.T) {
	w := newWorld(t)
	w.sendXML(uploader, w.message01(1, plan(1))).response(200)
	a := w.query(planner, scheduled(message03(nhs(1), planner)))
	require.Empty(t, a.answered().Accesses)
	e, q := a.accessed()
	require.Equal(t, ledger.DeclaredScheduled, q.Declared)
	require.False(t, e.Unscheduled || e.Shown || e.Conflict)
	require.Empty(t, e.Told)

	b := w.query(doctor, scheduled(message03(nhs(1), doctor)))
	require.Len(t, b.answered().Accesses, 1)
	e, _ = b.accessed()
	require.True(t, e.Unscheduled && e.Shown && e.Conflict)
	require.Equal(t, []string{authority1}, e.Told)

	c := w.query(planner, message03(nhs(1), planner)) // what is not said means unscheduled
	require.Len(t, c.answered().Accesses, 2)
	e, _ = c.accessed()
	require.True(t, e.Unscheduled && e.Conflict)

	entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
	require.Contains(t, column(entries, "unscheduled"), false, "it is in the trail")
}

// machine is a system with a token of its own.
var machine = caller{"clinician", "200000000115", emergency, "Ward system 3", ""}

// machineToken makes a token as RFC 9068 has it for a client's own.
func (w *world) machineToken() header {
	t := w.idp.token(w.t, "ed", w.idp.claims(object{"sub": machine.subject, "client_id": machine.subject, "custos_role": machine.role, "org": machine.org, "name": machine.name, "jti": "m"}))
	w.secret(t, machine.name)
	return header{"Authorization": "Bearer " + t, "Content-Type": xmlType}
}

// Who asks is who signed in. A message that names somebody else is answered, and
// the difference is on the record; a system names who answers for it, or is denied.
func TestWhoAsksIsWhoSignedIn(t *testing.T) {
	w := newWorld(t)
	w.sendXML(uploader, w.message01(1, plan(1))).response(200)
	byMachine := w.machineToken()
	named := staff(doctor)
	named.Staff.UserID, named.Staff.RoleProfile = "", "555000000202"
	elsewhere := staff(doctor)
	elsewhere.Staff.Employer.Code = "RXX99"
	w.secret("Fernleigh", "Osterley")
	for _, c := range []struct {
		name    string
		message string
		machine bool
		differs bool
		shown   string // first in the history; empty: denied
	}{
		{"themselves", message03(nhs(1), doctor), false, false, doctor.name},
		{"somebody else's number", message03(nhs(1), otherDoctor), false, true, doctor.name},
		{"another organisation", message03By(nhs(1), elsewhere), false, true, doctor.name},
		{"nothing to compare", message03By(nhs(1), named), false, true, doctor.name},
		{"a system for nobody", message03By(nhs(1), ward(emergency)), false, false, ""},
		{"a system for somebody else", message03By(nhs(1), ward(emergency, "Fernleigh")), false, true, doctor.name + " by 200000000115"},
		{"a system's own", message03By(nhs(1), ward(emergency, "Fernleigh")), true, false, "Dr Fernleigh by 200000000115"},
		{"a system's own, for another", message03By(nhs(1), ward(emergency, "Osterley", "Fernleigh")), true, false, "Dr Osterley by 200000000115"},
		{"a system's own, for nobody", message03By(nhs(1), ward(emergency)), true, false, ""},
		{"a system's own, of another keeper", message03By(nhs(1), ward("RXX99", "Thorncombe")), true, true, "Dr Thorncombe by 200000000115"},
		{"a system for a member of staff", message03(nhs(1), doctor), true, false, doctor.name + " by 200000000115"},
	} {
		w.forward(25 * time.Hour)
		var r *reply
		if c.machine {
			r = w.call(nobody, "POST", "/v1/queries", c.message, byMachine)
		} else {
			r = w.query(doctor, c.message)
		}
		if c.shown == "" {
			e := r.denied("responsible-person-missing")
			require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref, c.name)
			continue
		}
		require.Equal(t, c.shown, askers(r.answered())[0], c.name)
		_, q := r.accessed()
		require.Equal(t, c.differs, q.Differs, c.name)
		require.Equal(t, strings.Contains(c.shown, " by "), q.System, c.name)
	}
	// Other forms of a lookup hold a system to the same.
	byMachine["Content-Type"] = "application/json"
	ask := func(body object) *reply { return w.call(nobody, "POST", "/v1/lookups", body, byMachine) }
	ask(object{"nhsNumber": nhs(1)}).denied("responsible-person-missing")
	ask(object{"nhsNumber": nhs(1), "responsible": object{"name": " "}}).problem("field-value")
	w.call(nobody, "POST", "/v1/emergency-lookups", object{"nhsNumber": nhs(1), "reason": "collapsed"}, byMachine).denied("responsible-person-missing")
	for _, resource := range []string{"CareTeam", "AuditEvent"} { // in which nobody can be named
		w.call(nobody, "GET", fhirBase+resource+aboutOf(nhs(1)), nil, byMachine).denied("responsible-person-missing")
	}
	w.flag(nobody, nhs(1), byMachine).denied("responsible-person-missing")
	out, _ := ask(object{"nhsNumber": nhs(1), "responsible": object{"name": "Sister Winterbourne", "role": "Nurse in charge"}}).recorded(200)
	first := out["accessHistory"].([]any)[0].(object)
	require.Equal(t, []any{"Sister Winterbourne", "Nurse in charge", "200000000115"}, []any{first["name"], first["role"], first["system"]})
	w.lookup(doctor, object{"nhsNumber": nhs(1), "responsible": object{"name": "Sister Winterbourne"}}).problem("field-value")
	// The trail tells of every difference.
	entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
	counts := map[string]int{}
	for _, e := range entries {
		for _, flag := range []string{"authorDiffers", "bySystem"} {
			if e[flag] == true {
				counts[flag]++
			}
		}
	}
	require.Equal(t, map[string]int{"authorDiffers": 5, "bySystem": 13}, counts)
}

// A lookup that was of the wrong person stays in message 04, and is marked there.
func TestACorrectedLookupIsMarked(t *testing.T) {
	w := newWorld(t)
	w.sendXML(uploader, w.message01(1, plan(1))).response(200)
	seq := w.query(doctor, message03(nhs(1), doctor)).seq()
	w.call(doctor, "POST", fmt.Sprintf("/v1/lookups/%d/corrections", seq), object{"reason": "wrong child"}).recorded(201)
	a := w.query(otherDoctor, message03(nhs(1), otherDoctor)).answered()
	require.Equal(t, []string{otherDoctor.name, doctor.name + " (looked up in error)"}, askers(a))
}

// What Spine has around a query stands around the answer; in an envelope every
// refusal is a fault, and in none the generic acknowledgement.
func TestQueriesInTheirForms(t *testing.T) {
	w := newWorld(t)
	w.sendXML(uploader, w.message01(1, plan(1))).response(200)
	bare := strings.TrimPrefix(message03(nhs(1), doctor), `<?xml version="1.0" encoding="UTF-8"?>`+"\n")
	wrapped := `<QUPC_IN000006GB01 xmlns="urn:hl7-org:v3"><id root="` + queryID + `"/><creationTime value="20260303141500"/><versionCode code="V3NPfIT3.1.10"/>` +
		`<interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="QUPC_IN000006GB01"/><processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/>` +
		`<communicationFunctionRcv><device><id root="1.2.826.0.1285.0.2.0.107" extension="200000000222"/></device></communicationFunctionRcv>` +
		`<communicationFunctionSnd><device><id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/></device></communicationFunctionSnd>` +
		`<ControlActEvent><author1/><subject>` + bare + `</subject></ControlActEvent></QUPC_IN000006GB01>`
	soap := func(body string) string {
		return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header><a:MessageID>uuid:` +
			queryID + `</a:MessageID></s:Header><s:Body>` + body + `</s:Body></s:Envelope>`
	}
	send := func(message string) *reply {
		return w.call(doctor, "POST", "/v1/queries", message, header{"Content-Type": "text/xml; charset=utf-8", "SOAPAction": "urn:nhs:names:services:cpisquery/QUPC_IN000006GB01"})
	}
	for form, want := range map[string][]string{
		bare:          {"<CP-ISNHSQueryResponse"},
		wrapped:       {"<REPC_IN000007GB01 ", `<communicationFunctionRcv><device><id root="1.2.826.0.1285.0.2.0.107" extension="200000000115"/>`, `<queryResponseCode code="OK"/>`},
		soap(bare):    {"<soap:Envelope", "<wsa:RelatesTo>uuid:" + queryID, "<CP-ISNHSQueryResponse"},
		soap(wrapped): {"<soap:Envelope", "<wsa:Action>urn:nhs:names:services:cpisquery/REPC_IN000007GB01<", "<REPC_IN000007GB01 "},
	} {
		r := send(form)
		require.Equal(t, 200, r.status, "%s", r.body)
		for _, s := range want {
			require.Contains(t, string(r.body), s)
		}
		none := send(strings.Replace(form, nhs(1), nhs(9), 1))
		require.Equal(t, 200, none.status)
		require.NotContains(t, string(none.body), "REPC_")
		send(strings.Replace(form, nhs(1), "9990000019", 1)).problem("nhs-number-check-digit")
		if p := send(strings.Replace(form, "effectiveTime", "ineffectiveTime", 1)).problem("query-unreadable"); strings.Contains(form, "Envelope") {
			require.Zero(t, p.Status)
		}
	}
	require.Contains(t, string(send(soap(wrapped[:40])).body), "<faultcode>soap:Client</faultcode>")
	w.hooked(func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) {
		return consensus.Outcome{}, consensus.ErrNoLeader
	}, func() {
		r := send(soap(bare))
		r.problem("unavailable")
		require.Contains(t, string(r.body), "<faultcode>soap:Server</faultcode>")
		require.NotEmpty(t, r.header.Get("Retry-After"))
		require.Equal(t, 503, send(bare).status)
	})
}

// Before rules version 3 no query is answered, and none is recorded.
func TestQueriesNeedRulesThree(t *testing.T) {
	w := worldUnder(t, 2)
	size := w.size()
	w.query(doctor, message03(nhs(1), doctor)).problem("rules-not-raised")
	require.Equal(t, size, w.size())
}

// Where a message 04 cannot be made, nothing is shown; the lookup is recorded.
func TestWhatNoMessageHoldsIsNotShown(t *testing.T) {
	w := newWorld(t)
	w.sendXML(uploader, w.message01(1, plan(1))).response(200)
	size := w.size()
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		out, err := next(ctx, c)
		out.Answer.Plans = append(out.Answer.Plans[:0:0], out.Answer.Plans...)
		for i := range out.Answer.Plans {
			out.Answer.Plans[i].Plan.Start = 0
		}
		return out, err
	}, func() {
		r := w.query(doctor, message03(nhs(1), doctor))
		r.problem("internal")
		require.NotContains(t, string(r.body), "Featherstonehaugh")
	})
	require.Greater(t, w.size(), size)
}

// What a message states is kept, sealed.
func TestWhatAMessageStatesIsKept(t *testing.T) {
	q := cpis.Query{Time: "20260303141500+0000", ID: queryID, Author: ward(emergency, "Fernleigh"), NHSNumber: nhs(1)}
	text, err := statement(&q)
	require.NoError(t, err)
	require.Contains(t, text, "Fernleigh")
	require.NotContains(t, text, nhs(1))
	require.True(t, json.Valid([]byte(text)))
}
