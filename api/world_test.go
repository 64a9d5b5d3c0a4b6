package api

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/api/cpis"
	"custos/api/fhir"
	"custos/api/fhir/fhirtest"
	"custos/consensus"
	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

const (
	worldOrigin = "custos.test/edge"
	worldURL    = "https://custos.test"
	authority1  = "301"
	authority2  = "302"
	emergency   = "RXX01"
	practice    = "G81001"
	community   = "RYY"
	school      = "123456"
	otherSchool = "654321"
	area        = "E09000001"
)

var (
	worldLog   = ledger.DeriveID("edge test log")
	worldStart = time.Date(2026, 3, 3, 14, 0, 0, 0, time.UTC)
)

// worldKeys are made once: they are slow to make and no test changes them.
var worldKeys = sync.OnceValue(func() (k struct {
	signer      note.Signer
	verifier    note.Verifier
	vkey        string
	credentials consensus.Credentials
	private     map[string]crypto.Signer
},
) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	s, v, err := note.GenerateKey(rand.Reader, worldOrigin)
	must(err)
	k.vkey = v
	k.signer, err = note.NewSigner(s)
	must(err)
	k.verifier, err = note.NewVerifier(v)
	must(err)
	ca, err := consensus.MakeCA(time.Now(), time.Hour)
	must(err)
	k.credentials, err = ca.IssueNode(consensus.Identity{Log: worldLog, Node: "n1"}, time.Now(), time.Hour)
	must(err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	k.private = map[string]crypto.Signer{"ec": ec, "ed": ed}
	return k
})

// world is a whole service on one machine: a real node on a real disk, the
// real edge behind a real listener, and an issuer of tokens. When a test ends
// its ledger is proved again from the first entry, and the log is searched for
// every secret that the test has named.
type world struct {
	t      testing.TB
	dir    string
	log    lockedBuffer
	node   *consensus.Node
	seam   *seam
	keys   *ledger.Keyring
	server *Server
	http   *httptest.Server
	client *http.Client
	idp    *authority
	began  time.Time
	ahead  atomic.Int64 // how far the ledger's clock has been put forward
	looks  atomic.Int64 // how often the edge has asked for its own clock
	closed bool

	mu      sync.Mutex
	tokens  map[caller]string
	secrets map[string]bool
}

// seam stands between the edge and the node, so that a test can fail there.
type seam struct {
	Node
	hook atomic.Pointer[proposeHook]
}

type proposer func(context.Context, ledger.Command) (consensus.Outcome, error)

type proposeHook func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error)

func (s *seam) Propose(ctx context.Context, c ledger.Command) (consensus.Outcome, error) {
	if h := s.hook.Load(); h != nil {
		return (*h)(ctx, c, s.Node.Propose)
	}
	return s.Node.Propose(ctx, c)
}

// hooked calls f while every proposal goes through h.
func (w *world) hooked(h proposeHook, f func()) {
	w.seam.hook.Store(&h)
	defer w.seam.hook.Store(nil)
	f()
}

// caller is somebody with a token.
type caller struct{ role, subject, org, name, team string }

