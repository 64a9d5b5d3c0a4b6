// Package tools is what custos-tools does: it repeats every hash and every
// decision of a ledger from a copy of its folder, proves and checks single
// entries, reports, makes synthetic data and measures. Nothing here writes to a
// node's folder, and nothing needs a secret key.
package tools

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes. They are part of the interface: scripts and auditors act on the
// difference between "tampered" and "cannot say".
const (
	ExitDone         = 0
	ExitIntegrity    = 1 // tampered, forked, or a proof that does not hold
	ExitUsage        = 2
	ExitUnreadable   = 3
	ExitIncomplete   = 4 // what is there holds, but something is missing: cannot say
	ExitNoServer     = 5
	ExitNotPermitted = 6
	ExitDiffers      = 7 // of cpis compare: what was compared is not the same
)

// failure is an error with the exit code that it means.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failing makes an error end the program with a code.
func failing(code int, err error) error {
	if err == nil {
		return nil
	}
	return &failure{code, err}
}

// failf is failing with a message.
func failf(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// errSaid ends the program with a code when everything was printed already.
var errSaid = errors.New("")

// Main runs one command and returns its exit code. Results go to stdout;
// errors, progress and advice go to stderr.
func Main(args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return ExitDone
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, "custos-tools:", text)
	}
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return ExitUsage // cobra's own: an unknown command or flag
}

// app is what the commands share.
type app struct {
	stdout, stderr io.Writer
	output         string // text or json
}

func (a *app) json() bool { return a.output == "json" }

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	a := &app{stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:   "custos-tools",
		Short: "Verify, replay and measure a Custos ledger",
		Long: "Verify, replay and measure a Custos ledger.\n\n" +
			"Exit codes: 0 verified or done, 1 integrity failure, 2 usage, 3 input cannot be read,\n" +
			"4 incomplete (cannot say), 5 no server, 6 not permitted, 7 what was compared differs.",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "text" && a.output != "json" {
				return failf(ExitUsage, "-o takes text or json")
			}
			return nil
		},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "text", "text or json")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(a.commands()...)
	return root
}

// exactly refuses a wrong number of arguments and says what is wanted.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			if n == 0 {
				return failf(ExitUsage, "this command takes flags only")
			}
			return failf(ExitUsage, "this command takes %s", what)
		}
		return nil
	}
}

// required refuses missing flags by name.
func required(flags map[string]string) error {
	var missing []string
	for name, value := range flags {
		if value == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return failf(ExitUsage, "missing %s", strings.Join(sorted(missing), ", "))
}
