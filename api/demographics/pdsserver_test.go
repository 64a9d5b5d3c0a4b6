package demographics

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// service is a server with the shapes that the Personal Demographics Service and its token endpoint
// publish. It checks what it is asked as they do, and keeps it.
type service struct {
	t        *testing.T
	server   *httptest.Server
	key      *rsa.PrivateKey
	base     string
	tokenURL string

	mu         sync.Mutex
	people     map[string]string // number asked → Patient document
	gone       map[string]bool   // invalidated numbers
	search     func(url.Values) (int, string)
	tokens     []string // given out; the last one is good
	assertions []string // jti
	asked      []*http.Request
	expires    string                                        // JSON of expires_in
	before     func(http.ResponseWriter, *http.Request) bool // false: it has answered in its own way
	beforeTok  func(http.ResponseWriter) bool
	now        time.Time
	waits      []time.Duration
	inFlight   int
	most       int
}

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

const kid, apiKey = "custos-1", "an-api-key"

// newService starts a service and a client of it whose clock stands still but for what it waits.
func newService(t *testing.T, change ...func(*PDSConfig)) (*service, *PDS) {
	t.Helper()
	s := &service{t: t, key: signingKey(), people: map[string]string{}, gone: map[string]bool{}, expires: `"599"`,
		now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", s.token)
	mux.HandleFunc("GET /FHIR/R4/Patient/{id}", s.ask(s.patient))
	mux.HandleFunc("GET /FHIR/R4/Patient", s.ask(s.find))
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	s.base, s.tokenURL = s.server.URL+"/FHIR/R4", s.server.URL+"/oauth2/token"
	file := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.key)}), 0o600))
	cfg := PDSConfig{Base: s.base, Token: s.tokenURL, APIKey: apiKey, KeyID: kid, KeyFile: file, Rate: 1000, Organisation: "D9X1A"}
	for _, c := range change {
		c(&cfg)
	}
	p, err := NewPDS(cfg)
	require.NoError(t, err)
	p.now = func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }
	p.wait = func(ctx context.Context, d time.Duration) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d > 0 {
			s.now = s.now.Add(d)
			s.waits = append(s.waits, d)
		}
		return ctx.Err()
	}
	p.jitter = func(most time.Duration) time.Duration { return most - 1 }
	return s, p
}

