package main

import (
	"context"
	"log/slog"
	"time"

	"custos/api/deliver"
	"custos/ledger"
)

// startLinks begins to follow sealed links whenever this node leads, until ctx
// ends. Whether there are any is for policy to say: nothing configures it.
func (n *node) startLinks(ctx context.Context, keys *ledger.Keyring, clock func() time.Time, log *slog.Logger) error {
	l, err := deliver.NewLinks(deliver.LinksConfig{Node: n.cluster, NodeID: n.cfg.Node, Keyring: keys, Logger: log, Now: clock})
	if err != nil {
		return err
	}
	if err := n.edge.Register(l.Collectors()...); err != nil {
		return err
	}
	n.running.Go(func() { l.Run(ctx) })
	return nil
}