// The people of the tests.
var (
	doctor       = caller{"clinician", "doc-1", emergency, "Dr Quillfeather", ""}
	otherDoctor  = caller{"clinician", "doc-2", emergency, "Dr Ombersley", ""}
	planner      = caller{"scheduled-clinician", "gp-1", practice, "Dr Thistlewood", ""}
	uploader     = caller{"uploader", "up-1", authority1, "Ulla Uploadsworth", ""}
	colleague    = caller{"uploader", "up-2", authority1, "Col Leagueman", ""}
	uploader2    = caller{"uploader", "up-3", authority2, "Una Othermoor", ""}
	socialWorker = caller{"social-worker", "sw-1", authority1, "Sorrel Workington", ""}
	manager      = caller{"social-work-manager", "swm-1", authority1, "Mandeville Agerton", ""}
	farWorker    = caller{"social-worker", "sw-2", authority2, "Fara Workmoor", ""}
	nurse        = caller{"school-nurse", "sn-1", community, "Nursling Schoolcraft", "team-a"}
	otherNurse   = caller{"school-nurse", "sn-2", community, "Nessa Otherley", ""}
	visitor      = caller{"health-visitor", "hv-1", community, "Hester Visitorian", ""}
	leader       = caller{"team-leader", "tl-1", community, "Leda Teamsworth", ""}
	childHealth  = caller{"child-health", "ch-1", community, "Chilla Healthby", ""}
	officer      = caller{"ig-officer", "ig-1", "X24", "Igraine Officer", ""}
	siteOfficer  = caller{"site-ig", "ig-2", emergency, "Sita Governance", ""}
	auditor      = caller{"auditor", "au-1", "X24", "Audrey Torrance", ""}
	operator     = caller{"operator", "op-1", "X24", "Opal Rator", ""}
	nobody       = caller{}
)

// everybody holds one caller of each role.
var everybody = []caller{doctor, planner, uploader, socialWorker, manager, nurse, visitor, leader, childHealth, officer, siteOfficer, auditor, operator}

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldUnder(t, ledger.CurrentRules)
}

// worldUnder is a world whose log opens under a rules version.
func worldUnder(t testing.TB, rules int) *world {
	t.Helper()
	k := worldKeys()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "n1"), began: time.Now(), tokens: map[caller]string{}, secrets: map[string]bool{}}
	logger := slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	network, err := consensus.Listen(consensus.ListenConfig{Address: "127.0.0.1:0", Credentials: k.credentials, Logger: logger})
	require.NoError(t, err)
	cfg := consensus.Config{
		Dir: w.dir, Identity: consensus.Identity{Log: worldLog, Node: "n1"}, Network: network,
		Members: []consensus.Member{{Node: "n1", Address: network.Address()}}, PublicURL: "http://n1",
		Origin: worldOrigin, Signer: k.signer, Verifier: k.verifier, Clock: w.now, Logger: logger, LedgerCache: 8 << 20,
		HeartbeatTimeout: 20 * time.Millisecond, ElectionTimeout: 20 * time.Millisecond, LeaderLease: 10 * time.Millisecond,
	}
	require.NoError(t, consensus.Init(cfg))
	w.node, err = consensus.Open(cfg)
	require.NoError(t, err)
	w.keys, err = ledger.NewKeyring(ledger.Secrets{Log: worldLog, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, rand.Reader)
	require.NoError(t, err)

	w.idp = &authority{dir: t.TempDir(), now: time.Now(), private: k.private, alg: map[string]string{"ec": "ES256", "ed": "EdDSA"}}
	w.idp.publish(t, "trust", "ec", "ed")
	w.idp.publish(t, "cis2", "ec")
	verifier, err := NewVerifier(VerifierConfig{Audience: audience, Poll: -1, Logger: logger, Issuers: []IssuerConfig{
		{Issuer: trust, Methods: []string{"ES256", "EdDSA"}, Keys: w.idp.file("trust"), Roles: Roles},
		{Issuer: cis2, Methods: []string{"ES256"}, Keys: w.idp.file("cis2"), CIS2: true, Map: CIS2Mapping,
			Organisations: []string{emergency, practice, "RX1", "RX9"}},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, verifier.Close()) })

	w.seam = &seam{Node: w.node}
	// The edge's own clock jumps, so that what it keeps for a second is read anew.
	now := func() time.Time { return worldStart.Add(time.Duration(w.looks.Add(1)) * 2 * time.Second) }
	w.server, err = New(Config{Node: w.seam, NodeID: "n1", Keyring: w.keys, Tokens: verifier, Issuer: trust, Logger: logger, Now: now, PublicURL: worldURL})
	require.NoError(t, err)
	w.http = httptest.NewUnstartedServer(nil)
	w.http.Config = w.server.PublicServer("")
	w.http.Config.Handler = asDescribed(t, w.http.Config.Handler)
	w.http.Listener = Listener(w.http.Listener)
	w.http.Start()
	w.client = w.http.Client()
	w.client.Transport.(*http.Transport).ExpectContinueTimeout = 20 * time.Second // of requests that ask for it
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(w.close)
	require.Eventually(t, w.node.Ready, 20*time.Second, time.Millisecond)
	w.genesis(rules)
	return w
}

