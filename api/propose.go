package api

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"custos/consensus"
	"custos/ledger"
)

// draft is a command while its handler puts it together.
type draft struct {
	s       *Server
	command ledger.Command
	actor   *actor
	keys    []ledger.DataKey          // made here and recorded by this command
	profile bool                      // the actor's name travels with it
	linking map[ledger.PersonRef]bool // of whom a row was sealed: see link
}

// draft begins a command of a caller. Its id is the request's Idempotency-Key,
// so that a retry is the same command; content says what was asked.
func (s *Server) draft(w http.ResponseWriter, r *http.Request, who *Identity, content ledger.Tag) (*draft, error) {
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return nil, p
	}
	if sealedTo(who) { // what was shown after a strong sign-in is not shown again, under its key, after a weak one
		content = s.keys.Content("weakly signed in", content[:])
	}
	return s.draftAs(key, who, content)
}

func (s *Server) draftAs(id ledger.ID, who *Identity, content ledger.Tag) (*draft, error) {
	a, err := s.actor(who)
	if err != nil {
		return nil, err
	}
	d := &draft{s: s, actor: a}
	d.command = ledger.Command{ID: id, Content: content, Actor: a.actor}
	if _, err := rand.Read(d.command.Seed[:]); err != nil {
		return nil, err
	}
	if !a.recorded.Load() {
		actorID := a.actor.ID()
		if err := d.seal(ledger.HolderActor, actorID[:], ledger.PayloadProfile, 0, a.details); err != nil {
			return nil, err
		}
		d.profile = true
	}
	return d, nil
}

// seal adds a payload under its holder's key, making one if there is none.
func (d *draft) seal(h ledger.Holder, holder []byte, p ledger.Payload, row int, details any) error {
	key, err := d.key(h, holder)
	if err != nil {
		return err
	}
	sealed, err := d.s.keys.Seal(key, p, d.command.ID, row, details)
	if err != nil {
		return err
	}
	d.command.Sealed = append(d.command.Sealed, sealed)
	return nil
}

// key returns the holder's key, the same one throughout a command.
func (d *draft) key(h ledger.Holder, holder []byte) (ledger.DataKey, error) {
	for i := range d.keys {
		if w := &d.keys[i].Wrapped; w.Holder == h && string(w.ID) == string(holder) {
			return d.keys[i], nil
		}
	}
	key, err := d.s.held.key(d.s, h, holder)
	if err == nil && key.New {
		d.keys = append(d.keys, key)
		d.command.Keys = append(d.command.Keys, key.Wrapped)
	}
	return key, err
}

// propose has the request decided and recorded. Any error means that nothing
// may be shown; a refusal comes back as its problem, with the entry that
// records it where there is one.
func (d *draft) propose(ctx context.Context, q ledger.Request) (*consensus.Outcome, error) {
	d.command.Request = q
	out, err := d.s.node.Propose(ctx, d.command)
	if err != nil {
		d.s.stats.failed.Inc()
		return nil, proposeProblem(err)
	}
	if out.Answer.Refusal != nil {
		d.s.stats.refused.Inc()
		return nil, refusalProblem(&out)
	}
	return &out, d.remember()
}

// reasoned has a request decided that needs a reason, which it seals.
func (s *Server) reasoned(w http.ResponseWriter, r *http.Request, who *Identity, content ledger.Tag, reason string, q ledger.Request) (*consensus.Outcome, error) {
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return nil, err
	}
	if err := d.reason(reason); err != nil {
		return nil, err
	}
	return d.propose(r.Context(), q)
}

// remember lets later commands rely on what this one carried, without carrying
// it again. That it was granted is not enough: where another command came first
// with the same profile, or the same command was asked again, the ledger did
// not keep this one's keys, and what is sealed under a key that is not kept can
// never be opened. The people of a file are not remembered: there are many,
// and whoever looks one of them up finds the key in the ledger.
func (d *draft) remember() error {
	for _, k := range d.keys {
		if d.command.Bulk && k.Wrapped.Holder == ledger.HolderPerson {
			continue
		}
		recorded, err := d.s.node.DataKeys(k.Wrapped.Holder, k.Wrapped.ID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(recorded, func(w ledger.WrappedKey) bool { return w.Key == k.Wrapped.Key }) {
			d.s.held.keep(k)
		}
	}
	if d.profile {
		_, recorded, err := d.s.node.View().Profile(d.actor.actor.ID(), d.actor.actor.Profile)
		if err != nil {
			return err
		}
		if recorded {
			d.actor.recorded.Store(true)
		}
	}
	return nil
}

func proposeProblem(err error) error {
	switch {
	case errors.Is(err, consensus.ErrBusy):
		return problem("busy")
	case errors.Is(err, consensus.ErrBehind):
		return problem("behind-witnesses")
	case errors.Is(err, consensus.ErrNoLeader), errors.Is(err, consensus.ErrReadOnly), errors.Is(err, consensus.ErrClosed):
		return problem("unavailable")
	case errors.Is(err, consensus.ErrUnknown), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem("outcome-unknown")
	}
	return err
}

func refusalProblem(out *consensus.Outcome) *Problem {
	p := problem(out.Answer.Refusal.Code)
	p.From = out.Answer.Refusal.From.String()
	if out.Recorded {
		seq := uint64(out.Answer.Seq)
		p.Seq = &seq
		p.Receipt = string(out.Receipt().Format())
	}
	return p
}

// deny records that a caller asked for what its role may not have, and answers so.
func (s *Server) deny(ctx context.Context, who *Identity, a ledger.Action) error {
	var id ledger.ID
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	d, err := s.draftAs(id, who, ledger.Tag{})
	if err != nil {
		return err
	}
	if _, err := d.propose(ctx, &ledger.Deny{Action: a}); err != nil {
		return err
	}
	return problem(ledger.RefusedRole)
}

// turnAway records that somebody whom an issuer vouches for has come without what lets them in, and answers
// with the reason. While no record can be made, that is the answer.
func (s *Server) turnAway(ctx context.Context, p *Problem, a ledger.Action) error {
	var recorded *Problem
	if err := s.deny(ctx, p.who, a); !errors.As(err, &recorded) || recorded.Seq == nil {
		return err
	}
	told := *p
	told.Seq, told.Receipt = recorded.Seq, recorded.Receipt
	return &told
}

// body reads a small JSON body whole, keeps its digest as what was asked, and
// decodes it strictly.
func (s *Server) body(r *http.Request, route string, dst any) (ledger.Tag, error) {
	var content ledger.Tag
	err := withBody(r.Body, jsonBody, func(raw []byte) error {
		content = s.keys.Content(route, raw)
		return decodeStrictBytes(raw, dst)
	})
	return content, err
}

// cite sets the header that names the entry of an answer.
func cite(w http.ResponseWriter, n ledger.Seq) {
	w.Header()["Custos-Seq"] = []string{strconv.FormatUint(uint64(n), 10)}
}

// seqAhead is how far beyond this node's own end a sequence number may lie and
// still be asked for: a follower is behind by what is on its way to it.
const seqAhead = 1 << 20

// pathSeq reads a sequence number from the path. One that no entry can have is
// not found here and goes no further: a command would record it, and what looks
// like a number of ten digits may be a person's.
func (s *Server) pathSeq(r *http.Request, name string) (ledger.Seq, error) {
	text := pathVar(r, name)
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != text || ledger.Seq(n) >= s.node.View().R.Head().Size+seqAhead {
		return 0, problem("not-found")
	}
	return ledger.Seq(n), nil
}
