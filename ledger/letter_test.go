package ledger

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// told has people looked up who have plans of the first authority, and returns
// its notifications.
func (w *world) told(n int) []Seq {
	var out []Seq
	for range n {
		group := w.grant(w.cmd(clinician(), &LookUp{Person: person(1), Attendance: tag(fmt.Sprint("attendance ", w.n))}, PayloadAccess))
		for i := range group {
			if q, ok := group[i].Event.(*NotificationQueued); ok && q.Authority == authorityA {
				out = append(out, group[i].Seq)
			}
		}
		w.now += Minute
	}
	return out
}

func (w *world) send(q *AttemptLetter) Seq {
	w.t.Helper()
	return w.grant(w.cmd(system(), q))[0].Seq
}

// taleOfLetters is the fixed input of the golden files of letters.
func taleOfLetters(w *world) {
	w.load(authorityA, 1, row(1))
	ids := w.told(3)
	first := w.send(&AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: ids[:2]})
	w.now += 15 * Second
	w.grant(w.cmd(system(), &SettleLetter{Letter: first, Code: "unknown-timeout"}))
	second := w.send(&AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: ids[2:]})
	w.grant(w.cmd(system(), &SettleLetter{Letter: second}))
	w.now += Minute
	w.send(&AttemptLetter{Letter: first})
	w.now += Hour
	w.send(&AttemptLetter{Letter: first}) // whoever sent it died
	w.grant(w.cmd(system(), &SettleLetter{Letter: first, Code: "http-500", Final: true}))
	operator := named(as(RoleOperator, "CUSTOS", "op"))
	w.grant(w.cmd(operator, &AskLetter{Letter: first}))
	w.grant(w.cmd(operator, &AskLetter{Authority: authorityA, Way: ByEmail}))
	w.send(&AttemptLetter{Letter: first})
	w.grant(w.cmd(system(), &SettleLetter{Letter: first}))
}

// One letter at a time in each letterbox, each notification in one of its
// letters, none of another authority; one of which nobody knows comes first.
func TestLetters(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	w.load(authorityB, 1, row(1))
	ids := w.told(3)
	theirs := ids[0] + 1
	require.Equal(t, authorityB, w.view.notifications[theirs].Authority)
	for name, q := range map[string]*AttemptLetter{
		"none":              {Authority: authorityA, Way: ByWebhook},
		"another authority": {Authority: authorityA, Way: ByWebhook, Notifications: []Seq{theirs}},
		"by MESH":           {Authority: authorityA, Way: ByMESH, Notifications: ids[:1]},
		"no way":            {Authority: authorityA, Way: wayEnd, Notifications: ids[:1]},
		"out of order":      {Authority: authorityA, Way: ByWebhook, Notifications: []Seq{ids[1], ids[0]}},
		"twice":             {Authority: authorityA, Way: ByWebhook, Notifications: []Seq{ids[0], ids[0]}},
		"not there":         {Authority: authorityA, Way: ByWebhook, Notifications: []Seq{ids[0] - 1}},
		"too many":          {Authority: authorityA, Way: ByWebhook, Notifications: make([]Seq, MaxDelivery+1)},
		"no letter":         {Letter: ids[0]},
		"nothing":           {},
	} {
		require.Equal(t, RefusedState, w.refuse(RefusedState, w.cmd(system(), q)).Refusal.Code, name)
	}
	first := w.send(&AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: ids[:1]})
	w.refuse(RefusedState, w.cmd(system(), &AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: ids[1:2]}))
	mail := w.send(&AttemptLetter{Authority: authorityA, Way: ByEmail, Notifications: ids}) // another letterbox
	w.grant(w.cmd(system(), &SettleLetter{Letter: mail}))
	require.Equal(t, NotificationIsDelivered, w.view.notifications[ids[2]].State)
	w.refuse(RefusedState, w.cmd(system(), &SettleLetter{Letter: mail, Code: "late"}))

	w.grant(w.cmd(system(), &SettleLetter{Letter: first, Code: "http-500"}))
	w.refuse(RefusedState, w.cmd(system(), &SettleLetter{Letter: first}))
	w.refuse(RefusedState, w.cmd(system(), &AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: ids[:1]}))
	w.refuse(RefusedState, w.cmd(system(), &AttemptLetter{Letter: first, Notifications: ids[:1]}))
	second := w.send(&AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: ids[1:2]}) // what is new does not wait
	w.refuse(RefusedState, w.cmd(system(), &AttemptLetter{Letter: first}))
	require.Equal(t, second, w.send(&AttemptLetter{Letter: second})-1, "another attempt is another entry of the same letter")
	w.refuse(RefusedState, w.cmd(system(), &SettleLetter{Letter: second, Final: true}))
	w.refuse(RefusedState, w.cmd(system(), &SettleLetter{Letter: second, Code: string(make([]byte, maxLetterCode+1))}))
	w.grant(w.cmd(system(), &SettleLetter{Letter: second}))
	box := w.view.letterboxes[letterboxOf(authorityA, ByWebhook)]
	require.Equal(t, []Seq{first}, box.Waiting)
	require.Zero(t, box.Failing, "one that arrives shows that others can")
	w.refuse(RefusedState, w.cmd(system(), &AttemptLetter{Letter: second}))
}

