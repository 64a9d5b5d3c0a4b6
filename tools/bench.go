package tools

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// benchFlags are shared by the measurements against a running server.
type benchFlags struct {
	url, dir         string
	tokens, people   string
	duration, warmup time.Duration
	clients, rate    int
	fresh            bool
	signingKey       string
	receipts         string
}

func (a *app) benchCommand() *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure lookups against a running server, in a closed loop or at a rate",
		Long: "Measure lookups against a running server, in a closed loop or at a rate. An answer counts only if it found plans and\n" +
			"holds a receipt. Tokens and NHS numbers are read from files beside the demo's env file.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.bench(b) },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&b.url, "url", "", "http://HOST:PORT, several separated by commas (the demo's)")
	f.StringVar(&b.dir, "dir", ".demo", "the running demo's folder")
	f.StringVar(&b.tokens, "tokens", "", "file of clinicians' tokens, one a line (DIR/bench-tokens)")
	f.StringVar(&b.people, "people", "", "file of NHS numbers with plans, one a line (DIR/bench-people)")
	f.DurationVar(&b.duration, "duration", 10*time.Second, "how long to measure")
	f.DurationVar(&b.warmup, "warmup", time.Second, "how long to run before measuring")
	f.IntVar(&b.clients, "clients", 64, "connections, each with one request in flight")
	f.IntVar(&b.rate, "rate", 0, "so many lookups a second, each timed from when it was due (0: a closed loop)")
	cmd.Flags().BoolVar(&b.fresh, "fresh-tokens", false, "every request has a token never seen before")
	cmd.Flags().StringVar(&b.signingKey, "signing-key", "", "private key of the token issuer, PEM (DIR/secrets/tokens.pem)")
	cmd.Flags().StringVar(&b.receipts, "receipts", "", "file to write each counted answer's entry to: its number and hash, from the receipt")
	cmd.AddCommand(a.benchUploadCommand(&b), a.benchFHIRCommand(&b), a.benchCaseloadCommand(&b), a.benchVerifyCommand(), a.benchCPISCommand())
	cmd.AddCommand(a.benchListenersCommand(&b), a.benchLettersCommand(&b), a.benchNationCommand(&b), a.benchMachineCommand())
	return cmd
}

// benchResult is what bench -o json prints.
type benchResult struct {
	Lookups        int            `json:"lookups"`
	Errors         int            `json:"errors"`
	PerSecond      float64        `json:"perSecond"`
	P50Ms          float64        `json:"p50Ms"`
	P99Ms          float64        `json:"p99Ms"`
	CPUPerLookup   *float64       `json:"cpuUsPerLookup,omitempty"` // all servers and this client
	BytesPerLookup *float64       `json:"bytesPerLookup,omitempty"` // written to the disk by all servers
	Clients        int            `json:"clients"`
	Rate           int            `json:"rate,omitempty"` // asked for; absent: a closed loop
	Tokens         string         `json:"tokens"`         // cached, or verified every time
	ErrorKinds     map[string]int `json:"errorKinds,omitempty"`
}

func (a *app) bench(b benchFlags) error {
	l, pids, env, err := b.prepare()
	if err != nil {
		return err
	}
	var kept benchReceipts
	if b.receipts != "" {
		l.check = kept.of(l.check)
	}
	r, err := b.measure(l, pids)
	if err == nil && b.receipts != "" {
		err = kept.write(b.receipts)
	}
	if err != nil {
		return err
	}
	if b.fresh {
		r.Tokens = "verified every time"
	}
	if err := a.printBench(r); err != nil {
		return err
	}
	if r.Lookups == 0 {
		return failf(ExitNoServer, "no lookup succeeded: %s%s", kinds(r.ErrorKinds), hint(env))
	}
	return nil
}

func hint(env demoEnv) string {
	if len(env) == 0 {
		return " (is a demo running? its env file was not found)"
	}
	return ""
}

// prepare reads what is needed and builds every request before the clock starts.
func (b *benchFlags) prepare() (*load, []string, demoEnv, error) {
	env, err := readDemoEnv(b.dir)
	if err != nil {
		return nil, nil, nil, failing(ExitUnreadable, err)
	}
	if b.clients < 1 || b.clients > 20_000 || b.duration <= 0 || b.rate < 0 || b.rate > 1_000_000 {
		return nil, nil, nil, failf(ExitUsage, "--clients and --duration must be greater than zero, and --rate not less")
	}
	urls := env.list("CUSTOS_URL")
	if b.url != "" {
		urls = strings.Split(b.url, ",")
	}
	l := &load{clients: b.clients, rate: b.rate, check: checkFound}
	if l.addrs, err = addresses(urls); err != nil {
		return nil, nil, nil, err
	}
	tokens, err := b.lines(b.tokens, "bench-tokens")
	if err != nil {
		return nil, nil, nil, err
	}
	people, err := b.lines(b.people, "bench-people")
	if err != nil {
		return nil, nil, nil, err
	}
	if b.fresh {
		err = b.freshRequests(l, tokens, people)
	} else {
		cachedRequests(l, tokens, people)
	}
	return l, env.list("CUSTOS_PIDS"), env, err
}