func (w *world) genesis(rules int) {
	w.t.Helper()
	w.command(ledger.SystemActor("n1"), &ledger.OpenLog{ID: worldLog, Origin: worldOrigin, Verifier: worldKeys().vkey, Synthetic: true, Rules: rules})
	var all sync.WaitGroup
	for _, o := range []ledger.Organisation{
		{Code: authority1, Name: "Northbank Council", Sort: ledger.SortAuthority, Directory: ledger.Directory{OfficeHours: "020 7946 0001", EmergencyDuty: "020 7946 0002"}},
		{Code: authority2, Name: "Southmoor Council", Sort: ledger.SortAuthority, Directory: ledger.Directory{OfficeHours: "020 7946 0003", EmergencyDuty: "020 7946 0004"}},
		{Code: emergency, Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled},
		{Code: practice, Name: "Practice", Sort: ledger.SortPractice, Setting: ledger.SettingScheduled},
		{Code: community, Name: "Community Trust", Sort: ledger.SortTrust, Setting: ledger.SettingScheduled},
		{Code: "RLATE", Name: "Not yet live", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled, Live: day(w.t, "2026-06-01")},
		{Code: "RSILENT", Name: "Silent and hidden", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled, Silent: true, Hidden: true},
		{Code: school, Name: "School", Sort: ledger.SortSchool},
		{Code: otherSchool, Name: "Other School", Sort: ledger.SortSchool},
		{Code: area, Name: "Area", Sort: ledger.SortArea},
	} {
		all.Go(func() { w.command(ledger.SystemActor("n1"), &ledger.RecordOrganisation{Organisation: o}) })
	}
	all.Wait()
}

// command proposes past the edge.
func (w *world) command(a ledger.Actor, q ledger.Request) {
	c := ledger.Command{Actor: a, Request: q}
	_, _ = rand.Read(c.ID[:])
	_, _ = rand.Read(c.Seed[:])
	out, err := w.node.Propose(w.t.Context(), c)
	if err == nil && out.Answer.Refusal != nil {
		err = out.Answer.Refusal
	}
	if err != nil {
		w.t.Error(err)
	}
}

// now is the ledger's clock.
func (w *world) now() time.Time {
	return worldStart.Add(time.Since(w.began) + time.Duration(w.ahead.Load()))
}

func (w *world) forward(d time.Duration) { w.ahead.Add(int64(d)) }

// close proves everything again.
func (w *world) close() {
	if w.closed {
		return
	}
	w.closed = true
	w.http.Close()
	w.reprove()
	require.NoError(w.t, w.node.Close())
	w.searchLog()
}

// reprove repeats every decision from the entries alone, and folds the views again.
func (w *world) reprove() {
	w.t.Helper()
	o := store.Options{FS: vfs.NewMem(), Scratch: true}
	require.NoError(w.t, store.Init("again", o))
	again, err := store.Open("again", o)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, again.Close()) }()
	db, release := w.node.Ledger()
	defer release()
	var group []ledger.Entry
	for record, err := range db.Records(0, db.Head().Size) {
		require.NoError(w.t, err)
		e, err := ledger.ParseEntry(bytes.Clone(record))
		require.NoError(w.t, err)
		if group = append(group, e); len(group) < e.Of {
			continue
		}
		txn := again.Begin()
		decided, err := projection.Redecide(txn, group)
		require.NoError(w.t, err)
		require.Len(w.t, decided, len(group), "entry %d %s", e.Seq, e.Kind)
		for i := range decided {
			require.Equal(w.t, group[i].Record(), decided[i].Record(), "entry %d %s: decided again, it differs", group[i].Seq, group[i].Kind)
		}
		require.NoError(w.t, projection.Replay(txn, group))
		require.NoError(w.t, txn.Commit())
		group = nil
	}
	require.Empty(w.t, group)
	require.Equal(w.t, db.Tree(), again.Tree())
	rows := func(r store.Reader) map[string]string {
		out := map[string]string{}
		for row, err := range store.ViewRows(r) {
			require.NoError(w.t, err)
			out[string(row.Key)] = string(row.Value)
		}
		return out
	}
	require.Equal(w.t, rows(db), rows(again), "views differ from the fold of the entries")
}

