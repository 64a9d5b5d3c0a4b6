// Command custosd is the Custos server: a real node, or a demonstration on
// loopback with synthetic data.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	coarseTimers()
	os.Exit(run(os.Args[1:]))
}

// run maps errors to exit codes: 2 for how it was called or configured, 1 for
// everything else. A node whose disk fails ends by itself with 70.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: "custosd", Short: "Child Protection - Information Sharing, on the record",
		SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(serveCommand(), initCommand(), keysCommand(), demoCommand(), witnessCommand())
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "custosd:", err)
	var usage *usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// usageError is a mistake in how the command was called or configured.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func misuse(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }
