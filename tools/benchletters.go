package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// benchLetters is a measurement of how soon letters leave.
type benchLetters struct {
	*benchFlags
	listen      string
	authorities []string
	lookups     int
	pause       time.Duration
}

func (a *app) benchLettersCommand(flags *benchFlags) *cobra.Command {
	b := benchLetters{benchFlags: flags}
	cmd := &cobra.Command{
		Use: "letters", Short: "Measure how soon webhooks leave after a lookup",
		Long: "Measure how soon webhooks leave after a lookup: this command is the receiver at --listen, to which the nodes are\n" +
			"configured to send the letters of --authorities (docs/DELIVERY.md), and looks people up, one after another. A leader\n" +
			"may be killed meanwhile: a lookup is asked for again, of any node, until it is answered.",
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.benchLetters(cmd.Context(), &b) },
	}
	f := cmd.Flags()
	f.StringVar(&b.listen, "listen", "127.0.0.1:18474", "where the receiver listens")
	f.StringSliceVar(&b.authorities, "authorities", nil, "whose letters come here, with commas between")
	f.IntVar(&b.lookups, "lookups", 100, "how many lookups")
	f.DurationVar(&b.pause, "pause", 20*time.Millisecond, "between two of them")
	return cmd
}

func (a *app) benchLetters(ctx context.Context, b *benchLetters) error {
	if b.lookups < 1 || len(b.authorities) == 0 {
		return failf(ExitUsage, "--lookups must be greater than zero, and --authorities name somebody")
	}
	l, _, _, err := b.prepare()
	if err != nil {
		return err
	}
	e := &ears{heard: map[uint64][]time.Time{}, listening: map[string]int{}}
	for _, authority := range b.authorities {
		e.listening[authority] = 1
	}
	var last atomic.Int64
	last.Store(time.Now().UnixNano())
	listener, err := net.Listen("tcp", b.listen)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	receiver := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last.Store(time.Now().UnixNano())
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || e.take(body) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	})}
	go func() { _ = receiver.Serve(listener) }()
	defer func() { _ = receiver.Close() }()
	for time.Since(time.Unix(0, last.Load())) < 2*time.Second { // what has waited comes first
		time.Sleep(50 * time.Millisecond)
	}
	made, err := b.lookEach(ctx, l.addrs, b.lookups, b.pause)
	if err != nil {
		return err
	}
	r := e.result(made, 30*time.Second)
	if a.json() {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "letters of %d lookups came after p50 %.1f ms, p99 %.1f ms, at most %.1f ms: %d notifications, %d missed\n",
			r.Lookups, r.P50Ms, r.P99Ms, r.MaxMs, r.Heard, r.Missed)
	}
	if r.Missed > 0 || r.Heard == 0 {
		return failf(ExitNoServer, "notifications were not told")
	}
	return nil
}

// take reads a letter; one that comes again is not news.
func (e *ears) take(body []byte) error {
	now := time.Now()
	var event struct {
		Data struct {
			Notifications []struct {
				ID uint64 `json:"id"`
			} `json:"notifications"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range event.Data.Notifications {
		if len(e.heard[n.ID]) == 0 {
			e.heard[n.ID] = []time.Time{now}
		}
	}
	return nil
}
