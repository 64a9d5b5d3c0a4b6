package ledger

import (
	"errors"
	"fmt"
)

// Head is the end of the chain: all that sealing or checking the next entry needs.
type Head struct {
	Log  ID
	Size Seq
	Last Hash
	Time Time
}

// PersonHead is the end of one person's own chain.
type PersonHead struct {
	N    uint64
	Last Hash
}

// Seal places what was decided in the chain: one entry per happening, in
// order. people gives the end of a person's own chain before this command.
// A record that would be longer than [MaxRecord] is an error of the program
// (requests are bounded before), and stops the node.
func Seal(h Head, c *Command, d Decision, people func(PersonRef) (PersonHead, error)) ([]Entry, Head, error) {
	return seal(h, c, d, people, nil)
}

// Reseal is [Seal] of what was decided again, for whoever compares it with the
// entries recorded: of those that are the same the hash is known.
func Reseal(h Head, c *Command, d Decision, people func(PersonRef) (PersonHead, error), recorded []Entry) ([]Entry, error) {
	entries, _, err := seal(h, c, d, people, recorded)
	return entries, err
}

func seal(h Head, c *Command, d Decision, people func(PersonRef) (PersonHead, error), before []Entry) ([]Entry, Head, error) {
	if len(d.Happened) == 0 {
		return nil, h, nil
	}
	if err := c.encodeParts(); err != nil {
		return nil, h, err
	}
	recorded, err := recordedRequest(c)
	if err != nil {
		return nil, h, err
	}
	now := clamp(h, c.Time)
	entries := make([]Entry, len(d.Happened))
	var within map[PersonRef]PersonHead
	for i := range d.Happened {
		happened := &d.Happened[i]
		e := &entries[i]
		*e = Entry{
			Rules: d.Rules, Log: d.Log, Seq: h.Size, Prev: h.Last, Time: now, RawTime: c.Time,
			Command: c.ID, Nth: i, Of: len(d.Happened), Salt: salt(c.Seed, i),
			Kind: happened.Event.Kind(), Event: happened.Event,
		}
		if i == 0 {
			e.Actor, e.actorRaw = &c.Actor, c.actorRaw
			e.Content = c.Content
			e.Request, e.requestRaw, e.requestNum = c.Request, recorded, c.Request.Number()
		}
		for _, n := range happened.Sealed {
			e.Commitments = append(e.Commitments, c.Sealed[n].Commitment())
		}
		if !happened.Person.IsZero() {
			ph, ok := within[happened.Person]
			if !ok {
				if ph, err = people(happened.Person); err != nil {
					return nil, h, err
				}
			}
			e.Person = &PersonLink{Ref: happened.Person, N: ph.N + 1, Prev: ph.Last}
		}
		var was *Entry
		if i < len(before) {
			was = &before[i]
		}
		if err := e.encodeAs(was); err != nil {
			return nil, h, err
		}
		if e.Person != nil && len(d.Happened) > 1 {
			if within == nil {
				within = make(map[PersonRef]PersonHead, len(d.Happened))
			}
			within[e.Person.Ref] = PersonHead{N: e.Person.N, Last: e.hash}
		}
		h = Head{Log: d.Log, Size: h.Size + 1, Last: e.hash, Time: now}
	}
	return entries, h, nil
}

// clamp returns the ledger time of a command: never earlier than the entry
// before it, whatever the leader's clock says.
func clamp(h Head, t Time) Time { return max(h.Time, t) }

// ErrChain marks an entry that does not follow the one before it.
var ErrChain = errors.New("entry does not follow the one before it")

// Follow checks that e is the next entry and returns the head after it.
func (h Head) Follow(e *Entry) (Head, error) {
	switch {
	case e.Seq != h.Size:
		return h, fmt.Errorf("%w: sequence number %d where %d is next", ErrChain, e.Seq, h.Size)
	case e.Prev != h.Last:
		return h, fmt.Errorf("%w: the previous hash differs", ErrChain)
	case h.Size > 0 && e.Log != h.Log:
		return h, fmt.Errorf("%w: another log's identifier", ErrChain)
	case e.Time < h.Time:
		return h, fmt.Errorf("%w: its time is earlier", ErrChain)
	case e.Time != max(h.Time, e.RawTime):
		return h, fmt.Errorf("%w: its time is neither the proposer's nor the one before", ErrChain)
	}
	return Head{Log: e.Log, Size: h.Size + 1, Last: e.hash, Time: e.Time}, nil
}
