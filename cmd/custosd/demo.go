package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"custos/consensus"
	"custos/ledger"
	"custos/tools/synthetic"
)

const (
	demoSeed   = 20140711 // any number: the same data every time
	demoOrigin = "custos.example/demo"
	unfinished = "unfinished" // marks a folder whose seeding did not end
)

// demoState is what a demo's folder remembers, so that a second run goes on
// with the same data.
type demoState struct {
	Origin   string            `json:"origin"`
	Log      string            `json:"log"`
	Verifier string            `json:"verifier"`
	Nodes    []string          `json:"nodes"`
	Today    ledger.Day        `json:"today"`
	Known    map[string]string `json:"known"`
	People   []persona         `json:"people"`
	Bench    []string          `json:"bench"`
	Seeded   string            `json:"seeded"` // a sentence about the data
	MESH     demoMESH          `json:"mesh,omitzero"`
}

func demoCommand() *cobra.Command {
	var dir, listen string
	var nodes int
	c := &cobra.Command{Use: "demo --dir DIR", Short: "synthetic data on loopback, for trying things out", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if nodes != 1 && nodes != 3 {
				return misuse("--nodes is 1 or 3")
			}
			if !loopback(listen) {
				return misuse("--listen must be on loopback: a demo has tokens for everybody")
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			d := &demo{dir: abs, shown: dir, listen: listen, out: cmd.OutOrStdout(), clock: &demoClock{}}
			return d.run(cmd.Context(), nodes)
		}}
	c.Flags().StringVar(&dir, "dir", ".demo", "folder of the demo's data and keys")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address of the first node; port 0 takes a free one")
	c.Flags().IntVar(&nodes, "nodes", 1, "1: embedded in this process; 3: three processes")
	return c
}

// demo is one run of the demonstration.
type demo struct {
	dir, shown, listen string
	out                io.Writer
	clock              *demoClock
	state              demoState
	configs            []*Config
	drift              time.Duration  // between the nodes' clocks, while history is made
	kept               []net.Listener // addresses that are chosen and not used yet
	provider           net.Listener   // where people sign in
	mailbox            string         // the page of the authority's MESH mailbox; empty: there is none
}