func (s *service) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.beforeTok != nil && !s.beforeTok(w) {
		return
	}
	refuse := func(what string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"invalid_request","error_description":"%s","message_id":"rrt-1"}`, what)
	}
	if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		refuse("grant_type is invalid")
		return
	}
	claims := jwt.MapClaims{}
	parsed, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS512"}), jwt.WithTimeFunc(func() time.Time { return s.now }), jwt.WithExpirationRequired()).
		ParseWithClaims(r.PostFormValue("client_assertion"), claims, func(t *jwt.Token) (any, error) {
			if t.Header["kid"] != kid || t.Header["typ"] != "JWT" {
				return nil, jwt.ErrTokenUnverifiable
			}
			return &s.key.PublicKey, nil
		})
	exp, expErr := claims.GetExpirationTime()
	jti, _ := claims["jti"].(string)
	switch {
	case err != nil || !parsed.Valid || expErr != nil:
		refuse("Invalid signature")
	case claims["aud"] != s.tokenURL:
		refuse("Missing or invalid 'aud' claim in client_assertion JWT")
	case claims["iss"] != apiKey || claims["sub"] != apiKey:
		refuse("Invalid 'iss'/'sub' claims in client_assertion JWT")
	case exp.Sub(s.now) > 5*time.Minute:
		refuse("Invalid 'exp' claim in client_assertion JWT - more than 5 minutes in future")
	case uuid.Validate(jti) != nil || slices.Contains(s.assertions, jti):
		refuse("Non-unique 'jti' claim in client_assertion JWT")
	default:
		s.assertions = append(s.assertions, jti)
		s.tokens = append(s.tokens, fmt.Sprintf("g1112R_ccQ1Ebbb4gtHBP1a%d", len(s.tokens)))
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		fmt.Fprintf(w, `{"access_token":"%s","expires_in":%s,"token_type":"Bearer","issued_at":"1764147600000"}`, s.tokens[len(s.tokens)-1], s.expires)
	}
}

// ask checks headers and token as the service does, and keeps the request.
func (s *service) ask(answer func(*http.Request) (int, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		s.inFlight++
		s.most = max(s.most, s.inFlight)
		before := s.before
		s.mu.Unlock()
		defer func() { s.mu.Lock(); s.inFlight--; s.mu.Unlock() }()
		if before != nil && !before(w, r) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		status, body := http.StatusUnauthorized, outcome("forbidden", "ACCESS_DENIED")
		switch bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); {
		case len(s.tokens) == 0 || bearer != s.tokens[len(s.tokens)-1]:
		case uuid.Validate(r.Header.Get("X-Request-ID")) != nil || len(r.Header.Get("X-Request-ID")) != 36:
			status, body = http.StatusBadRequest, outcome("value", "INVALID_VALUE")
		default:
			status, body = answer(r)
		}
		w.Header().Set("Content-Type", "application/fhir+json")
		w.Header().Set("X-Request-ID", r.Header.Get("X-Request-ID"))
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func (s *service) patient(r *http.Request) (int, string) {
	number := r.PathValue("id")
	switch {
	case numberOf(number) == 0:
		return http.StatusBadRequest, outcome("value", "INVALID_RESOURCE_ID")
	case s.gone[number]:
		return http.StatusNotFound, outcome("processing", "INVALIDATED_RESOURCE")
	case s.people[number] == "":
		return http.StatusNotFound, outcome("not-found", "RESOURCE_NOT_FOUND")
	}
	return http.StatusOK, s.people[number]
}

func (s *service) find(r *http.Request) (int, string) {
	if s.search == nil {
		return http.StatusOK, bundle()
	}
	return s.search(r.URL.Query())
}

// requests returns what was asked so far.
func (s *service) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// outcome is an OperationOutcome as the service writes it.
func outcome(issue, code string) string {
	return fmt.Sprintf(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"%s","details":{"coding":[{"system":`+
		`"https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode","version":"1","code":"%s","display":"-"}]}}]}`, issue, code)
}

// bundle is a searchset of these Patient documents.
func bundle(patients ...string) string {
	var entries []string
	for _, p := range patients {
		entries = append(entries, `{"fullUrl":"https://pds.example/FHIR/R4/Patient/1","search":{"score":0.9},"resource":`+p+`}`)
	}
	return fmt.Sprintf(`{"resourceType":"Bundle","type":"searchset","timestamp":"2026-11-26T09:00:00+00:00","total":%d,"entry":[%s]}`,
		len(patients), strings.Join(entries, ","))
}

// held is what a test says of a person.
type held struct {
	number, security, birth string
	names                   []map[string]any
	births                  int
}

func usual(family string, given ...string) map[string]any {
	return map[string]any{"id": "123", "use": "usual", "family": family, "given": given, "prefix": []string{"Miss"}, "period": map[string]string{"start": "2020-01-01"}}
}

func use(as string, n map[string]any) map[string]any { n["use"] = as; return n }

// document is a Patient with all that surrounds what is read.
func (h held) document() string {
	p := map[string]any{
		"resourceType": "Patient", "id": h.number,
		"identifier": []any{map[string]any{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": h.number, "extension": []any{map[string]any{
			"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"}}}},
		"meta": map[string]any{"versionId": "2", "security": []any{map[string]any{
			"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": h.security, "display": "-"}}},
		"name": h.names, "birthDate": h.birth, "gender": "female",
	}
	if h.births > 0 {
		p["multipleBirthInteger"] = h.births
	}
	if h.security == "U" {
		p["address"] = []any{map[string]any{"id": "456", "use": "home", "line": []string{"1 Fable Lane"}, "postalCode": "ZZ99 3WZ"}}
		p["telecom"] = []any{map[string]any{"system": "phone", "value": "01134960000"}}
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(b)
}
