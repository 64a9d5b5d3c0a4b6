package demographics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// PDSConfig says where the Personal Demographics Service is and who asks. The first five must be given;
// the zero values of the others are what the national service documents or allows.
type PDSConfig struct {
	Base    string // …/personal-demographics/FHIR/R4
	Token   string // …/oauth2/token; also the audience of the assertion, character for character
	APIKey  string // of the application: iss and sub of the assertion
	KeyID   string // kid, under which the public key is registered
	KeyFile string // PEM of the RSA private key, PKCS #1 or #8

	Organisation string        // ODS code of the end user's organisation, for an application that serves several; otherwise empty
	Rate         int           // requests a second at most; zero: 5, the default allowance of an application
	InFlight     int           // requests at once; zero: 4
	Attempts     int           // for one request; zero: 5
	Timeout      time.Duration // of one attempt; zero: 10 s
}

// PDS asks the Personal Demographics Service through its FHIR API, as an application and not for a user
// ("application-restricted access"). Its methods may be called at once; rate and concurrency are of all
// callers together.
type PDS struct {
	cfg    PDSConfig
	http   *http.Client
	tokens *tokens
	pace   *pacer
	slots  chan struct{} // a place is taken while a request is on its way

	// What tests replace.
	now    func() time.Time
	wait   func(context.Context, time.Duration) error
	jitter func(time.Duration) time.Duration // something from 0 to below its argument
}

var organisation = regexp.MustCompile(`^[A-Z0-9]{3,10}$`)

// NewPDS checks the configuration and reads the key. It asks nothing of the service yet.
func NewPDS(cfg PDSConfig) (*PDS, error) {
	cfg.Base = strings.TrimSuffix(cfg.Base, "/")
	for what, address := range map[string]string{"base": cfg.Base, "token": cfg.Token} {
		if err := checkAddress(address); err != nil {
			return nil, fmt.Errorf("demographics: %s address: %w", what, err)
		}
	}
	if cfg.APIKey == "" || cfg.KeyID == "" {
		return nil, errors.New("demographics: API key and key id must be given")
	}
	if cfg.Organisation != "" && !organisation.MatchString(cfg.Organisation) {
		return nil, errors.New("demographics: the organisation is not an ODS code")
	}
	cfg.Rate, cfg.InFlight, cfg.Attempts = cmp.Or(cfg.Rate, 5), cmp.Or(cfg.InFlight, 4), cmp.Or(cfg.Attempts, 5)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	if cfg.Rate < 0 || cfg.Rate > 1000 || cfg.InFlight < 0 || cfg.InFlight > 256 || cfg.Attempts < 0 || cfg.Attempts > 20 || cfg.Timeout < 0 {
		return nil, errors.New("demographics: rate, requests at once, attempts or time-out is out of range")
	}
	signer, err := newSigner(cfg)
	if err != nil {
		return nil, err
	}
	p := &PDS{cfg: cfg, http: newHTTPClient(), slots: make(chan struct{}, cfg.InFlight),
		now: time.Now, wait: waitFor, jitter: rand.N[time.Duration]}
	p.pace = &pacer{every: time.Second / time.Duration(cfg.Rate)}
	p.tokens = &tokens{signer: signer, turn: make(chan struct{}, 1)}
	return p, nil
}

// checkAddress wants HTTPS; to this machine itself, where tests and relays are, HTTP will do.
func checkAddress(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("not an absolute address without user, query and fragment")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return errors.New("not https")
	}
	return nil
}

// Match asks for each number once, several at a time. The first failure ends it.
func (p *PDS) Match(ctx context.Context, queries []Query) ([]Result, error) {
	out := make([]Result, len(queries))
	var work [][]int // rows of one number; a row without one alone
	place := make(map[string]int)
	for i, q := range queries {
		res, ask := unasked(q)
		out[i] = res
		at, seen := place[q.NHSNumber]
		if ask && seen {
			work[at] = append(work[at], i)
			continue
		}
		if ask {
			place[q.NHSNumber] = len(work)
		}
		if ask || res.suggestible() {
			work = append(work, []int{i})
		}
	}
	err := p.each(ctx, len(work), func(ctx context.Context, n int) error {
		return p.matchRows(ctx, queries, work[n], out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// each calls do for 0 to n-1, as many at once as there may be requests, until the first error.
func (p *PDS) each(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	var once sync.Once
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(n, p.cfg.InFlight) {
		workers.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					once.Do(func() { failed = err; cancel() })
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	if failed == nil && ctx.Err() != nil {
		return gaveUp(ctx.Err())
	}
	return failed
}

// matchRows answers the rows of one number, or one row without.
func (p *PDS) matchRows(ctx context.Context, queries []Query, rows []int, out []Result) error {
	if out[rows[0]].Outcome == 0 {
		found, err := p.patient(ctx, queries[rows[0]].NHSNumber)
		if err != nil {
			return err
		}
		for _, i := range rows {
			switch {
			case found.invalid:
				out[i] = Result{Outcome: Invalidated, Reason: ReasonNumberInvalidated}
			case found.record == nil:
				out[i] = Result{Outcome: NotMatched, Reason: ReasonNumberUnknown}
			default:
				out[i] = answer(queries[i], found.record)
			}
		}
	}
	for _, i := range rows {
		if !out[i].suggestible() {
			continue
		}
		q := queries[i]
		r, err := p.find(ctx, TraceQuery{Family: q.Family, Given: q.Given, Birth: q.Birth})
		if err != nil {
			return err
		}
		if r != nil {
			out[i].suggest(r.person())
		}
	}
	return nil
}

// Trace searches by surname, first given name, birth date and, if given, postcode.
func (p *PDS) Trace(ctx context.Context, q TraceQuery) (Person, bool, error) {
	r, err := p.find(ctx, q)
	if err != nil || r == nil {
		return Person{}, false, err
	}
	return r.person(), true, nil
}

// patient retrieves the record of a number.
func (p *PDS) patient(ctx context.Context, number string) (retrieved, error) {
	status, body, err := p.get(ctx, "/Patient/"+number, nil)
	if err != nil {
		return retrieved{}, err
	}
	return decodeRetrieval(status, body, p.now())
}

// maxSearched is the longest name that the service searches for, in characters.
const maxSearched = 35

// find searches for the one person of these details, former names included. The service compares in its own way
// and answers with the person's present names; our rule has the last word.
func (p *PDS) find(ctx context.Context, q TraceQuery) (*record, error) {
	if !q.complete() {
		return nil, nil
	}
	given := strings.Fields(q.Given)
	first := given[slices.IndexFunc(given, func(n string) bool { return fold(n) != "" })]
	for _, n := range []string{q.Family, first, q.Postcode} {
		if utf8.RuneCountInString(n) > maxSearched || strings.ContainsRune(n, '*') { // an asterisk would be a wildcard
			return nil, nil
		}
	}
	ask := url.Values{"family": {q.Family}, "given": {first}, "birthdate": {"eq" + q.Birth.Text()}, "_history": {"true"}, "_max-results": {"1"}}
	if q.Postcode != "" {
		ask.Set("address-postalcode", q.Postcode)
	}
	status, body, err := p.get(ctx, "/Patient", ask)
	if err != nil {
		return nil, err
	}
	r, err := decodeSearch(status, body, p.now())
	if err != nil || r == nil || r.birth != q.Birth || q.Postcode != "" && r.restricted {
		return nil, err
	}
	if q.traced(r) {
		return r, nil
	}
	full, err := p.patient(ctx, r.number) // with the former names, which a search does not give
	if err != nil || full.record == nil || !q.traced(full.record) {
		return nil, err
	}
	return full.record, nil
}