func (d *demo) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) run(ctx context.Context, nodes int) error {
	tune()
	release, err := d.hold()
	if err != nil {
		return err
	}
	defer release()
	if _, err := os.Stat(d.path(unfinished)); err == nil {
		d.say("The folder %s holds a demo that was interrupted while it was made; beginning again.", d.shown)
		if err := d.clear(); err != nil {
			return err
		}
	}
	if err := os.Remove(d.path("env")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	state, err := os.ReadFile(d.path("demo.json"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := d.create(ctx, nodes); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(state, &d.state); err != nil {
			return misuse("%s/demo.json is not a demo's", d.shown)
		}
		if len(d.state.Nodes) != nodes {
			return misuse("%s was made with %d node(s); remove it (make demo-clean), or run it with as many", d.shown, len(d.state.Nodes))
		}
		if err := d.reopen(); err != nil {
			return err
		}
	}
	parted, err := d.exchange(ctx)
	if err != nil {
		return err
	}
	end, err := d.provide()
	if err != nil {
		return errors.Join(err, parted())
	}
	if nodes == 1 {
		err = d.single(ctx)
	} else {
		err = d.cluster(ctx)
	}
	return errors.Join(err, end(), parted())
}

// create makes keys and configurations, starts the nodes in this process on
// the demo's declared clock, and fills them through their own interface.
func (d *demo) create(ctx context.Context, nodes int) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	if err := writeNew(d.path(unfinished), nil); err != nil {
		return err
	}
	for i := range nodes {
		d.state.Nodes = append(d.state.Nodes, "n"+strconv.Itoa(i+1))
	}
	k, err := makeKeys(d.dir, demoOrigin, d.state.Nodes, time.Now())
	if err != nil {
		return err
	}
	d.state.Origin, d.state.Log, d.state.Verifier = demoOrigin, k.log.String(), k.verifier
	if err := makeTokenKey(d.dir); err != nil {
		return err
	}
	var members []Member
	for _, n := range d.state.Nodes {
		peer, err := d.freeAddress("127.0.0.1:0")
		if err != nil {
			return err
		}
		members = append(members, Member{n, peer})
	}
	for i, n := range d.state.Nodes {
		c := d.config(n, members[i].Address)
		c.Members = members
		d.configs = append(d.configs, c)
	}
	if err := d.addresses(); err != nil {
		return err
	}
	for _, c := range d.configs {
		cc, err := c.consensus()
		if err != nil {
			return err
		}
		if err := consensus.Init(cc); err != nil {
			return err
		}
	}
	if err := d.fill(ctx); err != nil {
		return err
	}
	b, err := json.MarshalIndent(d.state, "", "  ")
	if err != nil {
		return err
	}
	if err := writeNew(d.path("demo.json"), b); err != nil {
		return err
	}
	return os.Remove(d.path(unfinished))
}

func (d *demo) config(node, peer string) *Config {
	return &Config{
		Node: node, Log: d.state.Log, Origin: d.state.Origin, Data: d.path(node), Peer: peer, Verifier: d.state.Verifier,
		Secrets: d.path("secrets", "nodes.json"), LogKey: d.path("secrets", "log.key"), PeerCA: d.path("secrets", "ca.pem"),
		PeerCert: d.path("secrets", node+".pem"), PeerKey: d.path("secrets", node+"-key.pem"),
		Audience: demoAudience, Issuers: demoIssuers(d.dir), LogLevel: "warn", Synthetic: true, Demo: d.dir,
		// People try numbers of their own: those are taken unchecked.
		Register: &Register{File: d.path("secrets", "register.csv"), UnknownNumbers: "accept"},
	}
}

// reopen reads the configurations of an earlier run and takes addresses anew;
// only the ports between nodes are fixed, since the membership names them.
func (d *demo) reopen() error {
	for _, n := range d.state.Nodes {
		c, err := readConfig(d.path(n + ".json"))
		if err != nil {
			return err
		}
		d.configs = append(d.configs, c)
	}
	return d.addresses()
}

// addresses picks where the nodes listen, and writes their configurations.
func (d *demo) addresses() error {
	host, port, err := net.SplitHostPort(d.listen)
	if err != nil {
		return misuse("--listen: %w", err)
	}
	first, err := strconv.Atoi(port)
	if err != nil {
		return misuse("--listen: the port is not a number")
	}
	if d.provider, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
		return err
	}
	if err := d.signInSecret(); err != nil {
		return err
	}
	for _, c := range d.configs {
		for try := 0; ; try++ {
			want := "0"
			if first != 0 {
				want = strconv.Itoa(first)
				first++
			}
			c.Public, err = d.freeAddress(net.JoinHostPort(host, want))
			if err == nil {
				break
			}
			if first == 0 || try == 100 {
				return fmt.Errorf("no free port from %s: %w", d.listen, err)
			}
		}
		c.PublicURL = "http://" + c.Public
		if c.Admin, err = d.freeAddress("127.0.0.1:0"); err != nil {
			return err
		}
	}
	programs, err := d.programs()
	if err != nil {
		return err
	}
	for _, c := range d.configs {
		c.SignIn, c.Machines = d.signIn(c), programs
		if err := c.write(d.path(c.Node + ".json")); err != nil {
			return err
		}
	}
	return nil
}

// freeAddress finds an address that can be listened on, and keeps it until the
// nodes start, so that no address is chosen twice.
func (d *demo) freeAddress(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	d.kept = append(d.kept, l)
	return l.Addr().String(), nil
}

// release lets the chosen addresses go to the nodes.
func (d *demo) release() {
	for _, l := range d.kept {
		_ = l.Close() // it was only asked for its number
	}
	d.kept = nil
}

