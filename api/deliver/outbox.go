package deliver

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"custos/api/mesh"
	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// types are what has a message of its own, in the order in which it is sent.
var types = []ledger.NotificationType{ledger.NotifyAccess, ledger.NotifyInactive}

// pass looks once at everything that waits. Where MESH itself is out of reach it
// ends, for the next authority would only wait for the same; and the next pass
// begins behind the one that it ended at, so that nobody waits behind another's
// message for ever.
func (s *Service) pass(ctx context.Context) {
	log, err := s.cfg.Node.View().Log()
	if err != nil || log.Rules < 2 {
		s.failed("reading the log", err)
		return
	}
	all := s.cfg.authorities()
	for i := range all {
		at := (s.begin + i) % len(all)
		for _, t := range types {
			err := s.deliver(ctx, log.ID, all[at], t)
			if err == nil {
				continue
			}
			if ctx.Err() == nil {
				s.cfg.Logger.Warn("delivery goes on later", "authority", all[at], "type", t.String(), "error", err)
			}
			if ends(err) {
				s.begin = at + 1
				return
			}
		}
	}
}

// ends tells whether an error is not one of a single message.
func ends(err error) bool {
	var e *mesh.Error
	var refusal *ledger.Refusal
	switch {
	case errors.As(err, &refusal):
		return false
	case errors.As(err, &e):
		return e.Code != mesh.BadAnswer && !refused(e.Code)
	}
	return true
}

// deliver does what is due for one authority and type: the attempt of which
// nobody knows, then what failed, then what is new.
func (s *Service) deliver(ctx context.Context, log ledger.ID, authority string, t ledger.NotificationType) error {
	view := s.cfg.Node.View()
	box, err := view.Outbox(authority, t)
	if err != nil {
		return err
	}
	if box.Open != 0 {
		a, _, err := view.Attempt(box.Open)
		if err != nil || s.since(a.Last) < s.cfg.Settle {
			return err
		}
		if settled, err := s.findOut(ctx, log, &a); err != nil || !settled {
			return err
		}
	}
	q := &ledger.AttemptDelivery{Authority: authority, Type: t, Way: ledger.ByMESH}
	for _, n := range box.Failed {
		a, _, err := view.Attempt(n)
		if err != nil {
			return err
		}
		if s.since(a.Last) < s.pause(a.Failures) {
			continue
		}
		anew := *q
		anew.Instead = n
		if settled, err := s.attempt(ctx, log, &anew); err != nil || !settled {
			return err
		}
		break // one at a time: what is new does not wait for all that failed
	}
	if box.At != 0 && s.since(box.At) < s.cfg.Every {
		return nil
	}
	waiting, err := s.cfg.Node.View().Undelivered(authority, t)
	if err != nil {
		return err
	}
	for len(waiting) > 0 {
		n := min(len(waiting), ledger.MaxDelivery)
		batch := *q
		for i := range waiting[:n] {
			batch.Notifications = append(batch.Notifications, waiting[i].ID)
		}
		if settled, err := s.attempt(ctx, log, &batch); err != nil || !settled {
			return err
		}
		waiting = waiting[n:]
	}
	return nil
}

// pause is how long what failed so many times rests.
func (s *Service) pause(failures int) time.Duration {
	d := s.cfg.Every
	for ; failures > 1 && d < longestPause; failures-- {
		d *= 2
	}
	return min(d, max(longestPause, s.cfg.Every))
}

func (s *Service) since(t ledger.Time) time.Duration { return s.cfg.Now().Sub(t.Std()) }

// attempt records an attempt and sends what it opened. It reports whether the
// attempt has an outcome.
func (s *Service) attempt(ctx context.Context, log ledger.ID, q *ledger.AttemptDelivery) (settled bool, err error) {
	out, err := propose(ctx, s.cfg.Node, s.cfg.NodeID, q)
	if err != nil {
		return false, err
	}
	s.stats.attempts.Inc()
	// Dying here leaves an attempt of which nobody knows. It was not sent: findOut learns that.
	return s.send(ctx, log, out, false)
}

// findOut asks MESH what became of an attempt, and makes it again where MESH
// does not have it. Nothing is opened before that is known.
func (s *Service) findOut(ctx context.Context, log ledger.ID, a *ledger.Attempt) (settled bool, err error) {
	found, err := s.cfg.MESH.Find(ctx, localID(log, a.Type, a.ID))
	switch {
	case errors.Is(err, mesh.NotFound), err == nil && found.State == mesh.Uploading:
	case errors.Is(err, mesh.SentTwice):
		return s.sentTwice(ctx, a.ID)
	case err != nil:
		return false, err
	case found.State == mesh.Failed:
		return s.settle(ctx, &ledger.SettleDelivery{Attempt: a.ID, Code: failure(mesh.Undelivered, found.Code), Message: found.MessageID})
	default:
		return s.settle(ctx, &ledger.SettleDelivery{Attempt: a.ID, Message: found.MessageID})
	}
	out, err := propose(ctx, s.cfg.Node, s.cfg.NodeID, &ledger.RepeatDelivery{Attempt: a.ID})
	if err != nil {
		return false, err
	}
	s.stats.repeats.Inc()
	return s.send(ctx, log, out, true)
}

