package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// many makes n rows, each of another child.
func many(n int) []planRow {
	out := make([]planRow, n)
	number := nhs(100)
	for i := range out {
		if i > 0 {
			number = after(number)
		}
		out[i] = ann(func(p *planRow) {
			p.NHSNumber, p.FamilyName, p.LocalID = number, fmt.Sprintf("Familyname%04d", i), fmt.Sprintf("LOCAL-%04d", i)
		})
	}
	return out
}

// after is the next valid number.
func after(number string) string {
	for n := 0; ; n++ {
		var i int
		_, _ = fmt.Sscanf(number[3:9], "%06d", &i)
		for c := range 10 {
			if _, err := ParseNHSNumber(fmt.Sprintf("999%06d%d", i+1+n, c)); err == nil {
				return fmt.Sprintf("999%06d%d", i+1+n, c)
			}
		}
	}
}

func (w *world) uploadJSON(who caller, query, body string, more ...header) *reply {
	w.t.Helper()
	return w.call(who, http.MethodPost, "/v1/uploads"+query, body, more...)
}

// asJSON is rows as a JSON file; team and worker are left out as CSV may.
func asJSON(rows ...planRow) string {
	var out []object
	for _, r := range rows {
		o := object{}
		for name, v := range map[string]string{"nhsNumber": r.NHSNumber, "familyName": r.FamilyName, "givenNames": r.GivenNames, "dateOfBirth": r.DateOfBirth,
			"planType": r.PlanType, "start": r.Start, "end": r.End, "delete": r.Delete, "localId": r.LocalID} {
			if v != "" {
				o[name] = v
			}
		}
		out = append(out, o)
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestUploadRows(t *testing.T) {
	w := newWorld(t)
	wrong := nhs(7)[:9] + string('0'+(nhs(7)[9]-'0'+1)%10)
	w.plans(uploader, 1, ann(func(p *planRow) { p.NHSNumber, p.LocalID = nhs(20), "L20" }), ann(func(p *planRow) { p.NHSNumber, p.LocalID = nhs(21), "L21" }),
		ann(func(p *planRow) { p.NHSNumber, p.LocalID = nhs(22), "L22" }),
		ann(func(p *planRow) { p.NHSNumber, p.LocalID, p.End = nhs(28), "L28", "2026-01-01" }))
	rows := []struct {
		change       func(*planRow)
		status, code string
	}{
		{nil, "recorded", ""},
		{func(p *planRow) { p.NHSNumber = nhs(20); p.LocalID = "L20" }, "unchanged", ""},
		{func(p *planRow) { p.NHSNumber = nhs(21); p.LocalID = "L21"; p.End = "2026-01-01" }, "ended", ""},
		{func(p *planRow) { p.NHSNumber = nhs(28); p.LocalID = "L28"; p.End = "2026-01-02" }, "corrected", ""},
		{func(p *planRow) { p.NHSNumber = nhs(21); p.LocalID = "L21"; p.End = "2026-01-03" }, "rejected", "twice-in-file"},
		{func(p *planRow) { p.NHSNumber = nhs(29); p.Delete = "2026-03-04" }, "rejected", "delete-in-future"},
		{func(p *planRow) { p.NHSNumber = nhs(29); p.End = "2025-03-02" }, "rejected", "ended-365-days"},
		{func(p *planRow) { p.NHSNumber = nhs(22); p.LocalID = "L22"; p.Delete = "2026-03-01" }, "deleted", ""},
		{func(p *planRow) { p.NHSNumber = nhs(23); p.Delete = "2026-03-01" }, "rejected", "delete-unknown"},
		{func(p *planRow) { p.NHSNumber = wrong }, "rejected", "nhs-number-check-digit"},
		{func(p *planRow) { p.NHSNumber = "999" }, "rejected", "nhs-number-format"},
		{func(p *planRow) { p.NHSNumber = "" }, "unmatched", "nhs-number-missing"},
		{func(p *planRow) { p.FamilyName = "" }, "rejected", "name-missing"},
		{func(p *planRow) { p.GivenNames = strings.Repeat("x", 101) }, "rejected", "name-missing"},
		{func(p *planRow) { p.LocalID = strings.Repeat("9", 65) }, "rejected", "field-too-long"},
		{func(p *planRow) { p.DateOfBirth = "04/05/2015" }, "rejected", "date-of-birth-format"},
		{func(p *planRow) { p.DateOfBirth = "2015-02-29" }, "rejected", "date-of-birth-format"},
		{func(p *planRow) { p.PlanType = "CP" }, "rejected", "plan-type"},
		{func(p *planRow) { p.Start = "2025-13-01" }, "rejected", "start-format"},
		{func(p *planRow) { p.End = "2025-1-1" }, "rejected", "end-format"},
		{func(p *planRow) { p.Delete = "yes please" }, "rejected", "delete-format"},
		{func(p *planRow) { p.End = "2025-01-09" }, "rejected", "end-before-start"},
		{func(p *planRow) { p.Start = "2015-05-03" }, "rejected", "start-before-birth"},
		{func(p *planRow) { p.NHSNumber = nhs(24); p.Start = "2026-03-04" }, "rejected", "start-in-future"},
		{func(p *planRow) { p.NHSNumber = nhs(25); p.DateOfBirth, p.Start = "2000-01-01", "2010-01-01" }, "rejected", "over-18"},
		{func(p *planRow) { p.NHSNumber = nhs(26); p.PlanType = "UCPP"; p.DateOfBirth = "1990-01-01" }, "rejected", "unborn-needs-end"},
		{func(p *planRow) { p.NHSNumber = nhs(27); p.LocalID = "=1+1" }, "recorded", ""},
	}
	var all []planRow
	for _, r := range rows {
		all = append(all, ann(r.change))
	}
	w.keep(all...)
	check := func(t *testing.T, at int, status, code, message, local string) {
		require.Equal(t, []string{rows[at].status, rows[at].code}, []string{status, code}, "row %d", at+1)
		require.Equal(t, rowMessages[code], message)
		require.Equal(t, code != "", message != "")
	}

	before := w.size()
	r := w.upload(uploader, 2, all...)
	require.Equal(t, 200, r.status, "%s", r.body)
	require.Equal(t, "text/csv; charset=utf-8", r.header.Get("Content-Type"))
	lines := csvLines(t, r.body)
	require.Equal(t, []string{"row", "status", "code", "message", "local_id"}, lines[0])
	require.Len(t, lines, len(rows)+1)
	for i, l := range lines[1:] {
		require.Equal(t, fmt.Sprint(i+1), l[0])
		check(t, i, l[1], l[2], l[3], l[4])
		require.Equal(t, inert(all[i].LocalID), l[4])
	}
	require.Equal(t, "'=1+1", lines[len(lines)-1][4], "a cell must not be a formula")
	e := w.entry(r.seq())
	require.Equal(t, ledger.KindUploadClosed, e.Kind)
	require.Equal(t, len(rows), e.Event.(*ledger.UploadClosed).Accepted+e.Event.(*ledger.UploadClosed).Rejected)
	require.Equal(t, 20, w.kinds(before)[ledger.KindPlanRejected])

	// The same, as JSON, by another authority: nothing of the first is known there.
	out, e := w.uploadJSON(uploader2, "?sequence=5", asJSON(all...)).recorded(200)
	requireFields(t, out, "uploadId", "sequence", "accepted", "rejected", "results", "matchedPercent", "seq", "receipt")
	require.Equal(t, ledger.KindUploadClosed, e.Kind)
	require.EqualValues(t, "5", out["sequence"])
	require.EqualValues(t, "21", out["rejected"], "there is nothing to delete here")
	for i, l := range list(out["results"]) {
		requireFields(t, l, "row", "status", "code", "message", "localId")
		require.EqualValues(t, fmt.Sprint(i+1), l.(object)["row"])
		require.Equal(t, all[i].LocalID, l.(object)["localId"])
	}
}

func TestUploadRepeats(t *testing.T) {
	w := newWorld(t)
	rows := many(150)
	rows[3].NHSNumber = "999"
	rows[4].Start = "2027-01-01"
	w.keep(rows...)
	first := w.upload(uploader, 7, rows...)
	require.Equal(t, 200, first.status)
	before := w.size()
	// The same file again, also by a colleague and with another key, is the same acknowledgement.
	for _, who := range []caller{uploader, colleague} {
		again := w.upload(who, 7, rows...)
		require.Equal(t, 200, again.status, "%s", again.body)
		require.Equal(t, string(first.body), string(again.body))
		require.Equal(t, first.seq(), again.seq())
	}
	for k := range w.kinds(before) {
		require.Contains(t, []ledger.Kind{ledger.KindUploadResumed, ledger.KindActorProfiled}, k, "a repeat loads nothing")
	}
	// And once more by its id.
	path := "/v1/uploads/" + first.header.Get("Custos-Upload")
	got := w.call(uploader, "GET", path, nil, header{"Accept": "text/csv"})
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, string(first.body), string(got.body))
	require.Equal(t, ledger.KindAckRead, w.entry(got.seq()).Kind)
	for _, who := range []caller{uploader, colleague, manager} {
		r := w.call(who, "GET", path, nil)
		out := r.ok(200)
		require.Equal(t, ledger.KindAckRead, w.entry(r.seq()).Kind, "showing it again is recorded")
		requireFields(t, out, "uploadId", "sequence", "accepted", "rejected", "results", "seq", "receipt")
		require.Equal(t, json.Number(first.header.Get("Custos-Seq")), out["seq"])
		w.proves(out["receipt"].(string), first.seq())
		for i, l := range list(out["results"]) {
			require.Equal(t, rows[i].LocalID, l.(object)["localId"], "row %d", i+1)
		}
	}
	w.call(uploader2, "GET", path, nil).denied("other-authority")
	size := w.size()
	for _, id := range []string{strings.Repeat("0", 32), "x", "7", first.header.Get("Custos-Upload")[:31]} {
		require.Equal(t, 404, w.call(uploader, "GET", "/v1/uploads/"+id, nil).status)
	}
	require.Equal(t, size, w.size())

	// Other content with the number, and a lower number, are refused, and that is recorded.
	w.uploadJSON(uploader2, "?sequence=40", asJSON(ann(nil))).recorded(200)
	for n, code := range map[int]string{7: "sequence-content", 6: "sequence-lower"} {
		before := w.size()
		r := w.upload(uploader, n, ann(nil))
		p := r.problem(code)
		require.Equal(t, 409, r.status)
		require.Equal(t, "Your authority's next file is number 8.", p.Detail, "its own, whatever another has sent")
		require.Equal(t, ledger.KindUploadRefused, w.entry(ledger.Seq(*p.Seq)).Kind)
		w.proves(p.Receipt, ledger.Seq(*p.Seq))
		require.Equal(t, map[ledger.Kind]int{ledger.KindUploadRefused: 1}, w.kinds(before))
	}
	// A gap is noticed and taken.
	w.plans(uploader, 11, ann(nil))

	// The key is the request's: other content under it is refused.
	key := header{"Idempotency-Key": uuid.NewString()}
	w.uploadJSON(uploader, "?sequence=12", asJSON(rows[0]), key).recorded(200)
	w.uploadJSON(uploader, "?sequence=12", asJSON(rows[0]), key).recorded(200)
	require.Equal(t, 422, w.uploadJSON(uploader, "?sequence=13", asJSON(rows[1]), key).status)
	require.Equal(t, 409, w.uploadJSON(colleague, "?sequence=12", asJSON(rows[0]), key).status)
}

// A file that stops in the middle goes on where it stopped: each row once.
func TestUploadGoesOnAfterACrash(t *testing.T) {
	w := newWorld(t)
	rows := many(3*uploadChunk + 5)
	w.keep(rows...)
	for _, c := range []struct {
		name string
		fail proposeHook
	}{
		{"answer lost", func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
			out, err := next(ctx, c)
			if q, ok := c.Request.(*ledger.UploadChunk); ok && q.No == 1 {
				return consensus.Outcome{}, consensus.ErrUnknown
			}
			return out, err
		}},
		{"not proposed", func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
			if q, ok := c.Request.(*ledger.UploadChunk); ok && q.No == 2 {
				return consensus.Outcome{}, consensus.ErrNoLeader
			}
			return next(ctx, c)
		}},
		{"close lost", func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
			out, err := next(ctx, c)
			if _, ok := c.Request.(*ledger.CloseUpload); ok {
				return consensus.Outcome{}, consensus.ErrUnknown
			}
			return out, err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.hooked(c.fail, func() { require.Equal(t, 503, w.upload(uploader, 1, rows...).status) })
		})
	}
	// The client gives up in the middle, with its connection.
	ctx, cancel := context.WithCancel(t.Context())
	w.hooked(func(_ context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		if q, ok := c.Request.(*ledger.UploadChunk); ok && q.No == 2 {
			cancel()
			return consensus.Outcome{}, context.Canceled
		}
		return next(ctx, c)
	}, func() {
		r, err := http.NewRequestWithContext(ctx, "POST", w.http.URL+"/v1/uploads?sequence=1", strings.NewReader(toCSV(rows...)))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+w.token(uploader))
		r.Header.Set("Content-Type", "text/csv")
		res, err := w.client.Do(r)
		if err == nil {
			_ = res.Body.Close()
			require.Equal(t, 503, res.StatusCode)
		} else {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
	last := w.upload(colleague, 1, rows...)
	require.Equal(t, 200, last.status, "%s", last.body)
	require.Equal(t, len(rows), strings.Count(string(last.body), ",recorded,"))
	seen := map[string]int{}
	for _, e := range w.since(0) {
		if p, ok := e.Event.(*ledger.PlanRecorded); ok {
			seen[e.Person.Ref.String()]++
			require.Equal(t, len(seen), p.Row.N, "rows are numbered as they stand in the file")
		}
	}
	require.Len(t, seen, len(rows))
	for p, n := range seen {
		require.Equal(t, 1, n, p)
	}
	require.Equal(t, 1, w.kinds(0)[ledger.KindUploadOpened])
	require.Equal(t, 1, w.kinds(0)[ledger.KindUploadClosed])
	require.Equal(t, string(last.body), string(w.upload(uploader, 1, rows...).body))
}

func TestDryRun(t *testing.T) {
	w := newWorld(t)
	rows := many(2*uploadChunk + 1)
	rows[2].NHSNumber = "999"
	w.keep(rows...)
	w.plans(uploader, 1, rows[0])
	before := w.size()
	out, e := w.uploadJSON(uploader, "?dry-run=true", asJSON(rows...)).recorded(200)
	requireFields(t, out, "dryRun", "accepted", "rejected", "results", "seq", "receipt")
	require.Equal(t, ledger.KindRowsChecked, e.Kind)
	require.Len(t, out["results"], len(rows))
	status := func(i int) any { return list(out["results"])[i].(object)["status"] }
	require.Equal(t, "unchanged", status(0))
	require.Equal(t, "recorded", status(1))
	require.Equal(t, "rejected", status(2))
	require.Equal(t, map[ledger.Kind]int{ledger.KindRowsChecked: 5}, w.kinds(before), "a dry run changes no plan")
	none, _ := w.lookup(doctor, object{"nhsNumber": rows[1].NHSNumber}).recorded(200)
	require.Equal(t, "not-found", none["outcome"])

	r := w.call(uploader, "POST", "/v1/uploads?dry-run=true&sequence=9", toCSV(rows...), asCSV)
	require.Equal(t, 200, r.status)
	require.Len(t, csvLines(t, r.body), len(rows)+1)
	w.plans(uploader, 2, rows[1]) // the number was not used up
}

func TestCSVForms(t *testing.T) {
	w := newWorld(t)
	rows := many(4)
	w.keep(rows...)
	plain := toCSV(rows...)
	lines := strings.Split(strings.TrimSpace(plain), "\n")
	var without []string // team and worker are optional, order is free
	for _, l := range lines {
		f := strings.Split(l, ",")
		without = append(without, strings.Join([]string{f[8], f[7], f[6], f[5], f[4], f[3], f[2], f[1], f[0]}, ","))
	}
	for i, c := range []struct {
		name, file string
		want       string
	}{
		{"plain", plain, "recorded"},
		{"BOM", "\ufeff" + plain, "unchanged"},
		{"CRLF", strings.ReplaceAll(plain, "\n", "\r\n"), "unchanged"},
		{"BOM and CRLF, no last line end", "\ufeff" + strings.TrimSuffix(strings.ReplaceAll(plain, "\n", "\r\n"), "\r\n"), "unchanged"},
		{"blank lines", strings.ReplaceAll(plain, "\n", "\n\n"), "unchanged"},
		{"columns in another order", strings.Join(without, "\n"), "unchanged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.call(uploader, "POST", fmt.Sprintf("/v1/uploads?sequence=%d", i+1), c.file, asCSV)
			require.Equal(t, 200, r.status, "%s", r.body)
			require.Equal(t, len(rows), strings.Count(string(r.body), ","+c.want+","), "%s", r.body)
		})
	}
	// A row that cannot be read costs that row alone.
	bad := lines[0] + "\n" + lines[1] + "\nshort,row\n" + lines[2] + "\n" + strings.Replace(lines[3], "Annunziata", `Annun"ziata`, 1) + "\n"
	r := w.call(uploader, "POST", "/v1/uploads?sequence=20", bad, asCSV)
	require.Equal(t, 200, r.status)
	var codes []string
	for _, l := range csvLines(t, r.body)[1:] {
		codes = append(codes, l[1]+l[2])
	}
	require.Equal(t, []string{"unchanged", "rejectedcsv-row-columns", "unchanged", "rejectedcsv-row-quote"}, codes)
}

