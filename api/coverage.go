package api

import (
	"sync"
	"time"

	"custos/ledger"
	"custos/projection"
)

// staleAfter is how long without an upload makes an authority's plans stale.
const staleAfter = 26 * ledger.Hour

// coverageCache keeps what a not-found answer says of the authorities for a
// second of ledger time: it holds no child data and changes a few times a day.
type coverageCache struct {
	mu    sync.Mutex
	at    ledger.Time
	live  int
	stale []ledger.Organisation
}

func (s *Server) writeCoverage(j *jsonWriter, now ledger.Time) error {
	c := &s.cover
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == 0 || now-c.at > ledger.Second || now < c.at {
		live, stale, err := coverage(s.node.View(), now)
		if err != nil {
			return err
		}
		c.at, c.live, c.stale = now, live, stale
	}
	j.key("coverage")
	j.open('{')
	j.key("authorities")
	j.number(int64(c.live))
	j.key("stale")
	j.open('[')
	for i := range c.stale {
		j.open('{')
		j.field("ods", c.stale[i].Code)
		j.field("name", c.stale[i].Name)
		j.close('}')
	}
	j.close(']')
	j.close('}')
	return nil
}

// organisations keeps what organisations say of themselves, for a second: they
// are public data, and every answer names several.
type organisations struct {
	mu  sync.RWMutex
	at  time.Time
	all map[string]ledger.Organisation
}

// organisation returns an organisation as this node knows it; one it does not
// know has no name.
func (s *Server) organisation(code string) (ledger.Organisation, error) {
	c := &s.orgs
	now := s.cfg.Now()
	c.mu.RLock()
	o, ok := c.all[code]
	fresh := now.Sub(c.at) < time.Second && !now.Before(c.at)
	c.mu.RUnlock()
	if ok && fresh {
		return o, nil
	}
	o, _, err := s.node.View().Organisation(code)
	if err != nil {
		return o, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !fresh || c.all == nil {
		c.all, c.at = make(map[string]ledger.Organisation), now
	}
	c.all[code] = o
	return o, nil
}

// coverage counts the authorities that have ever uploaded and lists those
// whose last upload is stale.
func coverage(view projection.View, now ledger.Time) (live int, stale []ledger.Organisation, err error) {
	all, err := view.Organisations()
	if err != nil {
		return 0, nil, err
	}
	last, err := view.LastUploads()
	if err != nil {
		return 0, nil, err
	}
	for _, o := range all {
		up, ok := last[o.Code]
		if o.Sort != ledger.SortAuthority || !ok {
			continue
		}
		live++
		if now-up.At > staleAfter {
			stale = append(stale, ledger.Organisation{Code: o.Code, Name: o.Name})
		}
	}
	return live, stale, nil
}
