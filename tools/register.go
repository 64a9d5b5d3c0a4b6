package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// registered is what became of a register's file.
type registered struct {
	Rows             int    `json:"rows"`
	Recorded         int    `json:"recorded"`
	Unchanged        int    `json:"unchanged"`
	WithoutAuthority int    `json:"withoutAuthority"`
	Seq              *int64 `json:"seq"`
	Rejected         []struct {
		Row           int
		Code, Message string
	} `json:"rejected"`
}

func (a *app) registerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "register", Short: "Send a register of schools or organisations to a running service",
		Long: "Send a register of schools or organisations to a running service, as operator (docs/CASELOADS.md).\n" +
			"What has not changed is not recorded again, so a whole file may be sent each month.\n\n" +
			"Exit codes: 0 every row was taken; 3 FILE cannot be read, or rows of it were rejected; 2 usage; 5 no server;\n" +
			"6 not permitted."}
	schools := &cobra.Command{Use: "schools FILE", Short: "Schools, in the shape of GIAS (edubasealldata)", Args: exactly(1, "one file")}
	organisations := &cobra.Command{Use: "organisations FILE", Short: "Organisations, in the shape of ODS (epraccur and its kin)", Args: exactly(1, "one file")}
	var of serviceFlags
	var sort string
	of.add(schools)
	of.add(organisations)
	organisations.Flags().StringVar(&sort, "sort", "practice", "what the file holds: practice, trust or authority")
	schools.RunE = func(_ *cobra.Command, args []string) error { return a.register(&of, "/v1/schools", args[0]) }
	organisations.RunE = func(_ *cobra.Command, args []string) error {
		return a.register(&of, "/v1/organisations?sort="+url.QueryEscape(sort), args[0])
	}
	cmd.AddCommand(schools, organisations)
	return cmd
}

func (a *app) register(of *serviceFlags, path, file string) error {
	s, err := of.open()
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	defer func() { _ = in.Close() }() // only read
	about, err := in.Stat()
	if err == nil && !about.Mode().IsRegular() {
		err = errors.New("FILE is not a file")
	}
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	res, err := s.do(ctx, http.MethodPost, path, http.Header{"Content-Type": {"text/csv"}}, in, about.Size())
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // only read
	if res.StatusCode != http.StatusOK {
		return refused(res)
	}
	var out registered
	if err := json.NewDecoder(io.LimitReader(res.Body, 256<<20)).Decode(&out); err != nil {
		return failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	return a.showRegistered(&out)
}

func (a *app) showRegistered(r *registered) error {
	if a.json() {
		if err := a.printJSON(r); err != nil {
			return err
		}
		return r.taken()
	}
	fmt.Fprintf(a.stdout, "%d rows: %d recorded, %d unchanged, %d rejected\n", r.Rows, r.Recorded, r.Unchanged, len(r.Rejected))
	if r.WithoutAuthority > 0 {
		fmt.Fprintf(a.stdout, "%d lie in no authority that is known here\n", r.WithoutAuthority)
	}
	if r.Seq != nil {
		fmt.Fprintf(a.stdout, "last entry: %d\n", *r.Seq)
	}
	if len(r.Rejected) == 0 {
		return nil
	}
	var rows [][]any
	for _, x := range r.Rejected {
		rows = append(rows, []any{x.Row, x.Code, brief(x.Message)})
	}
	if err := table(a.stdout, []any{"row", "code", "what is wrong"}, rows); err != nil {
		return err
	}
	return r.taken()
}

// taken is an error where rows were rejected.
func (r *registered) taken() error {
	if len(r.Rejected) == 0 {
		return nil
	}
	return failf(ExitUnreadable, "%d rows were rejected", len(r.Rejected))
}