// secret notes a text that no log line, error or file may hold in clear.
func (w *world) secret(texts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range texts {
		if len(s) >= 5 {
			w.secrets[s] = true
		}
	}
}

func (w *world) searchLog() {
	w.t.Helper()
	log := w.log.String()
	for s := range w.secrets {
		require.NotContains(w.t, log, s, "a secret is in the log")
	}
}

func (w *world) token(c caller) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.tokens[c]; ok {
		return t
	}
	claims := object{"sub": c.subject, "custos_role": c.role, "org": c.org, "name": c.name, "jti": c.subject + "-" + c.role}
	if c.team != "" {
		claims["team"] = c.team
	}
	t := w.idp.token(w.t, "ed", w.idp.claims(claims))
	w.tokens[c] = t
	w.secrets[t], w.secrets[c.name] = true, true
	return t
}

// reply is an answer, read whole.
type reply struct {
	w      *world
	status int
	header http.Header
	cached string // what Cache-Control must be
	fhir   bool   // asked under FHIR's base
	body   []byte
}

type header map[string]string

// call sends one request and checks what holds for every answer: its headers,
// and that an error is one of the table's and repeats nothing that was sent.
func (w *world) call(who caller, method, path string, body any, more ...header) *reply {
	w.t.Helper()
	var in io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	case []byte:
		in = bytes.NewReader(b)
	case io.Reader:
		in = b
	default:
		text, err := json.Marshal(b)
		require.NoError(w.t, err)
		in = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, in)
	require.NoError(w.t, err)
	if in != nil {
		r.Header.Set("Content-Type", kind)
	}
	if who != nobody {
		r.Header.Set("Authorization", "Bearer "+w.token(who))
	}
	for _, h := range more {
		for name, value := range h {
			r.Header.Set(name, value)
		}
	}
	res, err := w.client.Do(r)
	require.NoError(w.t, err)
	out := &reply{w: w, status: res.StatusCode, header: res.Header, cached: "no-store", fhir: strings.HasPrefix(path, "/FHIR/")}
	if strings.HasPrefix(path, "/tile/") && !strings.HasPrefix(path, "/tile/entries/") && res.StatusCode == http.StatusOK {
		out.cached = tileForEver[0] // hashes alone may be kept on the way
	}
	out.body, err = io.ReadAll(res.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	out.check()
	return out
}

func (r *reply) check() {
	t := r.w.t
	t.Helper()
	require.Equal(t, r.cached, r.header.Get("Cache-Control"))
	require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
	require.True(t, isUUID(r.header.Get("X-Request-ID")))
	require.Equal(t, strconv.Itoa(len(r.body)), r.header.Get("Content-Length"))
	if r.header.Get("Content-Type") == fhirJSON[0] {
		require.Empty(t, fhirtest.Check(r.body), "%s", r.body)
	}
	if r.status < 400 {
		return
	}
	if code := r.queryCode(); code != "" {
		k, known := problems[code]
		require.True(t, known, code)
		if r.header.Get("Content-Type") == soapType {
			k.status = http.StatusInternalServerError // SOAP's for every fault
		}
		require.Equal(t, k.status, r.status, "%s", r.body)
	} else if r.header.Get("Content-Type") == xmlType { // a file that was refused: message 02 says why
		_, err := cpis.DecodeResponse(bytes.NewReader(r.body), cpis.Limits{})
		require.NoError(t, err, "%s", r.body)
	} else {
		want := "application/problem+json"
		if r.fhir {
			want = fhirJSON[0]
		}
		require.Equal(t, want, r.header.Get("Content-Type"), "%s", r.body)
		p := r.asProblem()
		k, known := problems[p.Code]
		require.True(t, known, p.Code)
		require.Equal(t, k.status, r.status)
		require.Equal(t, k.status, p.Status)
	}
	head := fmt.Sprint(r.header)
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	for s := range r.w.secrets {
		require.NotContains(t, string(r.body), s, "an error repeats a secret")
		require.NotContains(t, head, s, "an error's headers repeat a secret")
	}
}