// send makes the message of a committed attempt, and gives it to MESH.
func (s *Service) send(ctx context.Context, log ledger.ID, out *consensus.Outcome, again bool) (settled bool, err error) {
	d := out.Answer.Delivery
	text, err := s.message(log, d, out.Answer.Profiles)
	if err != nil {
		s.cfg.Logger.Error("a batch cannot be written", "attempt", uint64(d.Attempt), "authority", d.Authority)
		return s.settle(ctx, &ledger.SettleDelivery{Attempt: d.Attempt, Code: "not-written"})
	}
	workflow := s.cfg.MESH.Workflows().AccessNotification
	if d.Type == ledger.NotifyInactive {
		workflow = s.cfg.MESH.Workflows().InactiveNumber
	}
	sent, err := s.cfg.MESH.Send(ctx, mesh.Outgoing{To: s.cfg.Mailboxes[d.Authority], Workflow: workflow, LocalID: localID(log, d.Type, d.Attempt),
		Again: again, ContentType: "application/xml", Body: bytes.NewReader(text), Size: int64(len(text))})
	// Dying here, MESH has it and the ledger does not know: findOut learns that.
	var e *mesh.Error
	switch {
	case err == nil:
		return s.settle(ctx, &ledger.SettleDelivery{Attempt: d.Attempt, Message: sent.MessageID})
	case errors.Is(err, mesh.SentTwice):
		return s.sentTwice(ctx, d.Attempt)
	case errors.As(err, &e) && refused(e.Code):
		s.cfg.Logger.Error("MESH did not take a batch", "attempt", uint64(d.Attempt), "authority", d.Authority, "error", err)
		return s.settle(ctx, &ledger.SettleDelivery{Attempt: d.Attempt, Code: failure(e.Code, e.MESH), Message: e.MessageID})
	}
	s.stats.unknown.Inc()
	return false, err // the attempt stays open
}

// refused tells whether an error of sending is about this message. Any other is
// about MESH or us, or says that nobody knows.
func refused(c mesh.Code) bool {
	return c == mesh.Refused || c == mesh.Undelivered || c == mesh.NotSendable
}

// failure is how an outcome is recorded: our code, and MESH's where it gave one.
func failure(c mesh.Code, theirs string) string {
	if theirs == "" {
		return string(c)
	}
	return string(c) + ":" + theirs
}

// sentTwice: MESH has the message, more than once. It is there, and somebody
// must look.
func (s *Service) sentTwice(ctx context.Context, attempt ledger.Seq) (settled bool, err error) {
	s.cfg.Logger.Error("MESH has a batch more than once", "attempt", uint64(attempt))
	return s.settle(ctx, &ledger.SettleDelivery{Attempt: attempt})
}

func (s *Service) settle(ctx context.Context, q *ledger.SettleDelivery) (settled bool, err error) {
	if _, err := propose(ctx, s.cfg.Node, s.cfg.NodeID, q); err != nil {
		return false, err
	}
	if q.Code != "" {
		s.stats.failures.Inc()
	}
	return true, nil
}

// propose has a request of the system decided. A refusal is an error: another
// leader was there first, and the views say what it did.
func propose(ctx context.Context, n Node, name string, q ledger.Request) (*consensus.Outcome, error) {
	c := ledger.Command{Actor: ledger.SystemActor(name), Request: q, Bulk: true} // lookups go first
	for _, id := range []*ledger.ID{&c.ID, &c.Seed} {
		if _, err := rand.Read(id[:]); err != nil {
			return nil, err
		}
	}
	out, err := n.Propose(ctx, c)
	if err != nil {
		return nil, err
	}
	if out.Answer.Refusal != nil {
		return nil, out.Answer.Refusal
	}
	return &out, nil
}

// waits is what waits for one authority: how much, and since when.
func (s *Service) waits(view projection.View, authority string, t ledger.NotificationType) (n int, oldest ledger.Time, err error) {
	list, err := view.Undelivered(authority, t)
	if err != nil {
		return 0, 0, err
	}
	if n = len(list); n > 0 {
		oldest = list[0].Queued
	}
	box, err := view.Outbox(authority, t)
	if err != nil {
		return 0, 0, err
	}
	attempts := box.Failed
	if box.Open != 0 {
		attempts = append([]ledger.Seq{box.Open}, attempts...)
	}
	for _, id := range attempts {
		a, ok, err := view.Attempt(id)
		if err != nil || !ok {
			return 0, 0, err
		}
		n += len(a.Notifications)
		first, _, err := view.Notification(a.Notifications[0])
		if err != nil {
			return 0, 0, err
		}
		if oldest == 0 || first.Queued < oldest {
			oldest = first.Queued
		}
	}
	return n, oldest, nil
}
