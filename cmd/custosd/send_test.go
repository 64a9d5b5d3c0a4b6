package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/tools"
)

// office is an authority's data officer: a real node with its made-up
// authorities, a folder of files, and custos-tools.
type office struct {
	t     *testing.T
	dir   string
	url   string
	token string // file
	now   time.Time

	authority string // its code
	known     string // the number of somebody whom the register knows
	school    string // where the school nurse is assigned
	data      string // the node's folder, to be read once it is stopped
	stop      func()
	ref       string // the same person's reference
	verifier  string // the log's verifier key
}

func newOffice(t *testing.T, change ...func(*Config)) *office {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d := &demo{dir: filepath.Join(t.TempDir(), "demo"), shown: "demo", listen: "127.0.0.1:0", out: io.Discard, clock: &demoClock{}}
	require.NoError(t, d.create(ctx, 1))
	d.clock.real()
	for _, c := range change {
		c(d.configs[0])
	}
	nodes, err := d.start()
	require.NoError(t, err)
	stop := sync.OnceFunc(func() { require.NoError(t, closeAll(nodes)) })
	t.Cleanup(stop)
	require.NoError(t, d.waitReady(ctx))
	o := &office{data: d.configs[0].Data, stop: stop, t: t, dir: t.TempDir(), url: d.configs[0].PublicURL, now: time.Now(), authority: d.state.Known["LA_ODS"], known: d.state.Known["NHS_CPP"], school: d.state.Known["SCHOOL_URN"]}
	tokens, err := newTokenMaker(d.dir)
	require.NoError(t, err)
	for i := range d.state.People {
		token, err := tokens.issue(&d.state.People[i], time.Now())
		require.NoError(t, err)
		o.write(d.state.People[i].Env, token+"\n")
	}
	o.token = o.path("T_LA_UPLOADER")
	keys, err := d.configs[0].keyring(rand.Reader)
	require.NoError(t, err)
	o.ref, o.verifier = keys.Person(o.known).String(), d.configs[0].Verifier
	return o
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

func (o *office) write(name, text string) string {
	o.t.Helper()
	require.NoError(o.t, os.WriteFile(o.path(name), []byte(text), 0o600))
	return o.path(name)
}

func (o *office) read(name string) string {
	o.t.Helper()
	b, err := os.ReadFile(o.path(name))
	require.NoError(o.t, err)
	return string(b)
}

// cpis runs a command of the officer's; no output ever holds the token.
func (o *office) cpis(want int, command, file string, more ...string) (stdout, stderr string) {
	o.t.Helper()
	args := append([]string{"cpis", command, file, "--url", o.url, "--token-file", o.token}, more...)
	var out, errs bytes.Buffer
	code := tools.Main(args, &out, &errs)
	require.Equalf(o.t, want, code, "%s\n%s", &out, &errs)
	for _, name := range []string{"T_LA_UPLOADER", "T_CLINICIAN"} {
		require.NotContains(o.t, out.String()+errs.String(), strings.TrimSpace(o.read(name)))
	}
	return out.String(), errs.String()
}

// ago is a day so many days before today.
func (o *office) ago(days int) string { return o.now.AddDate(0, 0, -days).Format(time.DateOnly) }

const officeHead = "nhs_number,family_name,given_names,date_of_birth,plan_type,start,end,delete,local_id\n"

func (o *office) rows(rows ...string) string {
	return officeHead + strings.NewReplacer("START", o.ago(30), "LATER", o.ago(29), "ENDED", o.ago(10), "LONG", o.ago(500), "PAST", o.ago(450)).Replace(strings.Join(rows, "\n")) + "\n"
}

// export is everything that is held for the authority and in force, as its own
// system would export it.
func (o *office) export() (rows []cpis.Row) {
	o.t.Helper()
	out, _ := o.cpis(7, "compare", o.write("nothing.csv", officeHead), "-o", "json")
	var all struct {
		Rows []struct {
			State string
			There cpis.Row
		}
	}
	require.NoError(o.t, json.Unmarshal([]byte(out), &all))
	for i := range all.Rows {
		if all.Rows[i].State == "only-there" {
			rows = append(rows, all.Rows[i].There)
		}
	}
	require.Greater(o.t, len(rows), 50)
	return rows
}

func (o *office) writeRows(name string, rows []cpis.Row) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	require.NoError(o.t, w.Write(cpis.Columns))
	for i := range rows {
		require.NoError(o.t, w.Write(rows[i].Values()))
	}
	w.Flush()
	return o.write(name, b.String())
}

