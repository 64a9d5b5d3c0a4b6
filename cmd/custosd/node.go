package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"custos/api"
	"custos/api/deliver"
	"custos/consensus"
	"custos/ledger"
)

// stateInterval is after how much time the leader commits to what its views say,
// where anything has happened.
const stateInterval = time.Second

// lookForDue is how often the leader looks for what has fallen due.
const lookForDue = time.Second

// node is a running node: consensus, the edge and its two listeners.
type node struct {
	cfg      *Config
	log      *slog.Logger
	cluster  *consensus.Node
	network  *consensus.TLS
	tokens   *api.Verifier
	machines *api.MachineTokens // nil: no program is registered
	edge     *api.Server
	servers  []*http.Server
	failed   chan error
	opened   context.Context // ends when the node is to stop
	openStop context.CancelFunc
	letters  *deliver.Letters // nil: none are configured
	register func()           // ends the watch over the register's file
	running  sync.WaitGroup
}

// nodeOptions are what the demo sets beside the configuration.
type nodeOptions struct {
	clock func() time.Time
	log   *slog.Logger
	demo  http.Handler
	drift time.Duration // how far the nodes' clocks may be apart; zero: as consensus has it
}

func newLogger(level string, to *os.File) (*slog.Logger, error) {
	var l slog.Level
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, misuse("logLevel: %w", err)
		}
	}
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: l})), nil
}

