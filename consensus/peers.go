package consensus

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

const (
	pingEvery   = time.Second
	pingTimeout = 3 * time.Second
	// freshFor is how long a peer's word counts.
	freshFor = 5 * time.Second
	// maxClockError is how far a leader's clock may be from the median of all clocks, unless the configuration says
	// otherwise. Ledger time never goes back, so one jump forward would be permanent.
	maxClockError = 2 * time.Second
)

// ping is what members tell each other every second.
type ping struct {
	Time    ledger.Time `cbor:"1,keyasint"`
	URL     string      `cbor:"2,keyasint"` // where people reach the node
	Size    int64       `cbor:"3,keyasint"`
	Applied uint64      `cbor:"4,keyasint"`
	Leading bool        `cbor:"5,keyasint"` // records can be committed there now
	Note    []byte      `cbor:"6,keyasint,omitempty"`
	// Cosigned is only sent where witnesses are configured: a program that does not know it refuses the ping.
	Cosigned []byte `cbor:"7,keyasint,omitempty"`
}

func (p ping) encode() []byte {
	b, err := ledger.Marshal(p)
	if err != nil {
		return nil // of plain fields: cannot happen
	}
	return b
}

func parsePing(b []byte) (ping, error) {
	var p ping
	err := ledger.Unmarshal(b, &p)
	return p, err
}

// peer is what is known of another member.
type peer struct {
	link   link
	seen   time.Time // when it last answered or asked
	ping   ping
	offset time.Duration // its clock minus ours, at the last answer
	timed  time.Time     // when that was
}

// peers are this node's links to the others.
type peers struct {
	n   *Node
	mu  sync.Mutex
	all map[string]*peer
	off atomic.Bool // our clock is not our peers'
}

func (p *peers) get(node string) *peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.all[node]
	if x == nil {
		x = &peer{link: link{net: p.n.net, peer: node}}
		p.all[node] = x
	}
	return x
}

func (p *peers) link(node string) *link { return &p.get(node).link }

func (p *peers) heard(node string, m ping) {
	x := p.get(node)
	p.mu.Lock()
	x.seen, x.ping = time.Now(), m
	p.mu.Unlock()
	if m.Leading {
		p.n.catchUp.CompareAndSwap(0, m.Applied)
		p.n.learn(m.Note)
		if p.n.witnesses != nil && len(m.Cosigned) > 0 {
			p.n.witnesses.learn(m.Cosigned)
		}
	}
}

// info returns what is known of a peer, and whether it was heard of lately.
func (p *peers) info(node string) (ping, time.Time, time.Duration, bool) {
	x := p.get(node)
	p.mu.Lock()
	defer p.mu.Unlock()
	return x.ping, x.seen, x.offset, time.Since(x.seen) < freshFor
}

func (p *peers) clockOff() bool { return p.off.Load() }

// close drops every connection.
func (p *peers) close() {
	p.mu.Lock()
	all := make([]*peer, 0, len(p.all))
	for _, x := range p.all {
		all = append(all, x)
	}
	p.mu.Unlock()
	for _, x := range all {
		x.link.close()
	}
}

// treeBefore asks a peer which tree it had before the entry at index.
func (p *peers) treeBefore(ctx context.Context, node string, index uint64) (tlog.Tree, error) {
	b, err := p.link(node).call(ctx, callTree, binary.BigEndian.AppendUint64(nil, index))
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(b) != 8+tlog.HashSize {
		return tlog.Tree{}, errFrame
	}
	return tlog.Tree{N: int64(binary.BigEndian.Uint64(b)), Hash: tlog.Hash(b[8:])}, nil
}

// check asks a node to find out whether its tree before the entry at index was the majority's.
func (p *peers) check(ctx context.Context, node string, index uint64) error {
	if node == p.n.id.Node {
		return nil // it has just done so
	}
	if !slices.ContainsFunc(p.n.list(), func(m Member) bool { return m.Node == node }) {
		return ErrPeer
	}
	_, err := p.link(node).call(ctx, callCheck, binary.BigEndian.AppendUint64(nil, index))
	return err
}

// exchange tells every member about this node each second, and measures the difference of the clocks by the way.
func (p *peers) exchange() {
	defer p.n.wait.Done()
	for {
		select {
		case <-p.n.closing:
			return
		case <-p.n.poke:
		case <-time.After(pingEvery):
		}
		var all sync.WaitGroup
		for _, m := range p.n.list() {
			if m.Node != p.n.id.Node {
				all.Go(func() { p.ask(m.Node) })
			}
		}
		all.Wait()
		p.judge()
	}
}

func (p *peers) ask(node string) {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	x := p.get(node)
	before := p.n.clock()
	start := time.Now()
	b, err := x.link.call(ctx, callPing, p.n.pingNow().encode())
	if err != nil {
		if errors.Is(err, ErrUnknown) {
			x.link.close() // half-open, or the peer hangs: whoever waits there may try elsewhere
		}
		return
	}
	m, err := parsePing(b)
	if err != nil {
		return
	}
	rtt := time.Since(start)
	p.mu.Lock()
	x.timed = time.Now()
	x.offset = m.Time.Std().Sub(before.Add(rtt / 2))
	p.mu.Unlock()
	p.heard(node, m)
}

// judge compares our clock with the median of all clocks that are known, ours among them.
func (p *peers) judge() {
	offsets := []time.Duration{0}
	p.mu.Lock()
	for _, x := range p.all {
		if !x.timed.IsZero() && time.Since(x.timed) < freshFor {
			offsets = append(offsets, x.offset)
		}
	}
	p.mu.Unlock()
	slices.Sort(offsets)
	// Of an even number, the one nearer to our own: one clock that is wrong must not stop a pair of nodes.
	low, high := offsets[(len(offsets)-1)/2], offsets[len(offsets)/2]
	median := low
	if high.Abs() < low.Abs() {
		median = high
	}
	off := median.Abs() > p.n.config.MaxClockError
	if p.off.Swap(off) != off {
		p.n.log.Warn("this node's clock against its peers'", "off", off, "peers ahead by", median)
	}
}