func (b *benchFlags) lines(path, name string) ([]string, error) {
	if path == "" {
		path = filepath.Join(b.dir, name)
	}
	lines, err := readLines(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failf(ExitUnreadable, "%w: is a demo running?", err)
	}
	return lines, failing(ExitUnreadable, err)
}

// request returns a lookup's bytes up to the NHS number, and what follows it.
func request(host, token string) (before, after []byte) {
	const body, end = `{"nhsNumber":"`, `"}`
	before = fmt.Appendf(nil, "POST /v1/lookups HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, token, len(body)+10+len(end), body)
	return before, []byte(end)
}

// cachedRequests gives each client tokens of its own, one after the other, and
// walks it through the people: every pair comes up.
func cachedRequests(l *load, tokens, people []string) {
	type half struct{ before, after []byte }
	heads := make([]half, len(tokens))
	for i, t := range tokens {
		heads[i].before, heads[i].after = request(l.addrs[0], t)
	}
	turns := make([]int, l.clients)
	l.next = func(client int, buf []byte) ([]byte, bool) {
		turn := turns[client]
		turns[client]++
		h := &heads[(client+turn*l.clients)%len(heads)]
		buf = append(buf, h.before...)
		buf = append(buf, people[(client*7919+turn)%len(people)]...)
		return append(buf, h.after...), true
	}
}

// maxFresh bounds the tokens signed ahead: about 400 MiB of them.
const maxFresh = 500_000

// freshRequests signs tokens before the clock starts. A server fast enough to
// use them up ends the run early; the rate is of the time that it took.
func (b *benchFlags) freshRequests(l *load, tokens, people []string) error {
	key := b.signingKey
	if key == "" {
		key = filepath.Join(b.dir, "secrets", "tokens.pem")
	}
	m, err := newMinter(key, tokens)
	if err != nil {
		return err
	}
	const perSecond = 25_000
	n := min(maxFresh, int((b.duration+b.warmup).Seconds()*perSecond)+1)
	fresh, err := m.mintAll(n, runtime.NumCPU())
	if err != nil {
		return failing(ExitUsage, err)
	}
	var used atomic.Int64
	l.next = func(_ int, buf []byte) ([]byte, bool) {
		i := int(used.Add(1)) - 1
		if i >= len(fresh) {
			return buf, false
		}
		before, after := request(l.addrs[0], fresh[i])
		buf = append(buf, before...)
		buf = append(buf, people[i%len(people)]...)
		return append(buf, after...), true
	}
	return nil
}

var (
	foundMark   = []byte(`"outcome":"found"`)
	receiptMark = []byte(`"receipt":"`)
	codeMark    = []byte(`"code":"`)
)

// checkFound accepts only what a lookup that found plans must hold.
func checkFound(status int, body []byte) string {
	switch {
	case status == 200 && bytes.Contains(body, foundMark) && bytes.Contains(body, receiptMark):
		return ""
	case status == 200 && !bytes.Contains(body, foundMark):
		return "200 without plans"
	case status == 200:
		return "200 without a receipt"
	}
	return fmt.Sprintf("%d %s", status, problemCode(body))
}

// problemCode reads the code of a problem document, which is never personal.
func problemCode(body []byte) string {
	_, rest, ok := bytes.Cut(body, codeMark)
	code, _, ok2 := bytes.Cut(rest, []byte{'"'})
	if !ok || !ok2 || len(code) > 40 {
		return "without a code"
	}
	return string(code)
}

func (b *benchFlags) measure(l *load, pids []string) (benchResult, error) {
	var before usage
	known := false
	r, err := l.run(b.warmup, b.duration, func() { before, known = usageOf(pids) })
	if err != nil {
		return benchResult{}, err
	}
	after, still := usageOf(pids)
	out := benchResult{
		Lookups: r.done, Errors: r.failed(), PerSecond: round(r.perSecond()), P50Ms: ms(r.p50), P99Ms: ms(r.p99),
		Clients: l.clients, Rate: l.rate, Tokens: "cached", ErrorKinds: r.errors,
	}
	if known && still && r.done > 0 {
		cpu := round(float64((after.cpu - before.cpu).Microseconds()) / float64(r.done))
		written := round(float64(after.written-before.written) / float64(r.done))
		out.CPUPerLookup, out.BytesPerLookup = &cpu, &written
	}
	return out, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func round(x float64) float64 { return float64(int64(x*10+0.5)) / 10 }

func kinds(m map[string]int) string {
	var out []string
	for k, n := range m {
		out = append(out, fmt.Sprintf("%s (%d)", k, n))
	}
	return strings.Join(sorted(out), ", ")
}

func (a *app) printBench(r benchResult) error {
	if a.json() {
		return a.printJSON(r)
	}
	fmt.Fprintf(a.stdout, "%.0f lookups/s with %d clients, tokens %s: %d answered, p50 %.1f ms, p99 %.1f ms, %d errors\n",
		r.PerSecond, r.Clients, r.Tokens, r.Lookups, r.P50Ms, r.P99Ms, r.Errors)
	if r.CPUPerLookup != nil {
		fmt.Fprintf(a.stdout, "%.0f microseconds of CPU (servers and this client) and %.0f bytes written for each\n", *r.CPUPerLookup, *r.BytesPerLookup)
	}
	if r.Errors > 0 {
		fmt.Fprintf(a.stdout, "errors: %s\n", kinds(r.ErrorKinds))
	}
	return nil
}