// An authority's data officer sends files to a real node and compares: what is
// shown, what is kept, and each exit code.
func TestTheDataOfficersCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	o := newOffice(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *office)
	}{{"same", compareSame}, {"send", sendShows}, {"refused", sendRefused}, {"repeats", sendRepeats}, {"snapshot", sendSnapshot}, {"compare", compareShows}, {"faults", sendThroughFaults}, {"json", sendJSON}, {"message 01", sendMessage}} {
		t.Run(part.name, func(t *testing.T) {
			was := o.t
			o.t = t
			defer func() { o.t = was }()
			part.run(t, o)
		})
	}
}

func sendShows(t *testing.T, o *office) {
	file := o.write("sample.csv", o.rows(
		"9997000013,Sampleton,Robin,2019-05-14,CPP,START,,,CASE-1",
		"9997000014,Wrongdigit,Kim,2020-01-01,CPP,START,,,CASE-2",
		",Numberless,Lee,2020-01-01,LAC,START,,,CASE-3"))
	dry, _ := o.cpis(3, "send", file, "--dry-run")
	require.Regexp(t, `^dry run, entry \d+
(?s:.*)
accepted 2 \(recorded 1\), of them unmatched 1; rejected 1
$`, dry)
	out, errs := o.cpis(3, "send", file, "--out", o.path("ack.csv"))
	require.Empty(t, errs)
	require.Regexp(t, `^file 14, upload [0-9a-f]{32}, entry \d+

ROW  STATUS     CODE                    MEANING  .* NHS NUMBER  FAMILY NAME  GIVEN NAMES  BORN        PLAN  START       LOCAL ID
2    rejected   nhs-number-check-digit  the NHS number's check digit is wrong  .* 9997000014  Wrongdigit   Kim          2020-01-01  CPP   \S+  CASE-2
3    unmatched  nhs-number-missing      the NHS number is missing: held provisional, and not found by it  .* Numberless   Lee          2020-01-01  LAC   \S+  CASE-3

accepted 2 \(recorded 1\), of them unmatched 1; rejected 1
matched: 50\.0 % of the rows that were not rejected
$`, out)
	require.Equal(t, "row,status,code,message,local_id\n1,recorded,,,CASE-1\n2,rejected,nhs-number-check-digit,the NHS number's check digit is wrong,CASE-2\n"+
		"3,unmatched,nhs-number-missing,\"the NHS number is missing: held provisional, and not found by it\",CASE-3\n", o.read("ack.csv"))
	info, err := os.Stat(o.path("ack.csv"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "local ids are the authority's own")

	out, _ = o.cpis(0, "send", o.write("good.csv", o.rows("9997000013,Sampleton,Robin,2019-05-14,CPP,START,ENDED,,CASE-1")))
	require.Regexp(t, `^file 15, upload [0-9a-f]{32}, entry \d+\naccepted 1 \(ended 1\), of them unmatched 0; rejected 0\n$`, out)
}

func sendRefused(t *testing.T, o *office) {
	file := o.path("good.csv")
	_, errs := o.cpis(2, "send", o.path("sample.csv"), "--sequence", "15", "--out", o.path("never"))
	require.Equal(t, "custos-tools: the service answered 409 sequence-content: The sequence number was used for another file: Your authority's next file is number 16\n", errs)
	left, err := filepath.Glob(o.path("*never*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is kept of an answer that is none")

	_, errs = o.cpis(3, "send", o.write("short.csv", "nhs_number,family_name\n9990000018,Fableton\n"))
	require.Equal(t, "custos-tools: the service answered 400 csv-header-missing-column: A required column is missing: Column \"given_names\" is missing\n", errs)
	_, errs = o.cpis(3, "send", o.write("number.json", `[{"nhsNumber":9997000013}]`))
	require.Equal(t, "custos-tools: the service answered 400 json-type: A field holds a value of the wrong type, at /0/nhsNumber\n", errs)
	plain := o.url
	o.url = strings.Replace(o.url, "http:", "https:", 1)
	_, errs = o.cpis(5, "send", file, "--sequence", "16")
	require.Equal(t, "custos-tools: no server answers: http: server gave HTTP response to HTTPS client\n", errs)
	o.url = plain
	message := o.write("message.xml", `<File xmlns="urn:hl7-org:v3"/>`)
	_, errs = o.cpis(3, "send", message)
	require.Equal(t, "custos-tools: the message: CPF01 element-missing at /File/creationTime: an element is missing\n", errs)

	token := o.token
	o.token = o.path("T_CLINICIAN")
	_, errs = o.cpis(6, "send", file, "--sequence", "16")
	require.Regexp(t, `^custos-tools: the service answered 403 role-not-permitted: Your role may not do this`, errs)
	_, errs = o.cpis(6, "compare", file)
	require.Regexp(t, `^custos-tools: the service answered 403 role-not-permitted: Your role may not do this`, errs)
	o.token = o.write("other-token", "a.b.c")
	_, errs = o.cpis(6, "send", file)
	require.Equal(t, "custos-tools: the service answered 401 token-malformed: The token is not well formed\n", errs)
	o.token = token
}

func sendRepeats(t *testing.T, o *office) {
	file := o.write("repeat.csv", o.rows("9997000021,Sampleton,Ash,2021-08-30,LAC,START,,,CASE-4"))
	first, _ := o.cpis(0, "send", file, "--out", o.path("first"))
	second, _ := o.cpis(0, "send", file, "--sequence", "16", "--out", o.path("second"))
	require.Equal(t, first, second)
	require.Equal(t, o.read("first"), o.read("second"), "the same file under the same number: the same acknowledgement")
	o.cpis(0, "send", file, "--sequence", "18")
	_, errs := o.cpis(2, "send", o.path("good.csv"), "--sequence", "17")
	require.Equal(t, "custos-tools: the service answered 409 sequence-lower: The sequence number is not higher than the last upload's: Your authority's next file is number 19\n", errs)
	t.Setenv("CUSTOS_TOKEN", strings.TrimSpace(o.read("T_LA_UPLOADER")))
	o.token = ""
	defer func() { o.token = o.path("T_LA_UPLOADER") }()
	third, _ := o.cpis(0, "send", file, "--sequence", "16")
	require.Equal(t, first, third)
}

func sendSnapshot(t *testing.T, o *office) {
	rows := o.export()
	out, _ := o.cpis(0, "send", o.writeRows("full.csv", rows), "--snapshot", "--dry-run")
	require.Contains(t, out, "full file: 0 plans that it does not name ended\n")
	out, _ = o.cpis(4, "send", o.writeRows("cut.csv", rows[:len(rows)-10]), "--snapshot", "--dry-run")
	require.Contains(t, out, fmt.Sprintf("full file: 10 of %d plans in force would end, and that would wait for a second person\n", len(rows)))
	out, _ = o.cpis(4, "send", o.path("cut.csv"), "--snapshot")
	require.Regexp(t, fmt.Sprintf(`full file: 10 of %d plans in force would end; this WAITS for a second person, until \d{4}-\d\d-\d\dT`, len(rows)), out)
}

// What the service cannot say on time, or at all, is asked for again; the file
// is recorded once, and every way ends in the same acknowledgement.
func sendThroughFaults(t *testing.T, o *office) {
	node, err := url.Parse(o.url)
	require.NoError(t, err)
	direct := o.url
	defer func() { o.url = direct }()
	through := httputil.NewSingleHostReverseProxy(node)
	through.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	later := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"outcome-unknown","title":"It is not known yet whether this was recorded"}`)
	}
	for n, fault := range []func(w http.ResponseWriter, r *http.Request){
		func(w http.ResponseWriter, _ *http.Request) { later(w) },                                               // refused
		func(w http.ResponseWriter, r *http.Request) { through.ServeHTTP(httptest.NewRecorder(), r); later(w) }, // recorded, and not said
		func(_ http.ResponseWriter, r *http.Request) { // the connection breaks halfway through the file
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), broken{}))
			through.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		},
		func(w http.ResponseWriter, r *http.Request) { // and halfway through the acknowledgement
			all := httptest.NewRecorder()
			through.ServeHTTP(all, r)
			for k, v := range all.Header() {
				w.Header()[k] = v
			}
			_, _ = w.Write(all.Body.Bytes()[:all.Body.Len()/2])
			panic(http.ErrAbortHandler)
		},
		func(w http.ResponseWriter, _ *http.Request) { // a key of long ago
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"code":"idempotency-key-expired"}`)
		},
	} {
		var asked atomic.Int32
		keys := make(chan string, 9)
		p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				keys <- r.Header.Get("Idempotency-Key")
				if asked.Add(1) == 1 {
					fault(w, r)
					return
				}
			}
			through.ServeHTTP(w, r)
		}))
		file := o.write("fault.csv", o.rows(fmt.Sprintf("9997000013,Sampleton,Robin,2019-05-14,CPP,START,,,FAULT-%d", n),
			fmt.Sprintf("9997000021,Sampleton,Ash,2021-08-30,LAC,START,,,FAULT-%d", n)))
		o.url = p.URL
		out, errs := o.cpis(0, "send", file, "--out", o.path("through"))
		require.Regexpf(t, `^attempt 1: .*; again in \S+\n$`, errs, "fault %d", n)
		require.EqualValues(t, 2, asked.Load())
		first, second := <-keys, <-keys
		require.Equal(t, n == 4, first != second, "one request, one key, while the service knows it")
		p.Close()
		o.url = direct
		_, number, _ := strings.Cut(strings.SplitN(out, ",", 2)[0], " ")
		again, _ := o.cpis(0, "send", file, "--sequence", number, "--out", o.path("again"))
		require.Equal(t, out, again)
		require.Equal(t, o.read("again"), o.read("through"))
		require.Contains(t, out, "accepted 2 (corrected 2)", "recorded once, whatever came between")
	}

	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { later(w) }))
	o.url = p.URL
	_, errs := o.cpis(5, "send", o.path("fault.csv"), "--sequence", "90", "--patience", "300ms")
	require.Regexp(t, `custos-tools: the service answered 503 outcome-unknown: It is not known yet whether this was recorded; 2 attempts in 0s: `+
		`it is not known how much of the file was recorded\. Send the same file again with --sequence 90: nothing is recorded twice\n$`, errs)
	p.Close()
	_, errs = o.cpis(5, "send", o.path("fault.csv"), "--sequence", "90")
	require.Regexp(t, `^custos-tools: no server answers: dial tcp 127\.0\.0\.1:\d+: connect: connection refused`, errs)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func sendJSON(t *testing.T, o *office) {
	file := o.write("sample.json", strings.ReplaceAll(`[{"nhsNumber":"9997000013","familyName":"Sampleton","givenNames":"Robin","dateOfBirth":"2019-05-14","planType":"CPP","start":"START","localId":"CASE-1"},
		{"nhsNumber":"9997000013","familyName":"Sampleton","givenNames":"Robin","dateOfBirth":"2019-05-14","planType":"CPP","start":"2019-01-01","localId":"CASE-9"}]`, "START", o.ago(30)))
	out, _ := o.cpis(3, "send", file, "--out", o.path("ack.json"), "-o", "json")
	var shown struct {
		Family             string
		Accepted, Rejected int
		Seq                uint64
		Rows               []struct {
			Row  int
			Code string
			Sent cpis.Row
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &shown))
	require.Equal(t, "json", shown.Family)
	require.Equal(t, []int{1, 1}, []int{shown.Accepted, shown.Rejected})
	require.Equal(t, "start-before-birth", shown.Rows[0].Code)
	require.Equal(t, "Robin", shown.Rows[0].Sent.GivenNames)
	var kept struct{ Receipt string }
	require.NoError(t, json.Unmarshal([]byte(o.read("ack.json")), &kept))
	require.Contains(t, kept.Receipt, "c2sp.org/tlog-proof@v1")
}