// A letter given up has failed those that no other way has reached and nobody
// has opened; a person can have it tried again, and the record says who.
func TestALetterIsGivenUpAndAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	ids := w.told(3)
	mail := w.send(&AttemptLetter{Authority: authorityA, Way: ByEmail, Notifications: ids[:1]})
	w.grant(w.cmd(system(), &SettleLetter{Letter: mail}))
	w.grant(w.cmd(as(RoleSocialWorker, authorityA, "worker"), &OpenNotification{Notification: ids[1]}))
	hook := w.send(&AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: ids})
	operator := as(RoleOperator, "CUSTOS", "op")
	w.refuse(RefusedState, w.cmd(operator, &AskLetter{Letter: hook}))
	end := last[*LetterSettled](t, w.grant(w.cmd(system(), &SettleLetter{Letter: hook, Code: "http-410", Final: true})))
	require.Equal(t, []Seq{ids[2]}, end.Failed)
	require.Equal(t, NotificationIsDelivered, w.view.notifications[ids[0]].State)
	require.Equal(t, NotificationIsOpened, w.view.notifications[ids[1]].State)
	require.Equal(t, NotificationIsFailed, w.view.notifications[ids[2]].State)
	w.refuse(RefusedState, w.cmd(system(), &AttemptLetter{Letter: hook}))

	w.refuse(RefusedNotFound, w.cmd(operator, &AskLetter{Letter: ids[0]}))
	w.refuse(RefusedNotFound, w.cmd(operator, &AskLetter{Authority: emergency, Way: ByWebhook}))
	w.refuse(RefusedNotFound, w.cmd(operator, &AskLetter{Authority: authorityA, Way: ByMESH}))
	w.deny(RefusedRole, w.cmd(as(RoleSocialWorkManager, authorityA, "boss"), &AskLetter{Letter: hook}))
	asked := last[*LetterAsked](t, w.grant(w.cmd(named(operator), &AskLetter{Letter: hook})))
	require.Equal(t, authorityA, asked.Authority)
	require.NotZero(t, asked.Profile)
	require.Equal(t, 0, w.view.letters[hook].Attempts)
	w.send(&AttemptLetter{Letter: hook})
	w.grant(w.cmd(system(), &SettleLetter{Letter: hook}))
	require.Equal(t, NotificationIsDelivered, w.view.notifications[ids[2]].State)
}

func TestLettersNeedTheirRules(t *testing.T) {
	w := worldUnder(t, 2)
	for _, c := range []*Command{
		w.cmd(system(), &AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: []Seq{1}}),
		w.cmd(system(), &SettleLetter{Letter: 1}),
		w.cmd(as(RoleOperator, "CUSTOS", "op"), &AskLetter{Letter: 1}),
	} {
		w.refuse(RefusedRules, c)
	}
}