// What is wrong with a file as a whole changes nothing, wherever in it it is.
func TestBadFiles(t *testing.T) {
	w := newWorld(t)
	rows := many(200)
	w.keep(rows...)
	w.call(uploader, "GET", "/v1/directory", nil)
	file, good := toCSV(rows...), asJSON(rows...)
	head, rest, _ := strings.Cut(file, "\n")
	size := w.size()
	for _, c := range []struct{ name, body, code string }{
		{"empty", "", "body-empty"},
		{"no header", rest, "csv-header-absent"},
		{"missing column", strings.Replace(file, ",local_id", "", 1), "csv-header-missing-column"},
		{"unknown column", strings.Replace(file, "worker", "wörker Featherstonehaugh", 1), "csv-header-unknown-column"},
		{"doubled column", strings.Replace(file, "team,worker", "team,team", 1), "csv-header-duplicate-column"},
		{"UTF-16", "\xff\xfe" + file, "csv-encoding"},
		{"quotation mark never closed, late", head + "\n" + strings.TrimSuffix(rest, "\n") + "\n\"" + strings.Repeat(rest, 2), "csv-row-too-long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.call(uploader, "POST", "/v1/uploads?sequence=1", c.body, asCSV)
			require.Equal(t, 400, r.status)
			r.problem(c.code)
			require.Equal(t, size, w.size(), "nothing is recorded")
		})
	}
	for _, c := range []struct{ name, body, code string }{
		{"empty", "", "body-empty"},
		{"not JSON", "nonsense", "json-type"},
		{"a string", `"` + nhs(1) + `"`, "json-type"},
		{"other field", `{"Featherstonehaugh":[]}`, "json-unknown-field"},
		{"second field", `{"rows":[],"more":1}`, "json-syntax"},
		{"rows are numbers", `[1]`, "json-type"},
		{"unknown field, late", strings.TrimSuffix(good, "]") + `,{"nhsNumber":"` + nhs(1) + `","nhs":1}]`, "json-unknown-field"},
		{"doubled field, late", strings.TrimSuffix(good, "]") + `,{"nhsNumber":"` + nhs(1) + `","nhsNumber":"1"}]`, "json-duplicate-field"},
		{"wrong type, late", strings.TrimSuffix(good, "]") + `,{"nhsNumber":` + nhs(1) + `}]`, "json-type"},
		{"cut off, late", strings.TrimSuffix(good, `"}]`), "json-syntax"},
		{"no end", strings.TrimSuffix(good, `]`), "json-syntax"},
		{"something after", good + good, "json-syntax"},
		{"no comma", strings.Replace(good, "},{", "}{", 1), "json-syntax"},
		{"long row, late", strings.TrimSuffix(good, "]") + `,{"nhsNumber":"` + strings.Repeat("9", jsonRowMax) + `"}]`, "json-type"},
		{"BOM", "\ufeff" + good, "json-type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.uploadJSON(uploader, "?sequence=1", c.body)
			require.Equal(t, 400, r.status, "%s", r.body)
			r.problem(c.code)
			require.Equal(t, size, w.size(), "nothing is recorded")
		})
	}
	for _, query := range []string{"", "?sequence=0", "?sequence=-1", "?sequence=01", "?sequence=1&sequence=2", "?sequence=1.5", "?sequence=x",
		"?sequence=99999999999999999999", "?seq=1", "?dry-run=1", "?dry-run=true&x=1", "?sequence="} {
		r := w.uploadJSON(uploader, query, good)
		require.Equal(t, 400, r.status, query)
		r.problem("query-parameter")
	}
	require.Equal(t, 415, w.uploadJSON(uploader, "?sequence=1", "%PDF", header{"Content-Type": "application/pdf"}).status)
	require.Equal(t, size, w.size())
	w.uploadJSON(uploader, "?sequence=1", good).recorded(200) // the number is still free
	w.uploadJSON(uploader, "?sequence=2", `{"rows":`+good+"} \n").recorded(200)
	r := w.uploadJSON(uploader, "?sequence=3", " [ ] ") // a file of no rows is a mistake: it must not use up its number
	require.Equal(t, 400, r.status)
	r.problem("body-empty")
	w.uploadJSON(uploader, "?sequence=3", good).recorded(200)
}

