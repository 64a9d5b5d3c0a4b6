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

type visitKey struct {
	seq     ledger.Seq
	inError bool
}

const (
	visitsKept = 1 << 16
	visitsFor  = ledger.Minute
)

// writeVisit appends one line of an access history.
func (s *Server) writeVisit(j *jsonWriter, profiles []ledger.Shown, v *projection.Visit, now ledger.Time) error {
	c, key := &s.visits, visitKey{v.Seq, v.InError}
	c.mu.RLock()
	line, ok := c.lines[key]
	ok = ok && now-c.at <= visitsFor && now >= c.at
	c.mu.RUnlock()
	if ok {
		j.sep()
		j.b = append(j.b, line...)
		return nil
	}
	name := s.name(profiles, v.Profile)
	o, err := s.organisation(v.Organisation)
	if err != nil {
		return err
	}
	j.sep()
	start := len(j.b)
	j.comma = false
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
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil || len(c.lines) >= visitsKept || now-c.at > visitsFor || now < c.at {
		c.lines, c.at = make(map[visitKey][]byte), now
	}
	c.lines[key] = append([]byte(nil), j.b[start:]...)
	return nil
}