// Whatever happens to letters, in any order: no notification is left out, none
// is in two letters of one letterbox, and a letter keeps its number.
func TestAnyLettersLoseNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		w.load(authorityA, 1, row(1))
		var queued []Seq
		arrived := map[Seq]bool{}
		box := func() Letterbox { return w.view.letterboxes[letterboxOf(authorityA, ByWebhook)] }
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			b := box()
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				queued = append(queued, w.told(rapid.IntRange(1, 3).Draw(rt, "lookups"))...)
			case 1:
				if b.Open != 0 {
					w.send(&AttemptLetter{Letter: b.Open})
				} else if i := slices.IndexFunc(queued, func(n Seq) bool { return n > b.Through }); i >= 0 {
					w.send(&AttemptLetter{Authority: authorityA, Way: ByWebhook, Notifications: queued[i:]})
				}
			case 2:
				if b.Open == 0 && len(b.Waiting) > 0 {
					w.send(&AttemptLetter{Letter: b.Waiting[0]})
				}
			default:
				if b.Open == 0 {
					continue
				}
				q := &SettleLetter{Letter: b.Open, Code: rapid.SampledFrom([]string{"", "http-500", "unknown-cut"}).Draw(rt, "code")}
				q.Final = q.Code != "" && rapid.Bool().Draw(rt, "final")
				w.grant(w.cmd(system(), q))
				for _, id := range w.view.letters[b.Open].Notifications {
					arrived[id] = arrived[id] || q.Code == ""
				}
			}
		}
		b := box()
		in := map[Seq]int{}
		for id, l := range w.view.letters {
			require.Equal(rt, id, l.ID)
			for _, n := range l.Notifications {
				in[n]++
			}
			held := l.ID == b.Open || slices.Contains(b.Waiting, l.ID)
			require.Equal(rt, l.State == LetterIsOpen || l.State == LetterIsWaiting, held, fmt.Sprint(l))
		}
		for _, n := range queued {
			want := 0
			if n <= b.Through {
				want = 1
			}
			require.Equal(rt, want, in[n])
			require.Equal(rt, arrived[n], w.view.notifications[n].Delivered != 0)
		}
	})
}

// letters is the part of everyRequest's story that is about letters.
func letters(w *world, auditor Actor) {
	var queued []Seq
	for id, n := range w.view.notifications {
		if n.Authority == authorityA {
			queued = append(queued, id)
		}
	}
	slices.Sort(queued)
	try := &AttemptLetter{Authority: authorityA, Way: ByEmail, Notifications: queued}
	w.deny(RefusedRole, w.cmd(auditor, try))
	w.deny(RefusedRole, w.cmd(auditor, &SettleLetter{Letter: 1}))
	w.deny(RefusedRole, w.cmd(auditor, &AskLetter{Letter: 1}))
	if w.view.log.Rules < 3 {
		w.refuse(RefusedRules, w.cmd(system(), try))
		return
	}
	letter := w.send(try)
	w.grant(w.cmd(system(), &SettleLetter{Letter: letter, Code: "unreachable", Final: true}))
	w.grant(w.cmd(named(as(RoleOperator, "CUSTOS", "post")), &AskLetter{Letter: letter}))
}

// anyLetter is what might be asked next of an authority's webhook letters.
func anyLetter(t *rapid.T, w *world, authority string) *Command {
	box := w.view.letterboxes[letterboxOf(authority, ByWebhook)]
	switch what := rapid.IntRange(0, 3).Draw(t, "letter"); {
	case box.Open != 0 && what > 0:
		code := rapid.SampledFrom([]string{"", "http-500"}).Draw(t, "code")
		return w.cmd(system(), &SettleLetter{Letter: box.Open, Code: code, Final: code != "" && what == 1})
	case box.Open != 0:
		return w.cmd(system(), &AttemptLetter{Letter: box.Open})
	case len(box.Waiting) > 0 && what > 0:
		return w.cmd(system(), &AttemptLetter{Letter: box.Waiting[0]})
	case what == 0:
		return w.cmd(as(RoleOperator, "CUSTOS", "op"), &AskLetter{Letter: box.Through})
	}
	var waiting []Seq
	for id, n := range w.view.notifications {
		if n.Authority == authority && id > box.Through {
			waiting = append(waiting, id)
		}
	}
	slices.Sort(waiting)
	return w.cmd(system(), &AttemptLetter{Authority: authority, Way: ByWebhook, Notifications: waiting[:min(len(waiting), MaxDelivery)]})
}