func TestUploadFromWhatIsNoAuthority(t *testing.T) {
	w := newWorld(t)
	w.upload(caller{"uploader", "u9", community, "Upton Wrong", ""}, 1, ann(nil)).denied("organisation-unknown")
	w.upload(caller{"uploader", "u9", "999", "Upton Wrong", ""}, 1, ann(nil)).denied("organisation-unknown")
	// A plan belongs to its authority: another's row with the same person is another plan.
	w.plans(uploader, 1, ann(nil))
	r := w.upload(uploader2, 1, ann(func(p *planRow) { p.Delete = "2026-01-01" }))
	require.Contains(t, string(r.body), "delete-unknown")
	out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Equal(t, "found", out["outcome"])
}

// A lookup does not wait for a whole file: chunks are small.
func TestLookupsWhileUploading(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	rows := many(10 * uploadChunk)
	w.keep(rows...)
	var during atomic.Int32
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		out, err := next(ctx, c)
		if q, ok := c.Request.(*ledger.UploadChunk); ok && q.No == 5 {
			require.True(w.t, c.Bulk, "files wait behind lookups")
			w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
			found, _ := w.lookup(doctor, object{"nhsNumber": rows[0].NHSNumber}).recorded(200)
			require.Equal(w.t, "found", found["outcome"], "rows take effect chunk by chunk")
			during.Add(1)
		}
		return out, err
	}, func() { require.Equal(t, 200, w.upload(uploader, 2, rows...).status) })
	require.EqualValues(t, 1, during.Load())
}

