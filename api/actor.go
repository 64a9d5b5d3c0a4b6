package api

import (
	"sync"
	"sync/atomic"

	"custos/ledger"
)

// actor is a caller as the ledger records one, made once per token.
type actor struct {
	actor    ledger.Actor
	details  ledger.ProfileDetails
	recorded atomic.Bool // the ledger has the profile: it need not travel again
}

// actorCache keeps actors, bounded.
type actorCache struct {
	mu  sync.RWMutex
	all map[actorKey]*actor
}

// actorKey tells one token's actors apart: somebody who signed in once may hold several roles.
type actorKey struct {
	token                        [32]byte
	role, roleName, organisation string
}

const actorsKept = 1 << 14

func newActorCache() *actorCache { return &actorCache{all: make(map[actorKey]*actor)} }

func (s *Server) actor(who *Identity) (*actor, error) {
	c, key := s.actors, actorKey{who.TokenHash, who.Role, who.RoleName, who.Organisation}
	c.mu.RLock()
	a, ok := c.all[key]
	c.mu.RUnlock()
	if ok {
		return a, nil
	}
	// Without a role somebody may do nothing; that they asked is recorded all the same.
	role, ok := ledger.ParseRole(who.Role)
	if !ok && who.Role != "" {
		return nil, problem("role-unknown")
	}
	a = &actor{
		details: ledger.ProfileDetails{Name: who.Name, RoleName: who.RoleName, Organisation: who.OrganisationName},
		actor: ledger.Actor{
			Issuer: who.Issuer, Subject: who.Subject, Role: role, Organisation: who.Organisation, Team: who.Team,
			KeyID: who.KeyID, Expires: who.Expires, Token: who.TokenHash, Node: s.cfg.NodeID, Assurance: who.Assurance,
			Profile: s.keys.Tag("profile", who.Issuer+"\x00"+who.Subject, who.Name, who.RoleName, who.OrganisationName),
		},
	}
	_, recorded, err := s.node.View().Profile(a.actor.ID(), a.actor.Profile)
	if err != nil {
		return nil, err
	}
	a.recorded.Store(recorded)
	c.mu.Lock()
	defer c.mu.Unlock()
	if have, ok := c.all[key]; ok {
		return have, nil
	}
	if len(c.all) >= actorsKept {
		clear(c.all)
	}
	c.all[key] = a
	return a, nil
}

// nameCache keeps opened profiles by their entry, bounded. Only what a
// committed outcome disclosed gets here.
type nameCache struct {
	mu  sync.RWMutex
	all map[ledger.Seq]ledger.ProfileDetails
}

const namesKept = 1 << 15

func newNameCache() *nameCache { return &nameCache{all: make(map[ledger.Seq]ledger.ProfileDetails)} }

// name opens a profile that an answer holds. One whose key is gone reads "name erased".
func (s *Server) name(profiles []*ledger.Shown, seq ledger.Seq) ledger.ProfileDetails {
	c := s.names
	c.mu.RLock()
	d, ok := c.all[seq]
	c.mu.RUnlock()
	if ok || seq == 0 {
		return d
	}
	for i := range profiles {
		if profiles[i].Seq != seq {
			continue
		}
		if err := s.keys.Open(*profiles[i], &d); err != nil {
			return ledger.ProfileDetails{Name: "name erased"}
		}
		c.mu.Lock()
		if len(c.all) >= namesKept {
			clear(c.all)
		}
		c.all[seq] = d
		c.mu.Unlock()
		return d
	}
	return ledger.ProfileDetails{}
}
