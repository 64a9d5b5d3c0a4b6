package consensus

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// What falls due is told while leaders die, disks lose what was not synced, and
// links are cut: each notification climbs each rung once and in order, none
// sooner than its rung has, each site is told once, and no task is given twice.
func TestWhatIsDueIsToldOnceWhateverFails(t *testing.T) {
	for seed := range uint64(1) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, simOptions{seed: 70 + seed, trailing: 5, transitions: time.Second})
				defer s.close()
				s.quiet.Store(true)
				s.begin()
				told := s.visits()
				s.quiet.Store(false)
				var all sync.WaitGroup
				for _, x := range s.nodes {
					all.Go(x.tend)
				}
				all.Go(s.nemesis)
				all.Go(func() { s.client(rand.New(rand.NewPCG(seed, 5))) })
				for end := time.Now().Add(12 * time.Minute); time.Now().Before(end) && s.fault() == nil; {
					time.Sleep(time.Second)
				}
				close(s.stop)
				all.Wait()
				s.settle()
				require.NoError(t, s.fault())
				s.verify()
				s.climbed(told)
				t.Log(s)
			})
		})
	}
}

// A clock that leaps or steps back neither repeats nor skips.
func TestAClockThatLeapsTellsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, simOptions{seed: 9, trailing: 100, calm: true, transitions: time.Second})
		defer s.close()
		s.begin()
		told := s.visits()
		for _, by := range []time.Duration{time.Hour, -2 * time.Hour, 90 * time.Minute, -20 * time.Minute, 0} {
			for _, x := range s.nodes {
				x.clock.Add(int64(by))
			}
			time.Sleep(7 * time.Minute)
		}
		time.Sleep(80 * time.Minute)
		s.settle()
		s.climbed(told)
	})
}

// visits gives ten people plans under a ladder of five minutes a rung, has each
// seen, and one expect a child in ten days. It returns how many were seen.
func (s *sim) visits() int {
	s.t.Helper()
	const people, authority = 10, "LA1"
	n := uint64(1 << 42)
	must := func(a ledger.Actor, q ledger.Request) Outcome {
		n++
		o := s.must(command(n, a, q))
		require.Nil(s.t, o.Answer.Refusal, "%T", q)
		return o
	}
	must(operator(), &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: authority, Name: "A", Sort: ledger.SortAuthority}})
	uploader := ledger.Actor{Issuer: "https://issuer.test", Subject: "up", Role: ledger.RoleUploader, Organisation: authority, Node: "n1"}
	today := ledger.Of(time.Now()).Day()
	must(uploader, &ledger.RecordLadder{Ladder: ledger.Ladder{From: today, Worker: 5, Team: 5, Manager: 5, Emergency: 5, Closes: 24 * 60}})
	var rows []ledger.Row
	for i := range people {
		rows = append(rows, ledger.Row{N: i + 1, Person: person(1000 + uint64(i)), Type: ledger.ChildProtection, Start: today - 9, Worker: ledger.Tag{1}})
	}
	rows = append(rows, ledger.Row{N: people + 1, Person: person(2000), Type: ledger.UnbornChild, Start: today - 9, End: today + 10})
	upload := ledger.ID{7}
	must(uploader, &ledger.OpenUpload{Upload: upload, Sequence: 1, Format: 1})
	must(uploader, &ledger.UploadChunk{Upload: upload, Rows: rows})
	must(uploader, &ledger.CloseUpload{Upload: upload, Rows: len(rows), Chunks: 1})
	for i := range people {
		must(doctor(), &ledger.LookUp{Person: person(1000 + uint64(i))})
	}
	return people
}

// climbed reads the whole ledger: every notification is at the end of its ladder,
// one rung after the other, and its site was told.
func (s *sim) climbed(want int) {
	s.t.Helper()
	db, release := s.nodes[0].current().node.Ledger()
	defer release()
	rungs, next, unread := map[ledger.Seq]ledger.Rung{}, map[ledger.Seq]ledger.Time{}, map[ledger.Seq]int{}
	tasks, heads := 0, 0
	for record, err := range db.Records(0, db.Head().Size) {
		require.NoError(s.t, err)
		e, err := ledger.ParseEntry(bytes.Clone(record))
		require.NoError(s.t, err)
		switch ev := e.Event.(type) {
		case *ledger.TransitionsDue:
			heads++
		case *ledger.NotificationQueued:
			switch ev.Type {
			case ledger.NotifyAccess:
				rungs[e.Seq], next[e.Seq] = ledger.RungWorker, e.Time+5*ledger.Minute
			case ledger.NotifyUnread:
				unread[ev.After]++
			case ledger.NotifyLapsing:
				tasks++
			}
		case *ledger.NotificationEscalated:
			require.Greater(s.t, ev.To, rungs[ev.Notification])
			require.GreaterOrEqual(s.t, e.Time, next[ev.Notification])
			rungs[ev.Notification], next[ev.Notification] = ev.To, ev.Next
		}
	}
	require.Len(s.t, rungs, want)
	for id, r := range rungs {
		require.Equal(s.t, ledger.RungSite, r)
		require.Equal(s.t, 1, unread[id])
	}
	require.Equal(s.t, 1, tasks)
	require.Less(s.t, heads, 5*want, "nothing is recorded where nothing is due")
}