// The same file twice at once is loaded once.
func TestSameFileAtOnce(t *testing.T) {
	w := newWorld(t)
	rows := many(4*uploadChunk + 1)
	w.keep(rows...)
	bodies := make([]string, 3)
	var all sync.WaitGroup
	for i, who := range []caller{uploader, colleague, uploader} {
		all.Go(func() {
			r := w.upload(who, 1, rows...)
			if r.status != 200 {
				t.Errorf("%d %s", r.status, r.body)
			}
			bodies[i] = string(r.body)
		})
	}
	all.Wait()
	require.Equal(t, bodies[0], bodies[1])
	require.Equal(t, bodies[0], bodies[2])
	kinds := w.kinds(0)
	require.Equal(t, []int{len(rows), 1, 1}, []int{kinds[ledger.KindPlanRecorded], kinds[ledger.KindUploadOpened], kinds[ledger.KindUploadClosed]})
}

// A file over the limit is refused by its length alone, or when it is too long.
func TestFileOverTheLimit(t *testing.T) {
	w := newWorld(t)
	size := w.size()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.http.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprintf(c, "POST /v1/uploads?sequence=1 HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer %s\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n", w.token(uploader), uploadBody+1)
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 413, res.StatusCode)
	require.Equal(t, size, w.size())
}

