package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// odsLine is a line of an ODS file, which has 27 columns and no header.
func odsLine(code, name, closed, parent string) string {
	cells := make([]string, 27)
	cells[odsCode], cells[odsName], cells[odsClosed], cells[odsParent] = code, name, closed, parent
	return `"` + strings.Join(cells, `","`) + `"` + "\r\n"
}

// The registers of schools and organisations, in the shapes that are published.
func TestRegisters(t *testing.T) {
	w := newWorld(t)
	w.call(operator, "PUT", "/v1/organisations/"+area, object{"name": "Area", "sort": "area", "parent": authority2}).recorded(200)
	const head = "URN,\"LA (code)\",LA (name),EstablishmentName,EstablishmentStatus (name),CloseDate,\"GSSLACode (name)\",Postcode\r\n"
	gias := head + "100001,202,Camden,\"St Mary\x92s, Kilburn\",Open,,E09000001,NW6 4PG\r\n" + // Windows's apostrophe
		"100002,301,Barking,Ripple Primary,Closed,31-08-2025,,IG11\r\n" + "100003,999,Nowhere,Lost School,Open,,,\r\n" + "12345,301,x,Short,Open,,,\r\n" +
		"100004,301,x,Odd Date,Open,2025-08-31,,\r\n" + "100005,301,x,,Open,,,\r\n" + "100006,301,x,Cut\r\n" + "100007,301,x,\"Quo\"te,Open,,,\r\n"
	send := func(path, body string, more ...header) object {
		r := w.call(operator, "POST", path, body, append(more, asCSV)...)
		return r.ok(200)
	}
	before := w.size()
	out := send("/v1/schools", gias)
	requireFields(t, out, "rows", "recorded", "unchanged", "withoutAuthority", "rejected", "seq", "receipt")
	number := func(n int) json.Number { return json.Number(fmt.Sprint(n)) }
	require.Equal(t, []any{number(8), number(3), number(0), number(1)}, []any{out["rows"], out["recorded"], out["unchanged"], out["withoutAuthority"]})
	require.Equal(t, []any{"urn-format", "close-date-format", "name-format", "csv-row-columns", "csv-row-quote"}, column(objects(out["rejected"]), "code"))
	for _, o := range objects(out["rejected"]) {
		require.NotEmpty(t, o["message"])
	}
	require.Equal(t, map[ledger.Kind]int{ledger.KindSchoolRecorded: 3}, w.kinds(before))
	o, _, err := w.node.View().Organisation("100001")
	require.NoError(t, err)
	require.Equal(t, ledger.Organisation{Code: "100001", Name: "St Mary\u2019s, Kilburn", Sort: ledger.SortSchool, Parent: authority2}, o, "its area lies in that authority")
	o, _, _ = w.node.View().Organisation("100002")
	require.Equal(t, []any{authority1, day(t, "2025-08-31")}, []any{o.Parent, o.Closed})

	// The same file again records nothing; a changed name is recorded alone.
	before = w.size()
	out = send("/v1/schools", gias)
	require.Equal(t, []any{number(0), number(3)}, []any{out["recorded"], out["unchanged"]})
	require.Equal(t, before, w.size())
	key := header{"Idempotency-Key": uuid.NewString()}
	for range 2 {
		send("/v1/schools", head+"100003,301,x,Found School,Open,,,\n", key)
	}
	require.Equal(t, map[ledger.Kind]int{ledger.KindSchoolRecorded: 1}, w.kinds(before))

	// Organisations: what care there counts as stays as it was said here.
	w.call(operator, "PUT", "/v1/organisations/G81002", object{"name": "Surgery", "sort": "practice", "setting": "scheduled", "parent": authority1}).recorded(200)
	out = send("/v1/organisations?sort=practice", odsLine("G81002", "NEW  SURGERY", "", "QMF")+odsLine("G81003", "OTHER SURGERY", "20260131", "QMF")+
		odsLine(authority1, "AN AUTHORITY", "", "")+odsLine(nhs(1), "A PERSON", "", "")+"G81004,SHORT\n")
	require.Equal(t, []any{"other-sort", "code-format", "csv-row-columns"}, column(objects(out["rejected"]), "code"))
	o, _, _ = w.node.View().Organisation("G81002")
	require.Equal(t, ledger.Organisation{Code: "G81002", Name: "NEW SURGERY", Sort: ledger.SortPractice, Setting: ledger.SettingScheduled, Parent: authority1}, o)
	o, _, _ = w.node.View().Organisation("G81003")
	require.Equal(t, ledger.Organisation{Code: "G81003", Name: "OTHER SURGERY", Sort: ledger.SortPractice, Parent: "QMF", Closed: day(t, "2026-01-31")}, o)

	size := w.size()
	for _, c := range []struct{ path, body, code string }{
		{"/v1/schools", "", "body-empty"}, {"/v1/schools", head, "body-empty"}, {"/v1/schools", "urn,name\n1,x\n", "csv-header-missing-column"}, {"/v1/schools", "URN\n100001\n", "csv-header-missing-column"},
		{"/v1/schools?x=1", gias, "query-parameter"}, {"/v1/organisations", odsLine("A", "B", "", ""), "query-parameter"}, {"/v1/organisations?sort=school", odsLine("A", "B", "", ""), "query-parameter"},
		{"/v1/schools", head + "100008,301,x,\"" + strings.Repeat("x", csvMaxRow), "csv-row-too-long"},
	} {
		w.call(operator, "POST", c.path, c.body, asCSV).problem(c.code)
	}
	require.Equal(t, size, w.size())
	w.call(uploader, "POST", "/v1/schools", gias, asCSV).denied("role-not-permitted")

	// A place that closed takes nobody in.
	w.plans(uploader, 1, ann(nil))
	r := w.enrol(childHealth, nhs(1)+",100002,,,2025-09-01,", nhs(1)+",100002,,,2025-08-01,")
	out, _ = r.recorded(200)
	require.Equal(t, "place-closed", objects(out["results"])[0]["code"])
	require.Equal(t, "recorded", objects(out["results"])[1]["status"])
}
