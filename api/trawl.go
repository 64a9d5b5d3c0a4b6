package api

import (
	"context"
	"sync"
	"time"

	"custos/ledger"
)

// peopleAnHour is how many different people somebody may look up in an hour at one node, if the configuration
// does not say. No emergency department has so many patients for one of its staff.
const peopleAnHour = 1000

// trawl notices whoever tries one number after another. Each of their lookups is in the ledger anyway; this is
// what ends it. It counts people, and not lookups: looking at the same patients again is work.
type trawl struct {
	mu   sync.Mutex
	all  map[ledger.ActorID]*lookedUp
	most int // negative: no end
}

// lookedUp is whom somebody has looked up within an hour.
type lookedUp struct {
	since  time.Time
	people map[ledger.PersonRef]struct{}
	told   bool // the operator was
}

const trawlersKept = 1 << 14

func newTrawl(most int) *trawl {
	if most == 0 {
		most = peopleAnHour
	}
	return &trawl{all: map[ledger.ActorID]*lookedUp{}, most: most}
}

// beyond reports whether this person is one too many, and whether that is the first of the hour.
func (t *trawl) beyond(a ledger.ActorID, p ledger.PersonRef, now time.Time) (beyond, first bool) {
	if t.most < 0 {
		return false, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.all[a]
	if x == nil || now.Sub(x.since) >= time.Hour {
		if len(t.all) >= trawlersKept {
			for id, other := range t.all {
				if now.Sub(other.since) >= time.Hour {
					delete(t.all, id)
				}
			}
		}
		x = &lookedUp{since: now, people: map[ledger.PersonRef]struct{}{}}
		t.all[a] = x
	}
	if _, known := x.people[p]; known {
		return false, false
	}
	if len(x.people) >= t.most {
		first, x.told = !x.told, true
		return true, first
	}
	x.people[p] = struct{}{}
	return false, false
}

// tooMany turns away, on the record, whoever looks one person too many up, or tells of one that was not brought,
// which says as well who has a plan. The operator is told once an hour,
// with the entry and no name: who it is, whoever may read the ledger finds there.
func (s *Server) tooMany(ctx context.Context, who *Identity, p ledger.PersonRef, a ledger.Action) error {
	beyond, first := s.trawl.beyond(ledger.ActorIDOf(who.Issuer, who.Subject), p, s.cfg.Now())
	if !beyond {
		return nil
	}
	refused, as := problem("too-many-people"), *who
	as.Role = "" // the role may look people up; they may not, for now
	refused.who = &as
	err := s.turnAway(ctx, refused, a)
	if told := asProblem(err); first && told.Seq != nil {
		s.cfg.Logger.Warn("somebody looks up one person after another", "alarm", "trawl", "entry", *told.Seq)
	}
	return err
}
