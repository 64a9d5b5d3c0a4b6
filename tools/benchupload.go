package tools

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"custos/api/cpis"
	"custos/ledger"
	"custos/tools/synthetic"
)

type uploadResult struct {
	Rows      int          `json:"rows"`
	Rejected  int          `json:"rejected"`
	Seconds   float64      `json:"seconds"`
	PerSecond float64      `json:"rowsPerSecond"`
	Alone     *benchResult `json:"lookupsAlone,omitempty"`  // before the upload
	Beside    *benchResult `json:"lookupsBeside,omitempty"` // while it ran
	P99Ratio  *float64     `json:"p99Ratio,omitempty"`      // beside ÷ alone

	MemoryBefore *float64 `json:"serverMiBBefore,omitempty"` // resident, of all servers
	MemoryPeak   *float64 `json:"serverMiBPeak,omitempty"`   // the most while it ran
}

func (a *app) benchUploadCommand(b *benchFlags) *cobra.Command {
	var rows int
	var beside, xml bool
	var token string
	var sequence int64
	cmd := &cobra.Command{
		Use: "upload", Short: "Measure a large upload, and what it does to lookups beside it",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.benchUpload(b, rows, beside, xml, token, sequence) },
	}
	f := cmd.Flags()
	f.IntVar(&rows, "rows", 100_000, "rows of the file")
	f.BoolVar(&beside, "beside-lookups", false, "measure lookups before and during the upload")
	f.BoolVar(&xml, "xml", false, "a CP-IS message 01 rather than CSV; --rows are records")
	f.StringVar(&token, "token", "", "an uploader's token (T_LA2_UPLOADER of the demo's env file)")
	f.Int64Var(&sequence, "sequence", 0, "the upload's sequence number (seconds since 1970: greater than any before)")
	return cmd
}

func (a *app) benchUpload(b *benchFlags, rows int, beside, xml bool, token string, sequence int64) error {
	l, pids, env, err := b.prepareUpload(beside)
	if err != nil {
		return err
	}
	if token == "" {
		token = env["T_LA2_UPLOADER"]
	}
	if token == "" || rows < 12 || rows > synthetic.MaxChildren {
		return failf(ExitUsage, "an uploader's --token and 12 to %d --rows are needed", synthetic.MaxChildren)
	}
	now := time.Now()
	if sequence == 0 {
		sequence = now.Unix()
	}
	file, err := newBenchFile(xml, rows, uint64(sequence), ledger.Of(now).Day())
	if err != nil {
		return failing(ExitUsage, err)
	}
	defer file.remove()
	out := uploadResult{}
	send := func() error {
		memory := watchMemory(env.list("CUSTOS_PIDS"))
		started := time.Now()
		err := sendUpload("http://"+l.addrs[0], token, sequence, file)
		out.Seconds = time.Since(started).Seconds()
		out.MemoryBefore, out.MemoryPeak = memory.before, memory.peak()
		return err
	}
	if !beside {
		err = send()
	} else {
		err = b.besideLookups(l, pids, &out, send)
	}
	if err != nil {
		return err
	}
	// What came back is read when nothing is measured any more.
	accepted, rejected, err := file.countAnswer()
	if err != nil {
		return err
	}
	out.Rows, out.Rejected = accepted+rejected, rejected
	out.PerSecond = round(float64(out.Rows) / out.Seconds)
	return a.printUpload(out)
}

func (b *benchFlags) prepareUpload(beside bool) (*load, []string, demoEnv, error) {
	if beside {
		return b.prepare()
	}
	env, err := readDemoEnv(b.dir)
	if err != nil {
		return nil, nil, nil, failing(ExitUnreadable, err)
	}
	l := &load{}
	urls := env.list("CUSTOS_URL")
	if b.url != "" {
		urls = []string{b.url}
	}
	l.addrs, err = addresses(urls)
	return l, nil, env, err
}