// ok wants a status and returns the JSON body.
func (r *reply) ok(status int) object {
	r.w.t.Helper()
	if r.status == http.StatusInternalServerError {
		r.w.t.Log(r.w.log.panics())
	}
	require.Equal(r.w.t, status, r.status, "%s", r.body)
	require.Equal(r.w.t, map[bool]string{false: "application/json", true: fhirJSON[0]}[r.fhir], r.header.Get("Content-Type"))
	var out object
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	require.NoError(r.w.t, d.Decode(&out))
	return out
}

// panics lists the stacks that were logged.
func (l *lockedBuffer) panics() string {
	var out []string
	for line := range strings.Lines(l.String()) {
		var o object
		if json.Unmarshal([]byte(line), &o) == nil && o["msg"] == "panic" {
			out = append(out, fmt.Sprint(o["stack"]))
		}
	}
	return strings.Join(out, "\n")
}

// json is the body as an object, whatever the status.
func (r *reply) json() object {
	r.w.t.Helper()
	var out object
	require.NoError(r.w.t, json.Unmarshal(r.body, &out), "%s", r.body)
	return out
}

// problem wants a problem of this code and returns it.
func (r *reply) problem(code string) problemBody {
	r.w.t.Helper()
	p := r.asProblem()
	require.Equal(r.w.t, code, p.Code, "%d %s", r.status, r.body)
	return p
}

// queryCodes are where the code of a query that was refused stands: in the
// generic acknowledgement, or in a SOAP fault.
var queryCodes = regexp.MustCompile(`<code code="([a-z0-9-]+)" codeSystemName="custos"|<code>([a-z0-9-]+)</code>`)

// queryCode is why a CP-IS query was refused; empty where the answer is no such refusal.
func (r *reply) queryCode() string {
	if found := queryCodes.FindSubmatch(r.body); found != nil {
		return string(found[1]) + string(found[2])
	}
	return ""
}

// asProblem reads an error in any form.
func (r *reply) asProblem() problemBody {
	r.w.t.Helper()
	var p problemBody
	if p.Code = r.queryCode(); p.Code != "" {
		if n, err := strconv.ParseUint(r.header.Get("Custos-Seq"), 10, 64); err == nil { // a message has no room for a receipt
			p.Seq, p.Receipt = &n, string(r.w.call(auditor, http.MethodGet, fmt.Sprintf("/v1/receipts/%d", n), nil).body)
		}
		return p
	}
	if !r.fhir {
		require.NoError(r.w.t, json.Unmarshal(r.body, &p), "%s", r.body)
		return p
	}
	var o fhir.OperationOutcome
	require.NoError(r.w.t, json.Unmarshal(r.body, &o), "%s", r.body)
	require.Len(r.w.t, o.Issue, 1)
	i := o.Issue[0]
	require.Len(r.w.t, i.Details.Coding, 2)
	require.Equal(r.w.t, fhir.SystemSpineError, i.Details.Coding[0].System)
	require.Equal(r.w.t, fhirURI+"problem", i.Details.Coding[1].System)
	p = problemBody{Status: r.status, Code: i.Details.Coding[1].Code, Detail: i.Diagnostics}
	for _, e := range i.Extension {
		n, err := strconv.ParseUint(strings.TrimPrefix(e.ValueURL, "/v1/receipts/"), 10, 64)
		require.NoError(r.w.t, err)
		p.Seq = &n
		p.Receipt = string(r.w.call(auditor, http.MethodGet, e.ValueURL, nil).body)
	}
	return p
}