// message makes message 01 of rows, as an authority's own system would.
func (o *office) message(name string, sequence int, authority string, rows ...string) string {
	o.t.Helper()
	var out, errs bytes.Buffer
	code := tools.Main([]string{"cpis", "convert", o.write("rows.csv", o.rows(rows...)), "--to", "xml", "--out", o.path(name), "--sequence", strconv.Itoa(sequence),
		"--authority", authority, "--name", "Fablethorpe Council", "--emergency", "01134960999"}, &out, &errs)
	require.Zero(o.t, code, "%s", &errs)
	return o.path(name)
}

func sendMessage(t *testing.T, o *office) {
	file := o.message("upload.xml", 100, o.authority, "9997000013,Sampleton,Robin,2019-05-14,CPP,START,,,CASE-1",
		"9997000021,Sampleton,Ash,2021-08-30,LAC,START,,,CASE-4", o.known+",Otherwise,Ada,2019-05-14,CPP,START,,,CASE-5")
	bad := strings.Replace(o.read("upload.xml"), "9997000021", "9997000022", 1)
	out, errs := o.cpis(3, "send", o.write("upload.xml", bad), "--out", o.path("response.xml"))
	require.Empty(t, errs)
	require.Regexp(t, `^file 100, upload [0-9a-f]{32}, entry \d+
CPF03: Partial File Upload

RECORD  STATUS    CODE +MEANING .*
2       rejected  CPR04 nhs-number-check-digit  the NHS number's check digit is wrong .* 9997000022  Sampleton +Ash +2021-08-30  LAC .* CASE-4
3       rejected  CPR03 several-differ .* `+o.known+`  Otherwise +Ada .* CASE-5

accepted 1; rejected, or accepted and unmatched, 2
matched: 50\.0 % of the rows that were not rejected
$`, out)
	var said bytes.Buffer
	require.Zero(t, tools.Main([]string{"cpis", "validate", o.path("response.xml")}, &said, &said), "%s", &said)
	again, _ := o.cpis(3, "send", file, "--out", o.path("again.xml"))
	require.Equal(t, out, again)
	require.Equal(t, o.read("response.xml"), o.read("again.xml"))

	// A whole file is refused in a message 02 too, and that is kept.
	o.message("upload.xml", 100, o.authority, "9997000021,Sampleton,Ash,2021-08-30,LAC,START,,,CASE-4")
	_, errs = o.cpis(2, "send", file, "--out", o.path("refused.xml"))
	require.Equal(t, "custos-tools: the service answered 409 CPF04: Unsuccessful File Upload: the sequence number was used for another file, at /File/id/@extension\n", errs)
	require.Contains(t, o.read("refused.xml"), "<FileResponse")
	o.message("upload.xml", 101, "D9X99", "9997000021,Sampleton,Ash,2021-08-30,LAC,START,,,CASE-4")
	_, errs = o.cpis(3, "send", file)
	require.Regexp(t, `^custos-tools: the service answered 400 CPF01: .*: the sender is not the organisation that the file came from, at /File/communicationFunctionSnd/`, errs)

	out, _ = o.cpis(7, "compare", o.message("upload.xml", 102, o.authority, "9997000013,Sampleton,Robin,2019-05-14,CPP,START,,,CASE-1",
		o.known+",Otherwise,Ada,2019-05-14,CPP,START,,,CASE-5"))
	require.Regexp(t, `\nunmatched +2 +`+o.known+` +Otherwise .* several-differ: .*; for 0 h`, out)
	require.Regexp(t, `\nsame 1, differs 0, only here 0, only there \d+, unmatched 2, rejected 1`, out)
	out, _ = o.cpis(7, "compare", o.write("upload.xml", bad))
	require.Regexp(t, `\nrejected +2 +9997000022 .* nhs-number-check-digit: `, out)
	require.Regexp(t, `\nsame 1, differs 0, only here 0, only there \d+, unmatched 2, rejected 1`, out)
}
