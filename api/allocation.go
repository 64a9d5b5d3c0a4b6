package api

import (
	"strings"

	"custos/ledger"
)

// Who a plan is allocated to. An upload names the worker and the team in its own
// words; whoever opens a notification is known by subject, name and team. They
// are compared as keyed tags, by the decision: nothing is read for it.

func (s *Server) workerTag(authority, name string) ledger.Tag {
	return s.allocationTag("worker", authority, name)
}

func (s *Server) teamTag(authority, name string) ledger.Tag {
	return s.allocationTag("team", authority, name)
}

// allocationTag is of a name as it is written, but for case and spaces around it.
func (s *Server) allocationTag(purpose, authority, name string) ledger.Tag {
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" {
		return ledger.Tag{}
	}
	return s.keys.Tag(purpose, authority, name)
}

// namesOf are the tags of whom an upload may have meant by the caller.
func (s *Server) namesOf(who *Identity) []ledger.Tag {
	var out []ledger.Tag
	for _, t := range []ledger.Tag{s.workerTag(who.Organisation, who.Subject), s.workerTag(who.Organisation, who.Name), s.teamTag(who.Organisation, who.Team)} {
		if !t.IsZero() {
			out = append(out, t)
		}
	}
	return out
}
