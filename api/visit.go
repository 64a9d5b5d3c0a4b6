package api

import (
	"sync"

	"custos/ledger"
	"custos/projection"
)

// visitCache keeps access histories as they were written. A history is shown to
// everybody who looks the same person up, and the next one differs from it by a
// line put before it: writing its lines is most of what such an answer costs.
// Only what a committed outcome disclosed gets here. A changed name of an
// organisation shows within a minute.
type visitCache struct {
	mu    sync.RWMutex
	at    ledger.Time // of the answer with which the cache began
	known map[ledger.Seq]*written
}

// written is a history as JSON, known by its newest line.
type written struct {
	of     NHSNumber
	visits []projection.Visit
	lines  []byte // with a comma between two
	ends   []int  // where each line ends
}

const (
	historiesKept = 1 << 12
	visitsFor     = ledger.Minute
)

// writeHistory appends "accessHistory".
func (s *Server) writeHistory(j *jsonWriter, visits []projection.Visit, profiles []*ledger.Shown, now ledger.Time) error {
	j.key("accessHistory")
	j.open('[')
	if len(visits) > 0 {
		h, err := s.visits.lines(NHSNumber{}, visits, now, func(j *jsonWriter, v *projection.Visit) error {
			return s.writeVisit(j, profiles, v)
		})
		if err != nil {
			return err
		}
		j.sep()
		j.b = append(j.b, h.lines...)
	}
	j.close(']')
	return nil
}

// lines returns a history as write writes it, line by line: as it was written
// before, or anew. of is the number that the lines show, if they show one.
func (c *visitCache) lines(of NHSNumber, visits []projection.Visit, now ledger.Time, write func(*jsonWriter, *projection.Visit) error) (*written, error) {
	if h := c.find(of, visits, now); h != nil {
		return h, nil
	}
	h, err := c.written(of, visits, now, write)
	if err == nil {
		c.keep(h, now)
	}
	return h, err
}

// find returns the history that consists of exactly these visits.
func (c *visitCache) find(of NHSNumber, visits []projection.Visit, now ledger.Time) *written {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.stale(now) {
		return nil
	}
	if h := c.known[visits[0].Seq]; h != nil && h.of == of && sameVisits(h.visits, visits) {
		return h
	}
	return nil
}

// sameVisits compares what may change: entries never do, but one may be
// corrected, or lie beyond what another answer shows.
func sameVisits(a, b []projection.Visit) bool {
	if len(a) != len(b) {
		return false
	}
	if &a[0] == &b[0] {
		return true
	}
	for i := range a {
		if a[i].Seq != b[i].Seq || a[i].InError != b[i].InError {
			return false
		}
	}
	return true
}

// stale reports whether the histories are too old for an answer. Answers
// overtake each other, so one that is a little earlier is none the worse.
func (c *visitCache) stale(now ledger.Time) bool {
	return now-c.at > visitsFor || c.at-now > visitsFor
}

func (c *visitCache) keep(h *written, now ledger.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= historiesKept || c.stale(now) {
		c.known, c.at = make(map[ledger.Seq]*written), now
	}
	c.known[h.visits[0].Seq] = h
	if len(h.visits) > 1 {
		delete(c.known, h.visits[1].Seq) // answered from this one, from now on
	}
}

// written writes a history: the newest line, and behind it what was written
// when the one before it was the newest.
func (c *visitCache) written(of NHSNumber, visits []projection.Visit, now ledger.Time, write func(*jsonWriter, *projection.Visit) error) (*written, error) {
	h := &written{of: of, visits: visits, ends: make([]int, 0, len(visits))}
	var before *written
	if len(visits) > 1 {
		if before = c.last(visits[1].Seq, now); before != nil && before.of != of {
			before = nil
		}
	}
	j := jsonWriter{}
	if before != nil {
		j.b = make([]byte, 0, len(before.lines)+len(before.lines)/len(before.visits)+256)
	}
	for i := 0; i < len(visits); i++ {
		if rest := visits[i:]; i == 1 && before != nil && len(rest) <= len(before.visits) && sameVisits(before.visits[:len(rest)], rest) {
			j.b = append(j.b, ',')
			at := len(j.b)
			j.b = append(j.b, before.lines[:before.ends[len(rest)-1]]...)
			for _, end := range before.ends[:len(rest)] {
				h.ends = append(h.ends, at+end)
			}
			break
		}
		if err := write(&j, &visits[i]); err != nil {
			return nil, err
		}
		h.ends = append(h.ends, len(j.b))
	}
	h.lines = j.b
	return h, nil
}

// last returns the history whose newest line is the given entry's.
func (c *visitCache) last(seq ledger.Seq, now ledger.Time) *written {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.stale(now) {
		return nil
	}
	return c.known[seq]
}

// writeVisit appends one line of a history.
func (s *Server) writeVisit(j *jsonWriter, profiles []*ledger.Shown, v *projection.Visit) error {
	name := s.name(profiles, v.Profile)
	o, err := s.organisation(v.Organisation)
	if err != nil {
		return err
	}
	j.open('{')
	j.key("at")
	j.time(v.At)
	j.field("name", name.Name)
	j.field("role", roleShown(name, v.Role))
	j.field("organisation", organisationShown(o, v.Organisation, name))
	j.optional("system", name.System)
	if v.InError {
		j.key("inError")
		j.boolean(true)
	}
	j.close('}')
	return nil
}
