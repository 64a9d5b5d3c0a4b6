package api

import (
	"sync"

	"custos/ledger"
	"custos/projection"
)

// visitCache keeps the lines of access histories as they were written. A history
// is shown to everybody who looks the same person up, and the next one differs
// from it by a line put before it: writing its lines is most of what such an
// answer costs. Only what a committed outcome disclosed gets here. A changed name
// of an organisation shows within a minute.
type visitCache struct {
	mu    sync.RWMutex
	at    ledger.Time // of the answer with which the cache began
	size  int         // bytes of all lines
	known map[ledger.Seq]visitLine
}

// visitLine is a visit as JSON. What may change of a visit is that it is corrected.
type visitLine struct {
	of      NHSNumber
	inError bool
	text    []byte
}

const (
	linesKept = 16 << 20 // bytes
	visitsFor = ledger.Minute
)

// writeHistory appends "accessHistory".
func (s *Server) writeHistory(j *jsonWriter, visits []projection.Visit, profiles []*ledger.Shown, now ledger.Time) error {
	j.key("accessHistory")
	j.open('[')
	err := s.visits.write(j, NHSNumber{}, visits, now, func(j *jsonWriter, v *projection.Visit) error {
		return s.writeVisit(j, profiles, v)
	})
	j.close(']')
	return err
}

// write appends a history, line by line: as line wrote it before, or anew. of is
// the number that the lines show, if they show one.
func (c *visitCache) write(j *jsonWriter, of NHSNumber, visits []projection.Visit, now ledger.Time, line func(*jsonWriter, *projection.Visit) error) error {
	var few [projection.HistoryLength][]byte
	texts := c.find(few[:0], of, visits, now)
	for i := range visits {
		if texts[i] == nil {
			var anew jsonWriter
			if err := line(&anew, &visits[i]); err != nil {
				return err
			}
			texts[i] = anew.b
			c.keep(visits[i].Seq, visitLine{of, visits[i].InError, anew.b}, now)
		}
		j.sep()
		j.b = append(j.b, texts[i]...)
	}
	return nil
}

// find appends what is known of each visit, nil where nothing is.
func (c *visitCache) find(texts [][]byte, of NHSNumber, visits []projection.Visit, now ledger.Time) [][]byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	stale := c.stale(now)
	for i := range visits {
		l := c.known[visits[i].Seq]
		if stale || l.of != of || l.inError != visits[i].InError {
			l.text = nil
		}
		texts = append(texts, l.text)
	}
	return texts
}

// stale reports whether the lines are too old for an answer. Answers overtake
// each other, so one that is a little earlier is none the worse.
func (c *visitCache) stale(now ledger.Time) bool {
	return now-c.at > visitsFor || c.at-now > visitsFor
}

func (c *visitCache) keep(seq ledger.Seq, l visitLine, now ledger.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || c.size > linesKept || c.stale(now) {
		c.known, c.at, c.size = make(map[ledger.Seq]visitLine), now, 0
	}
	c.size += len(l.text) - len(c.known[seq].text)
	c.known[seq] = l
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
