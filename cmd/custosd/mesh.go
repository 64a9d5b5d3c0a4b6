package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"custos/api"
	"custos/api/cpis"
	"custos/api/deliver"
	"custos/api/mesh"
	"custos/ledger"
)

// MESH says how CP-IS messages are exchanged with local authorities: a client's
// configuration (docs/MESH.md), and with whom. Without it nothing is exchanged.
type MESH struct {
	mesh.Config

	// Mailboxes has the mailbox of each authority, by its ODS code. From these
	// alone message 01 is taken, and to these 02, 05 and 06 are sent.
	Mailboxes map[string]string `json:"mailboxes"`

	// Organisation and System name the service in a message 05 that may not say
	// who looked: its ODS code and name, and its accredited system id.
	Organisation MESHOrganisation `json:"organisation"`
	System       string           `json:"system"`

	Deliver mesh.Duration `json:"deliver,omitzero"` // between two batches of one authority; 15m
	Alarm   mesh.Duration `json:"alarm,omitzero"`   // how long notifications may wait before the log says so; 1h
}

// MESHOrganisation is an organisation as messages name it.
type MESHOrganisation struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// paths are the paths that the file may give relative to itself.
func (m *MESH) paths() []*string {
	if m == nil {
		return nil
	}
	return []*string{&m.PasswordFile, &m.SharedKeyFile, &m.CertificateFile, &m.KeyFile, &m.AuthorityFile}
}

// startMESH begins to exchange messages whenever this node leads, until the
// node's context ends.
func (n *node) startMESH(ctx context.Context, keys *ledger.Keyring, clock func() time.Time, log *slog.Logger) error {
	m := n.cfg.MESH
	if m == nil {
		return nil
	}
	client, err := mesh.New(m.Config)
	if err != nil {
		return misuse("mesh: %w", err)
	}
	service, err := deliver.New(deliver.Config{Node: n.cluster, NodeID: n.cfg.Node, Keyring: keys, MESH: client, Load: n.load, Mailboxes: m.Mailboxes,
		Service: cpis.Party{Code: m.Organisation.Code, Name: m.Organisation.Name}, System: m.System,
		Every: time.Duration(m.Deliver), Alarm: time.Duration(m.Alarm), Logger: log, Now: clock})
	if err != nil {
		return misuse("mesh: %w", err)
	}
	if err := n.edge.Register(service.Collectors()...); err != nil {
		return err
	}
	n.running.Go(func() { service.Run(ctx) })
	return nil
}

// load gives a file that came by MESH to the same engine that takes files over
// HTTP. What its sender may not do, it may not do an hour later either.
func (n *node) load(ctx context.Context, authority, mailbox string, file io.Reader, answer io.Writer) error {
	_, err := n.edge.LoadMessage(ctx, api.MailboxIdentity("mesh", authority, mailbox), file, answer)
	var p *api.Problem
	if errors.As(err, &p) && p.Denied() {
		return mesh.Permanent(err)
	}
	return err
}
