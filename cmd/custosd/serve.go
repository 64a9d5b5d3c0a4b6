package main

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"custos/consensus"
)

func serveCommand() *cobra.Command {
	var path string
	c := &cobra.Command{Use: "serve --config FILE", Short: "run a node", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := readConfig(path)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg)
		}}
	c.Flags().StringVar(&path, "config", "", "the node's configuration file")
	must(c.MarkFlagRequired("config"))
	return c
}

func initCommand() *cobra.Command {
	var path string
	c := &cobra.Command{Use: "init --config FILE", Short: "create a node's data folder, once", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := readConfig(path)
			if err != nil {
				return err
			}
			cc, err := cfg.consensus()
			if err != nil {
				return err
			}
			return consensus.Init(cc)
		}}
	c.Flags().StringVar(&path, "config", "", "the node's configuration file")
	must(c.MarkFlagRequired("config"))
	return c
}

// must is for what cannot fail unless this program is wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// serve runs a node until its context ends.
func serve(ctx context.Context, cfg *Config) error {
	tune()
	log, err := newLogger(cfg.LogLevel, os.Stderr)
	if err != nil {
		return err
	}
	o := nodeOptions{log: log}
	if cfg.Demo != "" {
		o.demo = &demoPages{cfg.Demo}
	}
	n, err := startNode(cfg, o)
	if err != nil {
		return err
	}
	if err := n.listen(); err != nil {
		return errors.Join(err, n.close())
	}
	log.Info("serving", "node", cfg.Node, "public", cfg.Public, "admin", cfg.Admin)
	select {
	case <-ctx.Done():
		err = nil
	case err = <-n.failed:
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
	}
	return errors.Join(err, n.close())
}
