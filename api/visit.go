package api

import (
	"sync"

	"custos/ledger"
	"custos/projection"
)

// visitCache keeps lines of access histories as they were written: a line
// stands in up to 25 answers in a row, and writing it is most of what such an
// answer costs. Only what a committed outcome disclosed gets here. A changed
// name of an organisation shows within a minute.
type visitCache struct {
	mu    sync.RWMutex
	at    ledger.Time // of the answer with which the cache began
	lines map[visitKey][]byte
}

// visitKey names a line: entries never change, so only a correction does.
type visitKey struct {
	seq     ledger.Seq
	inError bool
}

const (
	visitsKept = 1 << 16
	visitsFor  = ledger.Minute
)

// writeHistory appends "accessHistory".
func (s *Server) writeHistory(j *jsonWriter, visits []projection.Visit, profiles []*ledger.Shown, now ledger.Time) error {
	j.key("accessHistory")
	j.open('[')
	for written := 0; written < len(visits); written++ {
		written += s.visits.write(j, visits[written:], now)
		if written == len(visits) {
			break
		}
		start := len(j.b)
		if j.comma {
			start++ // the comma before it is not part of the line
		}
		if err := s.writeVisit(j, profiles, &visits[written]); err != nil {
			return err
		}
		s.visits.keep(&visits[written], j.b[start:], now)
	}
	j.close(']')
	return nil
}

// write appends the lines it has, up to the first that it has not, and returns
// how many.
func (c *visitCache) write(j *jsonWriter, visits []projection.Visit, now ledger.Time) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.stale(now) {
		return 0
	}
	for i := range visits {
		line, ok := c.lines[visitKey{visits[i].Seq, visits[i].InError}]
		if !ok {
			return i
		}
		j.sep()
		j.b = append(j.b, line...)
	}
	return len(visits)
}

// stale reports whether the lines are too old for an answer. Answers overtake
// each other, so one that is a little earlier is none the worse.
func (c *visitCache) stale(now ledger.Time) bool {
	return now-c.at > visitsFor || c.at-now > visitsFor
}

func (c *visitCache) keep(v *projection.Visit, line []byte, now ledger.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil || len(c.lines) >= visitsKept || c.stale(now) {
		c.lines, c.at = make(map[visitKey][]byte), now
	}
	c.lines[visitKey{v.Seq, v.InError}] = append([]byte(nil), line...)
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
	if v.InError {
		j.key("inError")
		j.boolean(true)
	}
	j.close('}')
	return nil
}
