package tools

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
)

// listenersSpeed is what bench listeners and bench letters print with -o json.
type listenersSpeed struct {
	Listeners int     `json:"listeners,omitempty"`
	Lookups   int     `json:"lookups"`
	Heard     int     `json:"heard"`  // events: each notification once for each listener of its authority
	Missed    int     `json:"missed"` // of them not heard within ten seconds
	P50Ms     float64 `json:"p50Ms"`  // from before the lookup is sent to the event
	P99Ms     float64 `json:"p99Ms"`
	MaxMs     float64 `json:"maxMs"`
}

func (a *app) benchListenersCommand(b *benchFlags) *cobra.Command {
	var listeners, lookups int
	cmd := &cobra.Command{
		Use: "listeners", Short: "Measure how soon listeners hear of a lookup",
		Long: "Measure how soon listeners to server-sent events hear of a lookup: the social workers of the demo's first two\n" +
			"authorities listen, so many in all, and clinicians look people up, one after another.",
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.benchListeners(cmd.Context(), *b, listeners, lookups)
		},
	}
	cmd.Flags().IntVar(&listeners, "listeners", 1000, "how many listen")
	cmd.Flags().IntVar(&lookups, "lookups", 100, "how many lookups they hear of")
	return cmd
}

func (a *app) benchListeners(ctx context.Context, b benchFlags, listeners, lookups int) error {
	if listeners < 1 || listeners > 20_000 || lookups < 1 {
		return failf(ExitUsage, "--listeners and --lookups must be greater than zero")
	}
	l, _, env, err := b.prepare()
	if err != nil {
		return err
	}
	room := &ears{heard: map[uint64][]time.Time{}, listening: map[string]int{}, errs: make(chan error, listeners)}
	ctx, stop := context.WithCancel(ctx)
	defer room.all.Wait()
	defer stop()
	if err := room.open(ctx, &b, l.addrs, env, listeners); err != nil {
		return err
	}
	made, err := b.lookEach(ctx, l.addrs, lookups, 0)
	if err != nil {
		return err
	}
	r := room.result(made, 10*time.Second)
	r.Listeners = listeners
	if a.json() {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "%d listeners heard of %d lookups after p50 %.1f ms, p99 %.1f ms, at most %.1f ms: %d events, %d missed\n",
			r.Listeners, r.Lookups, r.P50Ms, r.P99Ms, r.MaxMs, r.Heard, r.Missed)
	}
	if r.Missed > 0 || r.Heard == 0 {
		return failf(ExitNoServer, "events were not heard (of one attendance there is one: a demo can be measured once)")
	}
	return nil
}

// ears are those who listen.
type ears struct {
	all       sync.WaitGroup
	errs      chan error
	mu        sync.Mutex
	heard     map[uint64][]time.Time // notification -> when each heard of it
	listening map[string]int         // authority -> how many
}

