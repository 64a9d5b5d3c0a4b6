package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"custos/api/hl7"
	"custos/ledger"
)

// Arrivals by HL7 version 2: ADT A04 in MLLP frames. A connection is its
// sender's, whom its certificate and the node's configuration name; a person
// answers for each lookup, whom the message names, or the configuration.

// Sender is a system that may tell of arrivals.
type Sender struct {
	Certificate  [32]byte // SHA-256 of its certificate; zero on a listener without TLS
	Organisation string   // ODS code
	System       string   // what it is called in the ledger: an accredited system id, or a name of its own
	Name         string   // shown where nobody else is named
	Role         string   // clinician or scheduled-clinician
	Responsible  string   // who answers for arrivals that name nobody; empty: nobody does
}

const (
	mllpConnections = 64
	mllpIdle        = 10 * time.Minute // between two messages
	mllpMessage     = 30 * time.Second // from its first byte to its last, and for its answer
)

// identity is who a sender is towards the ledger. There is no token; what stands
// for its digest is its certificate's, or its name's.
func (d *Sender) identity() *Identity {
	id := &Identity{Issuer: "mllp", Subject: d.System, Role: d.Role, RoleName: "system", Organisation: d.Organisation, Name: d.Name, Machine: true, TokenHash: d.Certificate}
	if d.Certificate == ([32]byte{}) {
		id.TokenHash = sha256.Sum256([]byte("mllp\x00" + d.Organisation + "\x00" + d.System))
	}
	return id
}

// ServeArrivals answers connections of senders until the context ends, or the
// listener fails.
func (s *Server) ServeArrivals(ctx context.Context, l net.Listener, senders []Sender) error {
	known := make(map[[32]byte]*Sender, len(senders))
	for i := range senders {
		known[senders[i].Certificate] = &senders[i]
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	places := newInFlight(mllpConnections)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("take a connection that tells of arrivals: %w", err)
		}
		if p := places.acquire(); p != nil {
			s.stats.busy.Inc()
			_ = c.Close()
			continue
		}
		running.Go(func() {
			defer places.release()
			s.serveSender(ctx, c, known)
		})
	}
}

// serveSender answers one connection, message by message.
func (s *Server) serveSender(ctx context.Context, c net.Conn, known map[[32]byte]*Sender) {
	defer func() {
		_ = c.Close() // it ends either way
		if x := recover(); x != nil {
			s.cfg.Logger.Error("arrivals", "event", "panic", "type", fmt.Sprintf("%T", x))
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	from := s.sender(ctx, c, known)
	if from == nil {
		return
	}
	who := from.identity()
	r := bufio.NewReaderSize(c, 4<<10)
	for {
		// Asked after the deadline is set: whoever stops us sets one of their own.
		if c.SetDeadline(time.Now().Add(mllpIdle)) != nil || ctx.Err() != nil {
			return
		}
		if _, err := r.Peek(1); err != nil {
			return // nobody says anything more
		}
		if c.SetDeadline(time.Now().Add(mllpMessage)) != nil || ctx.Err() != nil {
			return
		}
		message, err := hl7.ReadFrame(r)
		framed := errors.Is(err, hl7.ErrFrame) || errors.Is(err, hl7.ErrTooLarge)
		if err != nil && !framed {
			return
		}
		var reply []byte
		if framed {
			s.stats.arrivals.WithLabelValues("refused").Inc()
			reply = hl7.Refused("", s.moment().Std(), hl7.Framed(err))
		} else {
			reply = s.answerArrival(ctx, who, from, message)
		}
		if _, err := c.Write(hl7.Frame(reply)); err != nil || framed {
			return
		}
	}
}

// sender finds out whose a connection is; nil if it is nobody's.
func (s *Server) sender(ctx context.Context, c net.Conn, known map[[32]byte]*Sender) *Sender {
	var fingerprint [32]byte
	if t, ok := c.(*tls.Conn); ok {
		try, cancel := context.WithTimeout(ctx, headerTimeout)
		defer cancel()
		if err := t.HandshakeContext(try); err != nil {
			s.cfg.Logger.Warn("arrivals", "event", "TLS handshake error")
			return nil
		}
		if peers := t.ConnectionState().PeerCertificates; len(peers) > 0 {
			fingerprint = sha256.Sum256(peers[0].Raw)
		}
	}
	from := known[fingerprint]
	if from == nil {
		s.stats.unauthenticated.Inc()
		s.cfg.Logger.Warn("arrivals", "event", "sender not configured")
	}
	return from
}

// answerArrival is the answer to one message. The same message again is the same
// command, and is shown again.
func (s *Server) answerArrival(ctx context.Context, who *Identity, from *Sender, message []byte) []byte {
	m, err := hl7.Parse(message)
	var came *hl7.Arrival
	if err == nil {
		came, err = m.Arrival()
	}
	now := s.moment().Std()
	var fault *hl7.Fault
	if errors.As(err, &fault) {
		s.stats.arrivals.WithLabelValues("refused").Inc()
		return hl7.Refused(m.Control(), now, fault)
	}
	if p := s.slots.acquire(); p != nil {
		s.stats.arrivals.WithLabelValues("unavailable").Inc()
		return hl7.Refused(m.Control(), now, hl7.Ours(p.Code))
	}
	defer s.slots.release()
	if !s.node.CaughtUp() {
		s.stats.arrivals.WithLabelValues("unavailable").Inc()
		return hl7.Refused(m.Control(), now, hl7.Ours("unavailable"))
	}
	sum := sha256.Sum256(message)
	id := ledger.DeriveID("arrival", []byte(who.Organisation), []byte(who.Subject), []byte(came.Control), sum[:])
	out, err := s.arrive(ctx, who, cameTo(came, from), func(as *Identity) (*draft, error) {
		return s.draftAs(id, as, s.keys.ContentSum("mllp", sum))
	})
	if err != nil {
		p := asProblem(err)
		if p.Code == "internal" {
			s.cfg.Logger.Error("arrivals", "event", "failed", "error_type", fmt.Sprintf("%T", err))
		}
		return hl7.Refused(came.Control, now, hl7.Ours(p.Code))
	}
	f := hl7.Found{Outcome: outcomeNotTraced, Entry: uint64(out.Answer.Seq), Plans: len(out.Answer.Plans)}
	if out.Answer.Access != nil {
		f.Outcome = out.Answer.Access.Outcome.String()
	}
	return hl7.Taken(came.Control, now, f)
}

// cameTo is an arrival as the engine has it.
func cameTo(came *hl7.Arrival, from *Sender) *arrival {
	a := &arrival{number: came.Number, attendance: came.Visit, by: &answerable{Name: came.User, System: from.System}}
	a.known = &tracedBody{FamilyName: came.Family, GivenNames: came.Given, DateOfBirth: came.Birth, Postcode: came.Postcode}
	if !came.At.IsZero() {
		a.attendedAt = ledger.Of(came.At)
	}
	if a.by.Name == "" {
		a.by.Name = from.Responsible
	}
	return a
}