// start runs every node in this process.
func (d *demo) start() ([]*node, error) {
	d.release()
	var nodes []*node
	for _, c := range d.configs {
		f, err := os.OpenFile(d.path(c.Node+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nodes, err
		}
		log, err := newLogger(c.LogLevel, f)
		if err != nil {
			return nodes, err
		}
		o := nodeOptions{log: log, clock: d.clock.now, drift: d.drift, demo: &demoPages{d.dir}}
		n, err := startNode(c, o)
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, n)
		if err := n.listen(); err != nil {
			return nodes, err
		}
	}
	return nodes, nil
}

func closeAll(nodes []*node) error {
	var errs []error
	for _, n := range nodes {
		errs = append(errs, n.close())
	}
	return errors.Join(errs...)
}

// fill starts the nodes on the declared clock, seeds them, and stops them.
func (d *demo) fill(ctx context.Context) error {
	began := time.Now()
	d.say("Making synthetic people, plans and 90 days of history ...")
	data, err := synthetic.Generate(synthetic.GenConfig{Seed: demoSeed, Today: ledger.Of(time.Now()).Day()})
	if err != nil {
		return err
	}
	d.state.Today = data.Config.Today
	register, _, err := data.Register()
	if err == nil {
		err = writeNew(d.path("secrets", "register.csv"), register)
	}
	if err != nil {
		return err
	}
	d.clock.set(historyStart(data))
	// The clock leaps from one past event to the next, and the nodes, which
	// share it, compare what it said a moment ago.
	d.drift = 10 * 365 * 24 * time.Hour
	nodes, err := d.start()
	d.drift = 0
	if err == nil {
		if err = d.waitReady(ctx); err == nil {
			err = d.seed(ctx, data)
		}
	}
	if err := errors.Join(err, closeAll(nodes)); err != nil {
		return err
	}
	d.say("Made in %s.", time.Since(began).Round(100*time.Millisecond))
	return nil
}

// single serves from this process until it is told to stop.
func (d *demo) single(ctx context.Context) error {
	d.clock.real()
	nodes, err := d.start()
	if err == nil {
		err = d.waitReady(ctx)
	}
	if err == nil {
		err = d.ready(ctx, []int{os.Getpid()})
	}
	if err != nil {
		return errors.Join(err, closeAll(nodes))
	}
	select {
	case <-ctx.Done():
	case err = <-nodes[0].failed:
	}
	d.say("\nStopping.")
	return errors.Join(err, closeAll(nodes))
}

// cluster runs each node as a process of its own. One that dies is left dead:
// that is what the demonstration is for.
func (d *demo) cluster(ctx context.Context) error {
	d.release()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var children []*exec.Cmd
	var pids []int
	ended := make(chan string, len(d.configs))
	for _, c := range d.configs {
		f, err := os.OpenFile(d.path(c.Node+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		child := exec.Command(self, "serve", "--config", d.path(c.Node+".json"))
		child.Stdout, child.Stderr = f, f
		// Ctrl-C reaches the whole group; the children are stopped by us, in order.
		child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
		if err := child.Start(); err != nil {
			return err
		}
		children, pids = append(children, child), append(pids, child.Process.Pid)
		go func() {
			err := child.Wait()
			ended <- fmt.Sprintf("node %s has ended: %v", c.Node, err)
		}()
	}
	err = d.waitReady(ctx)
	if err == nil {
		err = d.ready(ctx, pids)
	}
	left := len(children)
	for err == nil && left > 0 {
		select {
		case <-ctx.Done():
			err = context.Canceled
		case what := <-ended:
			d.say("%s", what)
			left--
		}
	}
	d.say("\nStopping.")
	for _, child := range children {
		_ = child.Process.Signal(syscall.SIGTERM) // one that has ended needs none
	}
	deadline := time.After(20 * time.Second)
	for ; left > 0; left-- {
		select {
		case <-ended:
		case <-deadline:
			for _, child := range children {
				_ = child.Process.Kill() // one that has ended needs none
			}
		}
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