// denied wants a recorded denial, proves it, and returns its entry.
func (r *reply) denied(code string) ledger.Entry {
	r.w.t.Helper()
	p := r.problem(code)
	require.Equal(r.w.t, 403, r.status)
	require.NotNil(r.w.t, p.Seq, "a denial is recorded")
	require.Equal(r.w.t, strconv.FormatUint(*p.Seq, 10), r.header.Get("Custos-Seq"))
	r.w.proves(p.Receipt, ledger.Seq(*p.Seq))
	e := r.w.entry(ledger.Seq(*p.Seq))
	denied, ok := e.Event.(*ledger.AccessDenied)
	require.True(r.w.t, ok, "entry %d is %s", e.Seq, e.Kind)
	require.Equal(r.w.t, code, denied.Code)
	return e
}

// seq is the entry that the answer names, in its header and in its body alike.
func (r *reply) seq() ledger.Seq {
	r.w.t.Helper()
	n, err := strconv.ParseUint(r.header.Get("Custos-Seq"), 10, 64)
	require.NoError(r.w.t, err, "an answer with child data names its entry")
	return ledger.Seq(n)
}

// recorded wants a status and a receipt for the entry that the answer names.
func (r *reply) recorded(status int) (object, ledger.Entry) {
	r.w.t.Helper()
	out := r.ok(status)
	require.Equal(r.w.t, json.Number(r.header.Get("Custos-Seq")), out["seq"])
	r.w.proves(out["receipt"].(string), r.seq())
	return out, r.w.entry(r.seq())
}

// proves checks a receipt as a stranger would, with the record from the interface.
func (w *world) proves(receipt string, seq ledger.Seq) {
	w.t.Helper()
	r, err := ledger.ParseReceipt([]byte(receipt))
	require.NoError(w.t, err)
	require.Equal(w.t, seq, r.Seq)
	got := w.call(auditor, http.MethodGet, fmt.Sprintf("/v1/entries/%d", seq), nil)
	require.Equal(w.t, 200, got.status)
	e, err := ledger.ParseEntry(got.body)
	require.NoError(w.t, err)
	_, err = r.Verify(e.Hash(), worldOrigin, note.VerifierList(worldKeys().verifier))
	require.NoError(w.t, err)
}

func (w *world) entry(seq ledger.Seq) ledger.Entry {
	w.t.Helper()
	record, err := w.node.Record(seq)
	require.NoError(w.t, err)
	e, err := ledger.ParseEntry(record)
	require.NoError(w.t, err)
	return e
}

// opened decrypts the one payload that an entry commits to, as its holder's key allows.
func (w *world) opened(db *store.DB, e *ledger.Entry, details any) error {
	w.t.Helper()
	require.Len(w.t, e.Commitments, 1)
	c := e.Commitments[0]
	var holder []byte
	switch c.Holder {
	case ledger.HolderPerson:
		holder = e.Person.Ref[:]
	case ledger.HolderActor:
		first := w.entry(e.Seq - ledger.Seq(e.Nth))
		id := first.Actor.ID()
		holder = id[:]
	default:
		first := w.entry(e.Seq - ledger.Seq(e.Nth))
		holder = []byte(first.Actor.Organisation)
	}
	key, _, err := store.Key(db, c.Holder, holder, c.Key)
	require.NoError(w.t, err)
	text, err := store.Sealed(db, e.Seq, 0)
	require.NoError(w.t, err)
	return w.keys.Open(ledger.Shown{Seq: e.Seq, Payload: c.Payload, Command: e.Command, Row: e.Row(), Ciphertext: text, Key: key}, details)
}

