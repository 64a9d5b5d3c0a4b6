package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
)

func (a *app) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "notify", Short: "Show how notifications reach authorities' systems, try one again, try a way",
		Long: "Show how letters, by which authorities' own systems are told of notifications, stand; have one that was given up\n" +
			"tried again; and try a way (docs/DELIVERY.md). The token, of an operator, is read from --token-file or $" + tokenVariable + ".",
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.notifyListCommand(), a.notifyRedeliverCommand(), a.notifyTestCommand())
	return cmd
}

// letterShown is a letter as the service lists it.
type letterShown struct {
	Letter        ledger.Seq `json:"letter"`
	Authority     string     `json:"authority"`
	Way           string     `json:"way"`
	Notifications int        `json:"notifications"`
	Attempts      int        `json:"attempts"`
	FirstAt       string     `json:"firstAt"`
	LastAt        string     `json:"lastAt"`
	Code          string     `json:"code,omitempty"`
}

// lettersShown is what the service lists of letters.
type lettersShown struct {
	Letterboxes []struct {
		Authority string        `json:"authority"`
		Way       string        `json:"way"`
		Waiting   []letterShown `json:"waiting"`
		Failing   int           `json:"failing"`
		LastAt    string        `json:"lastAt"`
	} `json:"letterboxes"`
	Dead []letterShown `json:"dead"`
}

func (a *app) notifyListCommand() *cobra.Command {
	var of serviceFlags
	cmd := &cobra.Command{
		Use: "list", Short: "Show each letterbox, what waits in it, and the dead letters",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.listLetters(&of) },
	}
	of.add(cmd)
	return cmd
}

func (a *app) listLetters(of *serviceFlags) error {
	s, err := of.open()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := s.get(ctx, "/v1/letters")
	if err != nil {
		return err
	}
	var out lettersShown
	if err := json.Unmarshal(b, &out); err != nil {
		return failf(ExitNoServer, "the service's list is not readable")
	}
	if a.json() {
		return a.printJSON(out)
	}
	for _, box := range out.Letterboxes {
		state := "all arrived"
		if box.Failing > 0 || len(box.Waiting) > 0 {
			state = fmt.Sprintf("%d waiting, %d attempts since one arrived", len(box.Waiting), box.Failing)
		}
		fmt.Fprintf(a.stdout, "%s by %s: %s; last attempt %s\n", brief(box.Authority), brief(box.Way), state, brief(box.LastAt))
		printLetters(a.stdout, "waiting", box.Waiting)
	}
	if len(out.Letterboxes) == 0 {
		fmt.Fprintln(a.stdout, "no letter was ever sent")
	}
	printLetters(a.stdout, "DEAD", out.Dead)
	return nil
}

func printLetters(w io.Writer, state string, all []letterShown) {
	for _, l := range all {
		code := brief(l.Code)
		if code == "" {
			code = "nobody knows yet"
		}
		fmt.Fprintf(w, "  %s: letter %d to %s by %s, %d notifications, %d attempts since %s: %s\n",
			state, l.Letter, brief(l.Authority), brief(l.Way), l.Notifications, l.Attempts, brief(l.FirstAt), code)
	}
}

func (a *app) notifyRedeliverCommand() *cobra.Command {
	var of serviceFlags
	var patience time.Duration
	cmd := &cobra.Command{
		Use: "redeliver LETTER", Short: "Have a letter that was given up tried again",
		Long: "Have a letter that was given up tried again, by whichever node leads: its receiver knows it by the id that it had.\nAsked again, it records nothing twice.",
		Args: exactly(1, "a letter's number"),
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := strconv.ParseUint(args[0], 10, 63)
			if err != nil {
				return failf(ExitUsage, "a letter's number is what notify list shows")
			}
			var done struct {
				Letter ledger.Seq `json:"letter"`
				Seq    ledger.Seq `json:"seq"`
			}
			if err := a.ask(&of, patience, fmt.Sprintf("/v1/letters/%d/redeliveries", n), http.StatusCreated, nil, &done); err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(done)
			}
			fmt.Fprintf(a.stdout, "letter %d is tried again; recorded as entry %d\n", done.Letter, done.Seq)
			return nil
		},
	}
	of.add(cmd)
	cmd.Flags().DurationVar(&patience, "patience", time.Minute, "how long to go on asking for an answer")
	return cmd
}

func (a *app) notifyTestCommand() *cobra.Command {
	var of serviceFlags
	var patience time.Duration
	var body struct {
		Authority string `json:"authority"`
		Way       string `json:"way"`
	}
	cmd := &cobra.Command{
		Use: "test", Short: "Send a trial to an authority by one way, and say how that ended",
		Long: "Send a trial to an authority by one way, from the node at --url, and say how that ended. It tells of no notification,\nand is recorded. It ends with 5 if the trial is not known to have arrived.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			if err := required(map[string]string{"authority": body.Authority, "way": body.Way}); err != nil {
				return err
			}
			text, err := json.Marshal(&body)
			if err != nil {
				return err
			}
			var done struct {
				Authority string     `json:"authority"`
				Way       string     `json:"way"`
				Accepted  bool       `json:"accepted"`
				Code      string     `json:"code,omitempty"`
				Seq       ledger.Seq `json:"seq"`
			}
			if err := a.ask(&of, patience, "/v1/letters/trials", http.StatusOK, text, &done); err != nil {
				return err
			}
			if a.json() {
				if err := a.printJSON(done); err != nil {
					return err
				}
			} else if done.Accepted {
				fmt.Fprintf(a.stdout, "the trial was accepted; recorded as entry %d\n", done.Seq)
			}
			if !done.Accepted {
				return failf(ExitNoServer, "the trial is not known to have arrived: %s; recorded as entry %d", brief(done.Code), done.Seq)
			}
			return nil
		},
	}
	of.add(cmd)
	cmd.Flags().StringVar(&body.Authority, "authority", "", "the authority's ODS code")
	cmd.Flags().StringVar(&body.Way, "way", "", "webhook, email or notify")
	cmd.Flags().DurationVar(&patience, "patience", time.Minute, "how long to go on asking for an answer")
	return cmd
}

// ask makes a request that records something, again and again under one key,
// until it is answered.
func (a *app) ask(of *serviceFlags, patience time.Duration, path string, status int, body []byte, into any) error {
	s, err := of.open()
	if err != nil {
		return err
	}
	return a.persist(patience, func(ctx context.Context, key string) error {
		header := http.Header{"Idempotency-Key": {key}}
		if len(body) > 0 {
			header.Set("Content-Type", "application/json")
		}
		res, err := s.do(ctx, http.MethodPost, path, header, strings.NewReader(string(body)), int64(len(body)))
		if err != nil {
			return repeatable(err)
		}
		defer func() { _ = res.Body.Close() }() // only read
		if res.StatusCode != status {
			return repeatable(refused(res))
		}
		return repeatable(failing(ExitNoServer, json.NewDecoder(res.Body).Decode(into)))
	})
}