// besideLookups measures lookups alone, then during the whole upload.
func (b *benchFlags) besideLookups(l *load, pids []string, out *uploadResult, send func() error) error {
	alone, err := b.measure(l, pids)
	if err != nil {
		return err
	}
	out.Alone = &alone
	sent := make(chan error, 1)
	longest := 10 * time.Minute
	stop := make(chan struct{})
	next := l.next
	l.next = func(client int, buf []byte) ([]byte, bool) {
		select {
		case <-stop:
			return buf, false
		default:
			return next(client, buf)
		}
	}
	go func() {
		err := send()
		close(stop)
		sent <- err
	}()
	during := *b
	during.warmup, during.duration = 0, longest
	beside, err := during.measure(l, pids)
	if err != nil {
		return err
	}
	out.Beside = &beside
	if alone.P99Ms > 0 {
		ratio := round(100*beside.P99Ms/alone.P99Ms) / 100
		out.P99Ratio = &ratio
	}
	return <-sent
}

// uploadFile makes a file of exactly so many rows, of people whom the demo does not have.
func uploadFile(rows int, seed uint64, today ledger.Day) ([]byte, error) {
	s, err := synthetic.Generate(synthetic.GenConfig{Seed: seed, Children: rows, Authorities: 1, Visits: 1, Today: today, UpperHalf: true})
	if err != nil {
		return nil, err
	}
	all, n, err := s.Upload(0, today)
	if err != nil || n <= rows {
		return all, err
	}
	end := 0
	for range rows + 1 { // and the header; no field of ours holds a line break
		end += bytes.IndexByte(all[end:], '\n') + 1
	}
	return all[:end], nil
}

// sendUpload posts the file and keeps its acknowledgement.
func sendUpload(base, token string, sequence int64, file *benchFile) error {
	url, media := base+"/v1/uploads?sequence="+strconv.FormatInt(sequence, 10), "text/csv"
	if file.xml {
		url, media = base+"/v1/uploads", "application/xml"
	}
	body, err := file.open()
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	q, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		return failing(ExitUsage, err)
	}
	q.ContentLength = file.size
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", media)
	q.Header.Set("Accept", media)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	defer func() { _ = res.Body.Close() }() // only read
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return failf(exitOf(res.StatusCode), "the upload was answered %d %s", res.StatusCode, problemCode(body))
	}
	return failing(ExitUnreadable, file.keepAnswer(res.Body))
}

func countRecords(body io.Reader) (accepted, rejected int, err error) {
	r, err := cpis.DecodeResponse(body, cpis.Limits{Total: 1 << 30, Elements: 1 << 26})
	if err != nil {
		return 0, 0, failf(ExitNoServer, "the acknowledgement does not read: %w", err)
	}
	return r.Successful, r.Failed, nil
}

// exitOf maps an answer's status to an exit code.
func exitOf(status int) int {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ExitNotPermitted
	case status >= 500:
		return ExitNoServer
	}
	return ExitUsage
}

func countRows(body io.Reader) (accepted, rejected int, err error) {
	r := csv.NewReader(body)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	status := -1
	for {
		row, err := r.Read()
		switch {
		case err == io.EOF && status >= 0:
			return accepted, rejected, nil
		case err != nil:
			return accepted, rejected, failf(ExitNoServer, "the acknowledgement does not read: %w", err)
		case status < 0:
			for i, name := range row {
				if name == "status" {
					status = i
				}
			}
			if status < 0 {
				return 0, 0, failf(ExitNoServer, "the acknowledgement has no column status")
			}
		case len(row) <= status:
			return 0, 0, failf(ExitNoServer, "the acknowledgement has a short row")
		case row[status] == "rejected":
			rejected++
		default:
			accepted++
		}
	}
}

func (a *app) printUpload(r uploadResult) error {
	if a.json() {
		return a.printJSON(r)
	}
	fmt.Fprintf(a.stdout, "%d rows in %.1f s: %.0f rows/s, %d rejected\n", r.Rows, r.Seconds, r.PerSecond, r.Rejected)
	if r.MemoryBefore != nil && r.MemoryPeak != nil {
		fmt.Fprintf(a.stdout, "the servers' memory: %.0f MiB before, %.0f MiB at the most\n", *r.MemoryBefore, *r.MemoryPeak)
	}
	if r.Alone != nil && r.Beside != nil {
		fmt.Fprintf(a.stdout, "lookups alone: %.0f/s, p99 %.1f ms; beside it: %.0f/s, p99 %.1f ms, %d errors\n",
			r.Alone.PerSecond, r.Alone.P99Ms, r.Beside.PerSecond, r.Beside.P99Ms, r.Beside.Errors)
	}
	return nil
}