// open makes tokens and waits until everybody listens.
func (e *ears) open(ctx context.Context, b *benchFlags, addrs []string, env demoEnv, n int) error {
	var bases []string
	for _, name := range []string{"T_SOCIAL_WORKER", "T_SOCIAL_WORKER2"} {
		if t := env[name]; t != "" {
			bases = append(bases, t)
		}
	}
	if len(bases) == 0 {
		return failf(ExitUnreadable, "the demo's env file has no T_SOCIAL_WORKER%s", hint(env))
	}
	m, err := newMinter(filepath.Join(b.dir, "secrets", "tokens.pem"), bases)
	if err != nil {
		return err
	}
	tokens, err := m.mintAll(n, runtime.NumCPU())
	if err != nil {
		return failing(ExitUsage, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	ready := make(chan struct{}, n)
	for i, token := range tokens {
		e.listening[organisationOf(token)]++
		e.all.Go(func() { e.listen(ctx, client, "http://"+addrs[i%len(addrs)], token, ready) })
	}
	for range n {
		select {
		case <-ready:
		case err := <-e.errs:
			return failing(ExitNoServer, err)
		}
	}
	return nil
}

// organisationOf reads whom a token of the demo speaks for.
func organisationOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	var claims struct {
		Organisation string `json:"org"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return ""
	}
	return claims.Organisation
}

func (e *ears) listen(ctx context.Context, client *http.Client, url, token string, ready chan<- struct{}) {
	err := func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/notifications/stream", nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }() // it has no end that we wait for
		if res.StatusCode != http.StatusOK {
			body, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
			return fmt.Errorf("a listener is answered %d %s (%w)", res.StatusCode, problemCode(body), err)
		}
		return e.follow(res.Body, ready)
	}()
	if err != nil && ctx.Err() == nil {
		e.errs <- err
	}
}

// follow reads a stream of events until it ends.
func (e *ears) follow(stream io.Reader, ready chan<- struct{}) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	for event := ""; lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = name
		}
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		switch {
		case !ok:
		case event == "ready":
			ready <- struct{}{}
		case event == "notifications":
			if err := e.hear(data); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

func (e *ears) hear(data []byte) error {
	now := time.Now()
	var items []struct {
		ID    uint64 `json:"id"`
		State string `json:"state"`
	}
	if err := json.Unmarshal(data, &items); err != nil {
		return fmt.Errorf("an event is not JSON: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, i := range items {
		if i.State == "queued" {
			e.heard[i.ID] = append(e.heard[i.ID], now)
		}
	}
	return nil
}

// madeLookup is a lookup that was answered, and whom it told: their
// notifications are the entries behind its own.
type madeLookup struct {
	sent time.Time
	seq  uint64
	told []string
}

// lookEach looks people up, one after another, each until it is answered: by any
// of the nodes, under one key.
func (b *benchFlags) lookEach(ctx context.Context, addrs []string, n int, pause time.Duration) ([]madeLookup, error) {
	tokens, err := b.lines(b.tokens, "bench-tokens")
	if err != nil {
		return nil, err
	}
	people, err := b.lines(b.people, "bench-people")
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 5 * time.Second}
	var out []madeLookup
	for i := range n {
		key, made := uuid.NewString(), madeLookup{sent: time.Now()}
		for try := 0; ; try++ {
			status, err := made.look(ctx, client, addrs[try%len(addrs)], tokens[(i/len(people))%len(tokens)], people[i%len(people)], key)
			if err == nil && status == http.StatusOK {
				break
			}
			if err == nil && status < 500 || time.Since(made.sent) > 30*time.Second {
				return nil, failf(ExitNoServer, "a lookup is answered %d (%w)", status, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		out = append(out, made)
		time.Sleep(pause)
	}
	return out, nil
}

// look asks once.
func (m *madeLookup) look(ctx context.Context, client *http.Client, addr, token, person, key string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/lookups", strings.NewReader(`{"nhsNumber":"`+person+`"}`))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	res, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // read as far as it is of use
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, nil
	}
	return res.StatusCode, m.read(res.Body)
}

// read reads the answer: whom the lookup told.
func (m *madeLookup) read(answer io.Reader) error {
	var body struct {
		Seq      uint64 `json:"seq"`
		Notified []struct {
			ODS    string `json:"ods"`
			Merged bool   `json:"sameAttendance"` // told already: nothing new is queued
		} `json:"notified"`
	}
	err := json.NewDecoder(answer).Decode(&body)
	m.seq, m.told = body.Seq, nil
	for _, t := range body.Notified {
		if !t.Merged {
			m.told = append(m.told, t.ODS)
		}
	}
	return err
}

// result waits for what is still to be heard.
func (e *ears) result(made []madeLookup, patience time.Duration) listenersSpeed {
	late := time.Now().Add(patience)
	for {
		r, times := listenersSpeed{Lookups: len(made)}, []time.Duration(nil)
		e.mu.Lock()
		for _, m := range made {
			for i, authority := range m.told {
				heard := e.heard[m.seq+1+uint64(i)]
				r.Missed += e.listening[authority] - len(heard)
				for _, at := range heard {
					times = append(times, at.Sub(m.sent))
				}
			}
		}
		e.mu.Unlock()
		if r.Missed > 0 && time.Now().Before(late) {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if r.Heard = len(times); r.Heard > 0 {
			slices.Sort(times)
			r.P50Ms, r.P99Ms, r.MaxMs = ms(times[len(times)/2]), ms(times[len(times)*99/100]), ms(times[len(times)-1])
		}
		return r
	}
}