func TestReceiptThatIsNotYetThere(t *testing.T) {
	w := newWorld(t)
	first := w.upload(uploader, 1, ann(nil))
	slow := &laterReceipt{Node: w.node}
	slow.missing.Store(3)
	w.seam.Node = slow
	require.Equal(t, string(first.body), string(w.upload(uploader, 1, ann(nil)).body))
	slow.missing.Store(1)
	require.Equal(t, 200, w.call(auditor, "GET", "/v1/receipts/0", nil).status)
	slow.missing.Store(1 << 30)
	start := time.Now()
	w.call(auditor, "GET", "/v1/receipts/0", nil).problem("unavailable")
	require.Less(t, time.Since(start), 5*time.Second)
	slow.err = errors.New("disk")
	w.call(auditor, "GET", "/v1/receipts/0", nil).problem("internal")
}

// laterReceipt is a follower that has not yet heard of the newest checkpoint.
type laterReceipt struct {
	Node
	missing atomic.Int32
	err     error
}

func (l *laterReceipt) Receipt(n ledger.Seq) (ledger.Receipt, error) {
	if l.err != nil {
		return ledger.Receipt{}, l.err
	}
	if l.missing.Add(-1) >= 0 {
		return ledger.Receipt{}, consensus.ErrNoLeader
	}
	return l.Node.Receipt(n)
}