func (w *world) size() ledger.Seq { return w.node.View().R.Head().Size }

// since lists the entries from one on.
func (w *world) since(from ledger.Seq) []ledger.Entry {
	var out []ledger.Entry
	for n := from; n < w.size(); n++ {
		out = append(out, w.entry(n))
	}
	return out
}

// kinds counts the entries of each kind from one on.
func (w *world) kinds(from ledger.Seq) map[ledger.Kind]int {
	out := map[ledger.Kind]int{}
	for _, e := range w.since(from) {
		out[e.Kind]++
	}
	return out
}

// nhs makes the nth valid number of the synthetic range.
func nhs(n int) string {
	for i := 0; ; i++ {
		s := fmt.Sprintf("999%06d", i)
		sum := 0
		for k := range 9 {
			sum += int(s[k]-'0') * (10 - k)
		}
		check := (11 - sum%11) % 11
		if check == 10 {
			continue
		}
		if n--; n < 0 {
			return s + strconv.Itoa(check)
		}
	}
}

func day(t testing.TB, s string) ledger.Day {
	d, err := ledger.ParseDay(s)
	require.NoError(t, err)
	return d
}

// ann is a child with a plan; change varies the row.
func ann(change func(*planRow)) planRow {
	p := planRow{NHSNumber: nhs(1), FamilyName: "Featherstonehaugh", GivenNames: "Annunziata", DateOfBirth: "2015-05-04",
		PlanType: "CPP", Start: "2025-01-10", LocalID: "LOCAL-0001"}
	if change != nil {
		change(&p)
	}
	return p
}

func toCSV(rows ...planRow) string {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	lines := [][]string{uploadColumns}
	for _, r := range rows {
		lines = append(lines, []string{r.NHSNumber, r.FamilyName, r.GivenNames, r.DateOfBirth, r.PlanType, r.Start, r.End, r.Delete, r.LocalID, r.Team, r.Worker})
	}
	if err := out.WriteAll(lines); err != nil {
		panic(err)
	}
	return b.String()
}

var asCSV = header{"Content-Type": "text/csv"}

// keep names what is personal in rows.
func (w *world) keep(rows ...planRow) {
	for _, r := range rows {
		w.secret(r.NHSNumber, r.FamilyName, r.GivenNames, r.DateOfBirth, r.LocalID, r.Team, r.Worker)
	}
}

// upload sends rows as CSV.
func (w *world) upload(who caller, sequence int, rows ...planRow) *reply {
	w.t.Helper()
	w.keep(rows...)
	return w.call(who, http.MethodPost, "/v1/uploads?sequence="+strconv.Itoa(sequence), toCSV(rows...), asCSV)
}

// plans uploads rows and wants every one of them loaded.
func (w *world) plans(who caller, sequence int, rows ...planRow) {
	w.t.Helper()
	r := w.upload(who, sequence, rows...)
	require.Equal(w.t, 200, r.status, "%s", r.body)
	for _, line := range csvLines(w.t, r.body)[1:] {
		require.NotEqual(w.t, "rejected", line[1], "%s", r.body)
	}
}

func csvLines(t testing.TB, b []byte) [][]string {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	require.NoError(t, err)
	return lines
}

func (w *world) lookup(who caller, body object, more ...header) *reply {
	w.t.Helper()
	for _, name := range []string{"nhsNumber", "dateOfBirth", "attendance", "callBack", "reason"} {
		if s, ok := body[name].(string); ok {
			w.secret(s)
		}
	}
	return w.call(who, http.MethodPost, "/v1/lookups", body, more...)
}

func keysOf(v any) []string { return slices.Sorted(maps.Keys(v.(object))) }

// requireFields wants exactly these members of an object.
func requireFields(t testing.TB, v any, names ...string) {
	t.Helper()
	slices.Sort(names)
	require.Equal(t, names, keysOf(v))
}

func list(v any) []any { return v.([]any) }
