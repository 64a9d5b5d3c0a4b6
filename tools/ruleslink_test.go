package tools

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/projection"
)

// linkCommand is a file of one row about somebody, sealed as the edge seals it.
func (w *world) linkCommand(nhs string) *ledger.Command {
	p := w.keys.Person(nhs)
	c := w.command(w.actor("clerk", ledger.RoleChildHealth, "RXX01"), &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: p, Link: w.keys.Tag("link", nhs, "x")}}})
	w.seal(c, ledger.HolderPerson, p[:], ledger.PayloadLink, 1, ledger.LinkDetails{Place: "school:100001", From: w.day("2026-01-01")})
	return c
}

// keepsLinks has policy allow the place of the tests to keep links, and returns its entry.
func (w *world) keepsLinks(says ledger.Policy) ledger.Seq {
	op := w.actor("op", ledger.RoleOperator, "NAT")
	c := w.command(op, &ledger.RecordPolicy{Place: "RXX01", From: ledger.Of(w.now).Day(), Says: says})
	id := op.ID()
	w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "why"})
	r := w.step(c)
	return r.Entries[len(r.Entries)-1].Seq
}

// Level 5 finds a row that nobody may keep, links opened of somebody without a
// plan, and what is followed otherwise than it waits.
func TestRulesOfLinks(t *testing.T) {
	allowed := ledger.Policy{Links: ledger.Yes, DPIA: "DPIA 7"}
	var held ledger.Seq
	waiting := func(plan bool) func(w *world) *ledger.Command {
		return func(w *world) *ledger.Command {
			held = w.keepsLinks(allowed)
			w.step(w.linkCommand(nhsNobody))
			if plan {
				w.upload(2, nhsChild, nhsSister, nhsNobody)
			}
			return w.command(ledger.SystemActor("n1"), &ledger.OpenLinks{Person: w.keys.Person(nhsNobody), Source: "RXX01"})
		}
	}
	// over has a child's links wait for some days, and a leader look then.
	over := func(days int, plan bool) func(w *world) *ledger.Command {
		return func(w *world) *ledger.Command {
			w.keepsLinks(ledger.Policy{Links: ledger.Yes, DPIA: "DPIA 7", LinkDays: 30})
			w.step(w.linkCommand(nhsNobody))
			if plan {
				w.upload(2, nhsChild, nhsSister, nhsNobody)
			}
			w.now = w.now.Add(time.Duration(days) * 24 * time.Hour)
			return w.command(ledger.SystemActor("n1"), &ledger.TellDue{Until: ledger.Of(w.now)})
		}
	}
	letGo := func(d *ledger.Decision) {
		p := ledger.PersonRef{}
		for _, h := range d.Happened {
			if _, ok := h.Event.(*ledger.LinksFollowed); ok {
				p = h.Person
			}
		}
		require.True(t, p.IsZero(), "the decision lets nothing go")
	}
	expire := func(d *ledger.Decision, w ledger.Seq, p ledger.PersonRef) {
		letGo(d)
		d.Refusal = nil
		if len(d.Happened) == 0 {
			d.Happened = []ledger.Happened{{Event: &ledger.TransitionsDue{}}}
		}
		d.Happened[0].Event.(*ledger.TransitionsDue).Links = 1
		d.Happened = append(d.Happened, ledger.Happened{Event: &ledger.LinksFollowed{Source: "RXX01", Links: []ledger.Seq{w}, Code: ledger.LinksExpired}, Person: p})
	}
	var link ledger.Seq
	var who ledger.PersonRef
	noting := func(prepare func(w *world) *ledger.Command) func(w *world) *ledger.Command {
		return func(w *world) *ledger.Command {
			c := prepare(w)
			who = w.keys.Person(nhsNobody)
			have, err := (projection.View{R: w.db}).Links(who, "RXX01")
			require.NoError(t, err)
			link = have.Each[0].Seq
			return c
		}
	}
	for name, c := range map[string]struct {
		prepare func(w *world) *ledger.Command
		change  func(d *ledger.Decision)
		says    string
	}{
		"let go in time": {over(30, false), func(d *ledger.Decision) { require.Equal(t, 1, d.Happened[0].Event.(*ledger.TransitionsDue).Links) }, ""},
		"let go before its time": {noting(over(29, false)), func(d *ledger.Decision) { expire(d, link, who) },
			"links are let go before the time that the policy of their source gives them"},
		"let go of somebody with a plan": {noting(over(30, true)), func(d *ledger.Decision) { expire(d, link, who) },
			"links are let go of a person who has a visible plan"},
		"let go are others": {over(30, false), func(d *ledger.Decision) {
			d.Happened[len(d.Happened)-1].Event.(*ledger.LinksFollowed).Links = []ledger.Seq{3}
		}, "it names other links than those that wait"},
		"let go and not counted": {over(30, false), func(d *ledger.Decision) { d.Happened[0].Event.(*ledger.TransitionsDue).Links = 0 },
			"it says that 0 times links are let go, and 1 times they are"},
		"kept rightly":   {func(w *world) *ledger.Command { w.keepsLinks(allowed); return w.linkCommand(nhsNobody) }, func(*ledger.Decision) {}, ""},
		"opened rightly": {waiting(true), func(*ledger.Decision) {}, ""},
		"kept without a policy": {func(w *world) *ledger.Command { return w.linkCommand(nhsNobody) }, func(d *ledger.Decision) {
			h := &d.Happened[len(d.Happened)-1]
			h.Event, h.Sealed = &ledger.EnrolmentLinked{N: 1, Policy: 3, Link: ledger.Tag{1}}, []int{len(d.As.Sealed) - 1}
		}, "a row is kept, and the policy of its source lets nobody keep it"},
		"kept by another policy": {func(w *world) *ledger.Command { w.keepsLinks(allowed); return w.linkCommand(nhsNobody) }, func(d *ledger.Decision) {
			d.Happened[len(d.Happened)-1].Event.(*ledger.EnrolmentLinked).Policy = 3
		}, "a row is kept by another policy than that of its source"},
		"opened without a plan": {waiting(false), func(d *ledger.Decision) {
			d.Refusal = nil
			d.Happened = []ledger.Happened{{Event: &ledger.LinksOpened{Source: "RXX01", Links: []ledger.Seq{3}, Policy: held}, Person: d.As.Request.(*ledger.OpenLinks).Person}}
		}, "links are opened of a person who has no visible plan"},
		"opened are others": {waiting(true), func(d *ledger.Decision) {
			d.Happened[0].Event.(*ledger.LinksOpened).Links = []ledger.Seq{3}
		}, "it names other links than those that wait"},
		"let go against the policy": {waiting(true), func(d *ledger.Decision) {
			o := d.Happened[0].Event.(*ledger.LinksOpened)
			d.Happened[0].Event = &ledger.LinksFollowed{Source: o.Source, Links: o.Links, Code: ledger.LinksNotPermitted}
		}, "links are followed, or let go, against the policy of their source"},
		"another's enrolment": {waiting(true), func(d *ledger.Decision) {
			o := d.Happened[0].Event.(*ledger.LinksOpened)
			d.Happened[0].Event = &ledger.LinksFollowed{Source: o.Source, Links: o.Links, Rows: 1}
			d.Happened = append(d.Happened, ledger.Happened{Event: &ledger.Enrolled{Row: ledger.EnrolmentRow{N: 1, Person: d.Happened[0].Person, Place: "school:1"}, Source: "LA1"}, Person: d.Happened[0].Person})
		}, "links are followed, and another's enrolment is recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			l, bad := rulesOf(t, c.prepare, c.change)
			if c.says == "" {
				require.True(t, l.OK, l)
				return
			}
			require.False(t, l.OK)
			require.Contains(t, l.Detail, c.says)
			require.NotNil(t, bad)
		})
	}
}
