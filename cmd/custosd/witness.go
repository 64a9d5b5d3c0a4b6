package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus/witness"
)

// witnessKeyFile is the witness's secret, in its folder.
const witnessKeyFile = "witness.key"

func witnessCommand() *cobra.Command {
	var dir, listen string
	var logs []string
	c := &cobra.Command{Use: "witness --dir DIR --listen ADDR --log VKEY [--log VKEY]", Short: "run a witness: cosign what logs show, if it goes on from before",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openWitness(dir, logs)
			if err != nil {
				return err
			}
			return serveWitness(cmd.Context(), s, listen)
		}}
	c.Flags().StringVar(&dir, "dir", "", "the witness's folder, made by init and never restored from a copy")
	c.Flags().StringVar(&listen, "listen", "", "host:port; put TLS in front of it unless it is on loopback")
	c.Flags().StringArrayVar(&logs, "log", nil, "a log's verifier key; may be given again")
	must(c.MarkFlagRequired("dir"))
	must(c.MarkFlagRequired("listen"))
	must(c.MarkFlagRequired("log"))
	c.AddCommand(witnessInitCommand())
	return c
}

func witnessInitCommand() *cobra.Command {
	var dir, name string
	c := &cobra.Command{Use: "init --dir DIR --name NAME", Short: "make a witness's folder and key, once, and print its verifier key",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			verifier, err := initWitness(dir, name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), verifier)
			return err
		}}
	c.Flags().StringVar(&dir, "dir", "", "a new folder")
	c.Flags().StringVar(&name, "name", "", "the witness's name, a schema-less URL of its operator's")
	must(c.MarkFlagRequired("dir"))
	must(c.MarkFlagRequired("name"))
	return c
}

func initWitness(dir, name string) (string, error) {
	secret, verifier, err := witness.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", misuse("%w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return verifier, writeNew(filepath.Join(dir, witnessKeyFile), []byte(secret+"\n"))
}

func openWitness(dir string, logs []string) (*witness.Server, error) {
	secret, err := readSecret(filepath.Join(dir, witnessKeyFile))
	if err != nil {
		return nil, misuse("the witness's key: %w", err)
	}
	c := witness.Config{Dir: dir}
	if c.Signer, err = witness.ParseKey(strings.TrimSpace(string(secret))); err != nil {
		return nil, misuse("the witness's key: %w", err)
	}
	for _, l := range logs {
		v, err := note.NewVerifier(l)
		if err != nil {
			return nil, misuse("--log: %w", err)
		}
		c.Logs = append(c.Logs, v)
	}
	if c.Logger, err = newLogger("", os.Stderr); err != nil {
		return nil, err
	}
	return witness.Open(c)
}

// serveWitness answers until the context ends.
func serveWitness(ctx context.Context, s *witness.Server, listen string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return errors.Join(fmt.Errorf("open the witness's listener: %w", err), s.Close())
	}
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = srv.Shutdown(stop)
	case err = <-failed:
	}
	return errors.Join(err, s.Close())
}
