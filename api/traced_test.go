package api

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/api/demographics"
	"custos/ledger"
)

// countedRegister counts how often it is asked, and may be down.
type countedRegister struct {
	demographics.Register
	asked int
	down  error
}

func (c *countedRegister) Trace(ctx context.Context, q demographics.TraceQuery) (demographics.Person, bool, error) {
	if c.asked++; c.down != nil {
		return demographics.Person{}, false, c.down
	}
	return c.Register.Trace(ctx, q)
}

// Exactly one match of the register is looked up like a number; none or several
// is not traced, which is recorded, and answered with whom to ring.
func TestLookupsByTrace(t *testing.T) {
	w := newWorld(t)
	rows := []planRow{ann(nil), ann(func(p *planRow) { p.NHSNumber, p.FamilyName = "", "Nonumberson" })}
	w.keep(rows...)
	require.Equal(t, 200, w.upload(uploader, 1, rows...).status)
	of := func(family, given, birth, postcode string) object {
		w.secret(family, given, birth, postcode)
		o := object{"familyName": family, "givenNames": given, "dateOfBirth": birth}
		if postcode != "" {
			o["postcode"] = postcode
		}
		return o
	}
	register := &countedRegister{Register: w.register(
		nhs(1)+",Featherstonehaugh,Annunziata,2015-05-04,,,",
		nhs(2)+",Twinleigh,Bea,2016-01-02,,,", nhs(3)+",Twinleigh,Bea,2016-01-02,,,",
		nhs(4)+",Planless,Peter,2014-01-01,,,",
		nhs(5)+",Hiddenley,Rose,2014-01-01,R,,",
	)}
	w.secret(nhs(4))
	ask := func(who caller, trace object, more ...header) *reply {
		return w.lookup(who, object{"trace": trace}, more...)
	}
	known := of("Featherstonehaugh", "Annunziata", "2015-05-04", "")

	ask(doctor, known).problem("register-unavailable") // there is none
	w.server.cfg.Register = register
	register.down = &demographics.Down{Cause: demographics.CauseTimeout}
	size := w.size()
	r := ask(doctor, known)
	r.problem("register-unavailable")
	require.Equal(t, 503, r.status)
	require.Contains(t, string(r.body), "Nothing was recorded")
	register.down = errors.New("a caller's own context")
	ask(doctor, known).problem("register-unavailable")
	register.down = nil
	require.Equal(t, size, w.size(), "a register that is down is not recorded as a failure")

	out, e := ask(doctor, known).recorded(200)
	require.Equal(t, []any{"found", nhs(1)}, []any{out["outcome"], out["nhsNumber"]})
	require.Equal(t, "Featherstonehaugh", out["person"].(object)["familyName"])
	require.Len(t, out["accessHistory"], 1)
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref)
	require.True(t, w.entry(e.Seq-ledger.Seq(e.Nth)).Request.(*ledger.LookUp).Traced)

	out, _ = ask(doctor, of("Planless", "Peter", "2014-01-01", "")).recorded(200)
	require.Equal(t, []any{"not-found", nhs(4)}, []any{out["outcome"], out["nhsNumber"]})
	require.NotEmpty(t, out["caution"])

	for name, trace := range map[string]object{"several": of("Twinleigh", "Bea", "2016-01-02", ""), "none": of("Nobodyson", "Nell", "2016-01-02", ""),
		"another postcode": of("Featherstonehaugh", "Annunziata", "2015-05-04", "ZZ1 1ZZ"), "restricted, by postcode": of("Hiddenley", "Rose", "2014-01-01", "ZZ1 1ZZ")} {
		out, e := ask(doctor, trace).recorded(200)
		requireFields(t, out, "outcome", "caution", "coverage", "directory", "seq", "receipt")
		require.Equal(t, "not-traced", out["outcome"], name)
		require.Equal(t, ledger.KindNotTraced, e.Kind, name)
		require.Len(t, out["directory"], 2, "whom to ring")
	}
	out, e = ask(doctor, of("Nonumberson", "Annunziata", "2015-05-04", "")).recorded(200)
	require.Equal(t, "not-traced", out["outcome"])
	require.Equal(t, ledger.KindTraced, e.Kind)
	require.Equal(t, authority1, objects(out["authorities"])[0]["ods"], "a row without a number may be theirs")

	// Asked again under the same key, it is what was recorded, whatever the register says now.
	key := header{"Idempotency-Key": uuid.NewString()}
	unknown := of("Laterly", "Known", "2013-02-03", "")
	ask(doctor, unknown, key).recorded(200)
	w.server.cfg.Register = w.register(nhs(6) + ",Laterly,Known,2013-02-03,,,")
	out, _ = ask(doctor, unknown, key).recorded(200)
	require.Equal(t, "not-traced", out["outcome"])
	key = header{"Idempotency-Key": uuid.NewString()}
	out, _ = ask(doctor, unknown, key).recorded(200)
	require.Equal(t, []any{"not-found", nhs(6)}, []any{out["outcome"], out["nhsNumber"]})
	w.server.cfg.Register = register
	out, _ = ask(doctor, unknown, key).recorded(200)
	require.Equal(t, "not-found", out["outcome"])
	require.NotContains(t, out, "nhsNumber")

	// Who may not look up asks the register nothing.
	before := register.asked
	ask(nurse, known).denied("role-not-permitted")
	require.Equal(t, before, register.asked)
	entries, _ := w.trail(officer, object{"actor": doctor.subject})
	require.Contains(t, column(entries, "kind"), "not-traced")
	require.Contains(t, column(entries, "traced"), true)
}