// startNode wires a node and starts everything but its listeners.
func startNode(c *Config, o nodeOptions) (*node, error) {
	n := &node{cfg: c, log: o.log, failed: make(chan error, 4)}
	cfg, err := c.consensus()
	if err != nil {
		return nil, err
	}
	keys, err := c.keyring(rand.Reader)
	if err != nil {
		return nil, err
	}
	if cfg.Signer, cfg.Verifier, err = c.signer(); err != nil {
		return nil, err
	}
	if cfg.Witnesses, err = c.policy(); err != nil {
		return nil, err
	}
	credentials, err := c.credentials()
	if err != nil {
		return nil, err
	}
	tokens, err := c.verifierConfig()
	if err != nil {
		return nil, err
	}
	tokens.Logger = o.log
	if n.machines, err = c.Machines.open(c.PublicURL, o.log); err != nil {
		return nil, err
	}
	if n.machines != nil {
		tokens.Issuers = append(tokens.Issuers, n.machines.Issuer())
	}
	if n.tokens, err = api.NewVerifier(tokens); err != nil {
		return nil, errors.Join(misuse("tokens: %w", err), n.machines.Close())
	}
	if n.network, err = consensus.Listen(consensus.ListenConfig{Address: c.Peer, Advertise: c.Advertise, Credentials: credentials, Logger: o.log}); err != nil {
		return nil, errors.Join(err, n.forget())
	}
	if n.network.Identity() != cfg.Identity {
		return nil, errors.Join(misuse("the peer certificate is another node's"), n.network.Close(), n.forget())
	}
	cfg.Network, cfg.Logger, cfg.Clock, cfg.MaxClockError = n.network, o.log, o.clock, o.drift
	cfg.StateInterval = stateInterval
	if o.drift == 0 { // while a demo makes its history, days go by in a second
		cfg.Transitions = lookForDue
	}
	if n.cluster, err = consensus.Open(cfg); err != nil {
		return nil, errors.Join(err, n.network.Close(), n.forget())
	}
	edge := api.Config{Node: n.cluster, NodeID: c.Node, Keyring: keys, Tokens: n.tokens, Machines: n.machines, PeopleAnHour: c.PeopleAnHour,
		Issuer: c.Issuers[0].Issuer, Logger: o.log, PublicURL: c.PublicURL, FHIRWithoutCaution: c.FHIRWithoutCaution, Demo: o.demo, TakingIn: spare.begin}
	if edge.SignIn, err = c.SignIn.open(c.PublicURL); err != nil {
		return nil, errors.Join(err, n.cluster.Close(), n.forget())
	}
	if edge.SignIn != nil && o.demo != nil {
		edge.SignIn.Home = "/"
	}
	if n.letters, err = c.Letters.open(c, n.cluster, o.clock, o.log); err != nil {
		return nil, errors.Join(err, n.cluster.Close(), n.forget())
	}
	if n.letters != nil {
		edge.TryLetter = n.tryLetter
	}
	if c.Register != nil {
		edge.AcceptUnknown = c.Register.UnknownNumbers == "accept"
	}
	if edge.Register, n.register, err = c.Register.open(o.log); err == nil {
		n.edge, err = api.New(edge)
	}
	if err != nil {
		return nil, errors.Join(err, n.cluster.Close(), n.forget())
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.opened, n.openStop = ctx, cancel
	if err := errors.Join(n.startMESH(ctx, keys, o.clock, o.log), n.startLetters(ctx), n.startLinks(ctx, keys, o.clock, o.log)); err != nil {
		cancel()
		n.running.Wait()
		n.register()
		return nil, errors.Join(err, n.cluster.Close(), n.forget())
	}
	spare.cached(c.cacheMiB() << 20)
	go n.openLog(ctx)
	return n, nil
}

// forget stops watching the keys of tokens.
func (n *node) forget() error { return errors.Join(n.tokens.Close(), n.machines.Close()) }

// openLog writes entry 0 of a new log, whichever node leads. It is the same
// command on each, so it is decided once.
func (n *node) openLog(ctx context.Context) {
	id, err := n.cfg.identity()
	if err != nil {
		return // startNode has read it already
	}
	q := &ledger.OpenLog{ID: id.Log, Origin: n.cfg.Origin, Verifier: n.cfg.Verifier, Synthetic: n.cfg.Synthetic,
		DemoClock: n.cfg.Demo != "", Rules: ledger.CurrentRules}
	for n.cluster.View().R.Head().Size == 0 {
		if n.cluster.Ready() {
			try, cancel := context.WithTimeout(ctx, 5*time.Second)
			_, err := n.cluster.Propose(try, ledger.Command{ID: ledger.DeriveID("open log", id.Log[:]),
				Seed: ledger.DeriveID("open log seed", id.Log[:]), Actor: ledger.SystemActor(n.cfg.Node), Request: q})
			cancel()
			if err != nil && ctx.Err() == nil {
				n.log.Warn("opening the log will be tried again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// listen opens the public and the admin listener.
func (n *node) listen() error {
	public, err := net.Listen("tcp", n.cfg.Public)
	if err != nil {
		return fmt.Errorf("open the public listener: %w", err)
	}
	admin, err := net.Listen("tcp", n.cfg.Admin)
	if err != nil {
		return errors.Join(fmt.Errorf("open the admin listener: %w", err), public.Close())
	}
	if err := n.listenMLLP(n.opened); err != nil {
		return errors.Join(err, public.Close(), admin.Close())
	}
	public = api.Listener(public)
	p, a := n.edge.PublicServer(n.cfg.Public), n.edge.AdminServer(n.cfg.Admin)
	n.servers = append(n.servers, p, a)
	go func() {
		if n.cfg.TLSCert != "" {
			n.failed <- p.ServeTLS(public, n.cfg.TLSCert, n.cfg.TLSKey)
			return
		}
		n.failed <- p.Serve(public)
	}()
	go func() { n.failed <- a.Serve(admin) }()
	return nil
}

// close stops taking requests, lets those under way end, and stops the node so
// that a copy of its folder is whole.
func (n *node) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n.openStop()
	n.edge.EndStreams()
	n.running.Wait()
	var errs []error
	for _, s := range n.servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, s.Close())
		}
	}
	errs = append(errs, n.cluster.Close(), n.forget())
	spare.cached(-n.cfg.cacheMiB() << 20)
	n.register()
	return errors.Join(errs...)
}
