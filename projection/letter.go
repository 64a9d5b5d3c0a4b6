package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Letter implements [ledger.View].
func (v View) Letter(n ledger.Seq) (ledger.Letter, bool, error) {
	return read[ledger.Letter](v.R, letterKey(n))
}

// Letterbox implements [ledger.View].
func (v View) Letterbox(authority string, w ledger.Way) (ledger.Letterbox, error) {
	b, _, err := read[ledger.Letterbox](v.R, letterboxKey(authority, w))
	return b, err
}

// Letterboxes lists every letterbox that ever had a letter, by authority and way.
func (v View) Letterboxes() ([]ledger.Letterbox, error) {
	var out []ledger.Letterbox
	for row, err := range v.R.Scan(store.ViewKey(viewLetterbox)) {
		if err != nil {
			return nil, err
		}
		var b ledger.Letterbox
		if err := ledger.Unmarshal(row.Value, &b); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// DeadLetters lists letters that were given up and not asked for again, the
// newest last, at most limit.
func (v View) DeadLetters(limit int) ([]ledger.Letter, error) {
	var numbers []ledger.Seq
	for row, err := range v.R.Back(store.ViewKey(viewDeadLetter), nil) {
		if err != nil {
			return nil, err
		}
		if numbers = append(numbers, seqAtEnd(row.Key)); len(numbers) == limit {
			break
		}
	}
	slices.Reverse(numbers)
	out := make([]ledger.Letter, 0, len(numbers))
	for _, n := range numbers {
		l, err := v.letter(n)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// Unsent lists an authority's notifications, of every type, that were never put
// into a letter of a way, oldest first. Those that somebody has acted on already
// are left out.
func (v View) Unsent(authority string, w ledger.Way) ([]ledger.Notification, error) {
	box, err := v.Letterbox(authority, w)
	if err != nil {
		return nil, err
	}
	var out []ledger.Notification
	for row, err := range v.R.Back(store.ViewKey(viewNotification, named(authority)), nil) {
		if err != nil {
			return nil, err
		}
		if seqAtEnd(row.Key) <= box.Through {
			break
		}
		var n ledger.Notification
		if err := ledger.Unmarshal(row.Value, &n); err != nil {
			return nil, err
		}
		if n.State != ledger.NotificationIsAcknowledged {
			out = append(out, n)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// letter reads a letter that must be there.
func (v View) letter(n ledger.Seq) (ledger.Letter, error) {
	l, ok, err := v.Letter(n)
	if err == nil && !ok {
		err = fmt.Errorf("letter %d is recorded and missing", n)
	}
	return l, err
}

// letterSettled are the notifications whose state an entry about a letter changed.
func (v View) letterSettled(ev *ledger.LetterSettled) ([]ledger.Seq, error) {
	if ev.Code != "" {
		return ev.Failed, nil
	}
	l, err := v.letter(ev.Letter)
	return l.Notifications, err
}

func setLetter(t *store.Txn, l *ledger.Letter, box *ledger.Letterbox) error {
	if err := set(t, letterKey(l.ID), *l); err != nil {
		return err
	}
	return set(t, letterboxKey(box.Authority, box.Way), *box)
}

func foldLetterAttempted(t *store.Txn, e *ledger.Entry, ev *ledger.LetterAttempted) error {
	v := View{t}
	box, err := v.Letterbox(ev.Authority, ev.Way)
	if err != nil {
		return err
	}
	var l ledger.Letter
	if ev.Again != 0 {
		if l, err = v.letter(ev.Again); err != nil {
			return err
		}
	}
	box.Attempt(ev, &l, e.Seq, e.Time)
	return setLetter(t, &l, &box)
}

func foldLetterSettled(t *store.Txn, e *ledger.Entry, ev *ledger.LetterSettled) error {
	v := View{t}
	l, err := v.letter(ev.Letter)
	if err != nil {
		return err
	}
	box, err := v.Letterbox(l.Authority, l.Way)
	if err != nil {
		return err
	}
	box.Settle(ev, &l, e.Time)
	settled, err := v.letterSettled(ev)
	if err != nil {
		return err
	}
	for _, id := range settled {
		n, ok, err := v.Notification(id)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("entry %d: notification %d stood in a letter and is missing", e.Seq, id)
		}
		due := n.Due
		n.Settle(ev.Code == "", e.Time)
		if err := moved(t, &n, ledger.Hash{}); err != nil {
			return err
		}
		if err := putNotification(t, due, &n); err != nil {
			return err
		}
	}
	if ev.Final {
		if err := t.Set(deadLetterKey(l.ID), nil); err != nil {
			return err
		}
	}
	return setLetter(t, &l, &box)
}

func foldLetterAsked(t *store.Txn, e *ledger.Entry, ev *ledger.LetterAsked) error {
	if ev.Letter == 0 {
		return nil
	}
	v := View{t}
	l, err := v.letter(ev.Letter)
	if err != nil {
		return err
	}
	box, err := v.Letterbox(l.Authority, l.Way)
	if err != nil {
		return err
	}
	box.Ask(&l, e.Time)
	if err := t.Delete(deadLetterKey(l.ID)); err != nil {
		return err
	}
	return setLetter(t, &l, &box)
}
