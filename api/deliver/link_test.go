package deliver

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

const (
	school = ledger.Place("school:100001")
	health = "RY801"
	nhs1   = "9990000018"
	nhs2   = "9990000026"
)

// links makes the follower of one node.
func (w *world) links(m *member) *Links {
	w.t.Helper()
	l, err := NewLinks(LinksConfig{Node: m, NodeID: m.name, Keyring: w.keys, Look: time.Hour, Now: w.now})
	require.NoError(w.t, err)
	return l
}

// mayLink has policy say whether a source may keep links.
func (w *world) mayLink(source string, says ledger.Policy) {
	w.t.Helper()
	op := ledger.Actor{Issuer: "test", Subject: "op", Role: ledger.RoleOperator, Organisation: "X26", Node: "n1"}
	id := op.ID()
	w.propose(w.sealed(op, &ledger.RecordPolicy{Place: source, From: ledger.Of(w.now()).Day(), Says: says}, ledger.HolderActor, id[:],
		ledger.PayloadReason, 0, ledger.NoteDetails{Text: "as assessed"}))
}

// link has a source send a row about somebody.
func (w *world) link(source, nhs string, d any, tag string) {
	w.t.Helper()
	a := ledger.Actor{Issuer: "test", Subject: "clerk", Role: ledger.RoleChildHealth, Organisation: source, Node: "n1"}
	p := w.keys.Person(nhs)
	from := ledger.Of(w.now()).Day() - 9
	c := w.sealed(a, &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: p, Place: school, From: from, Link: w.keys.Tag("link", nhs, tag)}}},
		ledger.HolderPerson, p[:], ledger.PayloadLink, 1, d)
	w.propose(c)
}

func (w *world) enrolled(nhs string) []ledger.Enrolment {
	w.t.Helper()
	have, err := w.leader().View().Enrolments(w.keys.Person(nhs), school)
	require.NoError(w.t, err)
	return have
}

func (w *world) linkWorld() {
	w.must(&ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: school.Code(), Name: "A school", Sort: ledger.SortSchool}})
	w.must(&ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: health, Name: "Child health", Sort: ledger.SortTrust}})
	w.mayLink(health, ledger.Policy{Links: ledger.Yes, DPIA: "DPIA 7"})
}

func here(w *world) ledger.LinkDetails {
	return ledger.LinkDetails{Place: school, From: ledger.Of(w.now()).Day() - 9}
}

// Whatever the leader was about when it died, a link is followed once.
func TestALinkIsFollowedOnceWhoeverLeads(t *testing.T) {
	for name, dies := range map[string]func(*member, func()){
		"before it opens": func(m *member, die func()) {
			m.before = func(q ledger.Request) error {
				if _, ok := q.(*ledger.OpenLinks); ok {
					die()
					return errors.New("died")
				}
				return nil
			}
		},
		"after it opened": func(m *member, die func()) {
			m.after = func(q ledger.Request) error {
				if _, ok := q.(*ledger.OpenLinks); ok {
					die()
					return errors.New("died")
				}
				return nil
			}
		},
		"after it followed, without knowing": func(m *member, die func()) {
			m.after = func(q ledger.Request) error {
				if _, ok := q.(*ledger.FollowLinks); ok {
					die()
					return errors.New("died")
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			w.linkWorld()
			w.link(health, nhs1, here(w), "a")
			w.plan(authority1, nhs1, false)
			first := w.leader()
			dies(first, func() { _ = w.kill(first) })
			w.links(first).pass(t.Context())
			require.True(t, first.gone)
			second := w.leader()
			w.links(second).pass(t.Context())
			w.links(second).pass(t.Context())
			require.Len(t, events[*ledger.LinksFollowed](w), 1)
			require.Len(t, events[*ledger.Enrolled](w), 1)
			require.Len(t, w.enrolled(nhs1), 1)
			require.Equal(t, health, w.enrolled(nhs1)[0].Source)
			if name == "after it opened" {
				require.Len(t, events[*ledger.LinksOpened](w), 2, "the second opening is on the record")
			}
		})
	}
}

// What does not open, or opens as something else, is not guessed at: it is
// recorded, and the others are followed.
func TestLinksThatDoNotOpen(t *testing.T) {
	w := newWorld(t, 1)
	w.linkWorld()
	w.link(health, nhs1, ledger.PlanDetails{NHSNumber: nhs1, Family: "x", Given: "y", Birth: "z"}, "a")
	w.link(health, nhs2, here(w), "b")
	w.plan(authority1, nhs1, false)
	w.plan(authority1, nhs2, false)
	l := w.links(w.leader())
	l.pass(t.Context())
	var codes []string
	for _, e := range events[*ledger.LinksFollowed](w) {
		codes = append(codes, e.Code)
	}
	require.ElementsMatch(t, []string{ledger.LinksUnreadable, ""}, codes)
	require.Empty(t, w.enrolled(nhs1))
	require.Len(t, w.enrolled(nhs2), 1)
	wanted, err := w.leader().View().Wanted(health, ledger.PersonRef{}, 9)
	require.NoError(t, err)
	require.Equal(t, []ledger.PersonRef{w.keys.Person(nhs1)}, wanted)
	size := w.leader().View().R.Head().Size
	l.pass(t.Context())
	require.Equal(t, size, w.leader().View().R.Head().Size, "nothing is due any more")
}

// Where policy says so no longer, a node opens nothing.
func TestNothingIsOpenedThatPolicyForbids(t *testing.T) {
	w := newWorld(t, 1)
	w.linkWorld()
	w.link(health, nhs1, here(w), "a")
	w.mayLink(health, ledger.Policy{Links: ledger.No})
	w.plan(authority1, nhs1, false)
	w.links(w.leader()).pass(t.Context())
	require.Empty(t, events[*ledger.LinksOpened](w))
	require.Equal(t, ledger.LinksNotPermitted, events[*ledger.LinksFollowed](w)[0].Code)
	require.Empty(t, w.enrolled(nhs1))
}