func TestBadLookupsByTrace(t *testing.T) {
	w := newWorld(t)
	register := &countedRegister{Register: w.register(nhs(1) + ",Featherstonehaugh,Annunziata,2015-05-04,,,")}
	w.server.cfg.Register = register
	trace := func(change func(object)) object {
		o := object{"familyName": "Featherstonehaugh", "givenNames": "Annunziata", "dateOfBirth": "2015-05-04"}
		change(o)
		return o
	}
	same := trace(func(object) {})
	long := string(make([]byte, 101))
	for name, c := range map[string]struct {
		body          object
		code, pointer string
	}{
		"neither":         {object{}, "json-missing-field", "/nhsNumber"},
		"both":            {object{"nhsNumber": nhs(1), "trace": same}, "field-value", "/trace"},
		"two birth dates": {object{"dateOfBirth": "2015-05-04", "trace": same}, "field-value", "/trace"},
		"no surname":      {object{"trace": trace(func(o object) { delete(o, "familyName") })}, "json-missing-field", "/trace/familyName"},
		"empty names":     {object{"trace": trace(func(o object) { o["givenNames"] = "" })}, "field-value", "/trace/familyName"},
		"long names":      {object{"trace": trace(func(o object) { o["familyName"] = long })}, "field-value", "/trace/familyName"},
		"a date in words": {object{"trace": trace(func(o object) { o["dateOfBirth"] = "4 May 2015" })}, "date-format", "/trace/dateOfBirth"},
		"a long postcode": {object{"trace": trace(func(o object) { o["postcode"] = "AB12 3CD, England" })}, "field-value", "/trace/postcode"},
		"unknown field":   {object{"trace": trace(func(o object) { o["sex"] = "f" })}, "json-unknown-field", "/trace"},
		"a bad rest":      {object{"trace": same, "attendedAt": "now"}, "date-format", "/attendedAt"},
	} {
		size := w.size()
		p := w.lookup(doctor, c.body).problem(c.code)
		require.Equal(t, c.pointer, p.Pointer, name)
		require.Equal(t, size, w.size(), name)
	}
	// A system names somebody here, too, found or not.
	h := w.machineToken()
	h["Content-Type"] = "application/json"
	for _, family := range []string{"Featherstonehaugh", "Nobodyson"} {
		body := object{"trace": trace(func(o object) { o["familyName"] = family })}
		w.call(nobody, "POST", "/v1/lookups", body, h).denied("responsible-person-missing")
		body["responsible"] = object{"name": "Sister Winterbourne"}
		w.call(nobody, "POST", "/v1/lookups", body, h).recorded(200)
	}
	w.call(nobody, "POST", "/v1/traces", same, h).denied("responsible-person-missing")
	same["responsible"] = object{"name": "Sister Winterbourne"}
	w.call(nobody, "POST", "/v1/traces", same, h).recorded(200)
	// Before rules version 3 nobody is traced.
	old := worldUnder(t, 2)
	old.server.cfg.Register = register
	old.lookup(doctor, object{"trace": trace(func(object) {})}).problem("rules-not-raised")
}
