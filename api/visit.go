package api

import (
	"sync"

	"custos/ledger"
	"custos/projection"
)

// visitCache keeps access histories as they were written: the same 25 lines
// stand in one answer after another, and writing them is most of what such an
// answer costs. Only what a committed outcome disclosed gets here. A changed
// name of an organisation shows within a minute.
type visitCache struct {
	mu    sync.RWMutex
	at    ledger.Time // of the answer with which the cache began
	texts map[visitKey][]byte
}

// visitKey tells histories apart: entries never change, so the newest and the
// oldest line and what was corrected between them fix the text.
type visitKey struct {
	newest, oldest ledger.Seq
	lines          int
	inError        uint32
}

func keyOf(visits []projection.Visit) visitKey {
	k := visitKey{newest: visits[0].Seq, oldest: visits[len(visits)-1].Seq, lines: len(visits)}
	for i := range visits {
		if visits[i].InError {
			k.inError |= 1 << i
		}
	}
	return k
}

const (
	historiesKept = 1 << 13
	historiesFor  = ledger.Minute
)

// writeHistory appends "accessHistory".
func (s *Server) writeHistory(j *jsonWriter, visits []projection.Visit, profiles []ledger.Shown, now ledger.Time) error {
	j.key("accessHistory")
	if len(visits) == 0 {
		j.open('[')
		j.close(']')
		return nil
	}
	c, key := &s.visits, keyOf(visits)
	c.mu.RLock()
	text, ok := c.texts[key]
	ok = ok && now-c.at <= historiesFor && now >= c.at
	c.mu.RUnlock()
	if ok {
		j.sep()
		j.b = append(j.b, text...)
		return nil
	}
	start := len(j.b)
	j.open('[')
	for i := range visits {
		if err := s.writeVisit(j, profiles, &visits[i]); err != nil {
			return err
		}
	}
	j.close(']')
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.texts == nil || len(c.texts) >= historiesKept || now-c.at > historiesFor || now < c.at {
		c.texts, c.at = make(map[visitKey][]byte), now
	}
	c.texts[key] = append([]byte(nil), j.b[start:]...)
	return nil
}

// writeVisit appends one line of a history.
func (s *Server) writeVisit(j *jsonWriter, profiles []ledger.Shown, v *projection.Visit) error {
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
