package deliver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"custos/ledger"
	"custos/projection"
)

// mostWaiting is how many letters of one letterbox may wait to be tried again
// before what is new waits too: a receiver that takes nothing gets no more, and
// one letter that it does not take does not hold up the others.
const mostWaiting = 8

// idleWait is how long to wait where nothing is due.
const idleWait = time.Hour

// pass sends what is due at one address, and returns how long to the next.
func (l *Letters) pass(ctx context.Context, a *Address) (time.Duration, error) {
	var unsent []ledger.Notification
	for {
		view := l.cfg.Node.View()
		log, err := view.Log()
		if err != nil || log.Rules < 3 {
			return idleWait, err
		}
		box, err := view.Letterbox(a.Authority, a.Way)
		if err != nil {
			return 0, err
		}
		if box.Open != 0 { // whoever was about it did not say how it ended
			if err := l.send(ctx, &log, a, &ledger.AttemptLetter{Letter: box.Open}); err != nil {
				return 0, err
			}
			continue
		}
		if rest := l.until(box.Last, l.pause(box.Through, box.Failing)); rest > 0 {
			return rest, nil
		}
		if len(unsent) == 0 && len(box.Waiting) < mostWaiting {
			if unsent, err = view.Unsent(a.Authority, a.Way); err != nil {
				return 0, err
			}
		}
		if len(unsent) > 0 && len(box.Waiting) < mostWaiting {
			n := min(len(unsent), ledger.MaxDelivery)
			q := &ledger.AttemptLetter{Authority: a.Authority, Way: a.Way}
			for i := range unsent[:n] {
				q.Notifications = append(q.Notifications, unsent[i].ID)
			}
			unsent = unsent[n:]
			if err := l.send(ctx, &log, a, q); err != nil {
				return 0, err
			}
			continue
		}
		due, rest, err := l.due(view, &box)
		if err != nil || due == 0 {
			return rest, err
		}
		if err := l.send(ctx, &log, a, &ledger.AttemptLetter{Letter: due}); err != nil {
			return 0, err
		}
	}
}

// due returns the letter that has waited for its turn, or how long to the next.
func (l *Letters) due(view projection.View, box *ledger.Letterbox) (ledger.Seq, time.Duration, error) {
	next := idleWait
	for _, n := range box.Waiting {
		w, _, err := view.Letter(n)
		if err != nil {
			return 0, 0, err
		}
		rest := l.until(w.Last, l.pause(n, w.Attempts))
		if rest <= 0 {
			return n, 0, nil
		}
		next = min(next, rest)
	}
	return 0, next, nil
}

// pause is how long to rest after so many failures: anything up to a bound that
// doubles, so that not all come back at once. It is derived, and so the same on
// whichever node leads: a new leader does not begin anew.
func (l *Letters) pause(of ledger.Seq, failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	most := l.cfg.First
	for n := 1; n < failures && most < l.cfg.Pause; n++ {
		most *= 2
	}
	most = min(most, l.cfg.Pause)
	h := ledger.DeriveID("pause", binary.BigEndian.AppendUint64(nil, uint64(of)), binary.BigEndian.AppendUint64(nil, uint64(failures)))
	return time.Duration(float64(most) * float64(binary.BigEndian.Uint64(h[:8])>>11) / (1 << 53))
}

// until is how long it is until a pause is over.
func (l *Letters) until(from ledger.Time, pause time.Duration) time.Duration {
	return pause - l.cfg.Now().Sub(from.Std())
}

// send records an attempt, makes it, and records how it ended.
func (l *Letters) send(ctx context.Context, log *ledger.Log, a *Address, q *ledger.AttemptLetter) error {
	out, err := propose(ctx, l.cfg.Node, l.cfg.NodeID, q)
	if err != nil {
		return err
	}
	l.stats.attempts.Inc()
	number := q.Letter
	if number == 0 {
		number = out.Answer.Seq
	}
	view := l.cfg.Node.View()
	held, ok, err := view.Letter(number)
	if err != nil || !ok {
		return errors.Join(fmt.Errorf("letter %d was attempted and is not here yet", number), err)
	}
	letter := &Letter{ID: letterID(log.ID, "letter", number), Source: log.Origin, Authority: held.Authority, At: held.At, Again: q.Letter != 0}
	for _, id := range held.Notifications {
		n, _, err := view.Notification(id)
		if err != nil {
			return err
		}
		letter.Of = append(letter.Of, Reference{ID: id, Type: n.Type, QueuedAt: n.Queued})
	}
	// Dying between here and the settling, the letter stays open: the next leader sends it again, under the same id.
	within, cancel := context.WithTimeout(ctx, l.cfg.Limit)
	defer cancel()
	err = a.Carrier.Carry(within, letter)
	if ctx.Err() != nil {
		return ctx.Err() // we lead no more: what came of it is not known here
	}
	settle := &ledger.SettleLetter{Letter: number}
	if err != nil {
		settle.Code = letterNotMade
		var why *Undelivered
		if errors.As(err, &why) {
			settle.Code = why.Code
		}
		settle.Final = l.until(held.Since, l.cfg.GiveUp) <= 0
	}
	if _, err := propose(ctx, l.cfg.Node, l.cfg.NodeID, settle); err != nil {
		return err
	}
	l.stats.settled(settle)
	if settle.Final {
		l.cfg.Logger.Error("a letter was given up", "alarm", "letters", "letter", uint64(number), "authority", a.Authority, "way", a.Way.String(), "code", settle.Code)
	}
	return nil
}
