package mesh

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"
)

// Handler deals with one message. It must have dealt with it for good when it
// returns nil, for then the message is acknowledged; and it must not mind the
// same message again. See [Client.Drain] for what its errors do.
type Handler func(ctx context.Context, m *Message) error

// Pass is what came of one look at the inbox.
type Pass struct {
	Listed  int // messages that MESH listed
	Handled int // handled and acknowledged
	Gone    int // no longer there: another poller had them, or they expired
	Waiting int // not looked at, because an earlier one of the same sender failed
	Left    int // not looked at, because they were left for good within the last hour

	Failures []Failure // what was not handled, at most 100
}

// Failure is a message that stays in the inbox.
type Failure struct {
	MessageID string
	Workflow  string
	Permanent bool // trying again will not mend it: somebody must look
	Err       error
}

const (
	failuresKept = 100
	leftKept     = 10_000
	lookAgain    = time.Hour      // at what was left for good
	pagesRead    = 1000           // in one pass; MESH's markers may not lead us round for ever
	handshakes   = 24 * time.Hour // MESH wants one in this time
)

// Drain looks at the whole inbox once and gives each message to handle, one
// after another.
//
//   - nil: the message is read to its end, to know that it was whole, and acknowledged.
//   - [Permanent]: the message stays and is looked at again an hour later, or after
//     a restart. MESH returns it to its sender, with a report, after five days:
//     nothing is lost in silence, and nothing is held up.
//   - any other error: the message stays for the next pass, and what the same sender
//     sent after it waits with it, so that uploads are not handled out of order.
//
// If we die after handle and before acknowledging, the message comes again. So
// it does where two pollers work on one mailbox at once; neither does harm to
// the other. The error is for MESH itself being out of reach; what was counted
// until then is returned too.
func (c *Client) Drain(ctx context.Context, handle Handler) (Pass, error) {
	var (
		pass   Pass
		page   Page
		err    error
		seen   = map[string]bool{}
		behind = map[string]bool{} // senders of whom something failed
	)
	for range pagesRead {
		if page, err = c.Inbox(ctx, Ask{From: page.Next}); err != nil {
			return pass, err
		}
		for _, id := range inOrder(page.IDs) {
			if seen[id] {
				continue
			}
			seen[id] = true
			pass.Listed++
			if err := c.take(ctx, id, handle, &pass, behind); err != nil {
				return pass, err
			}
		}
		if page.Next == "" {
			break
		}
	}
	return pass, nil
}

// take deals with one message of a pass. The error ends the pass.
func (c *Client) take(ctx context.Context, id string, handle Handler, pass *Pass, behind map[string]bool) error {
	if c.wasLeft(id) {
		pass.Left++
		return nil
	}
	m, err := c.Open(ctx, id)
	switch {
	case errors.Is(err, Gone), errors.Is(err, NotFound):
		pass.Gone++
		return nil
	case errors.Is(err, BadAnswer):
		c.leave(id)
		pass.fail(Failure{MessageID: id, Permanent: true, Err: err})
		return nil
	case err != nil:
		return err
	}
	defer m.Close()
	if behind[m.From] {
		pass.Waiting++
		return nil
	}
	err = handle(ctx, m)
	if err == nil {
		err = m.finish()
	}
	if err == nil {
		err = c.Acknowledge(ctx, id)
	}
	switch {
	case err == nil:
		pass.Handled++
		return nil
	case errors.Is(m.download.err, Gone): // another poller acknowledged it meanwhile
		pass.Gone++
		return nil
	}
	f := Failure{MessageID: id, Workflow: m.Workflow, Permanent: IsPermanent(err), Err: err}
	if f.Permanent {
		c.leave(id)
	} else {
		behind[m.From] = true
	}
	pass.fail(f)
	return ctx.Err()
}

// finish reads what the handler did not, so that only a message whose last byte
// came is acknowledged. One that is too large was refused by its handler.
func (m *Message) finish() error {
	if _, err := io.Copy(io.Discard, m.Body); err != nil && !errors.Is(err, TooLarge) {
		return err
	}
	return nil
}

func (p *Pass) fail(f Failure) {
	if len(p.Failures) < failuresKept {
		p.Failures = append(p.Failures, f)
	}
}

// leave remembers a message that was left for good. That it is forgotten at a
// restart, or when there are very many, costs a download.
func (c *Client) leave(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.left) >= leftKept {
		clear(c.left)
	}
	c.left[id] = c.now()
}

func (c *Client) wasLeft(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.left[id]
	if ok && c.now().Sub(at) >= lookAgain {
		delete(c.left, id)
		return false
	}
	return ok
}

// stamped is how MESH's own message ids begin: with the time, to the microsecond.
var stamped = regexp.MustCompile(`^20\d{18}_`)

// inOrder sorts ids by when MESH took the messages. MESH does not promise an
// order, and where ids bear no time its order stays.
func inOrder(ids []string) []string {
	if slices.ContainsFunc(ids, func(id string) bool { return !stamped.MatchString(id) }) {
		return ids
	}
	return slices.Sorted(slices.Values(ids))
}

// Poll validates the mailbox once a day and drains the inbox again and again,
// Config.Every apart, until ctx ends; it returns ctx's error. After each pass
// report is told what came of it; it may be nil. An error of MESH's is reported
// and does not end Poll.
func (c *Client) Poll(ctx context.Context, handle Handler, report func(Pass, error)) error {
	var shaken time.Time
	for {
		var (
			pass Pass
			err  error
		)
		if c.now().Sub(shaken) >= handshakes {
			if err = c.Handshake(ctx); err == nil {
				shaken = c.now()
			}
		}
		if err == nil {
			pass, err = c.Drain(ctx, handle)
		}
		if report != nil {
			report(pass, err)
		}
		// A tenth more, by chance, keeps many mailboxes from knocking at once.
		every := time.Duration(c.c.Every)
		if err := c.sleep(ctx, every+time.Duration(rand.Int64N(int64(every)/10+1))); err != nil { //nolint:gosec // spreads load; nobody gains by guessing it
			return err
		}
	}
}
