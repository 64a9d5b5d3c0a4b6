package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"

	"custos/ledger"
)

// raiseRules makes the log decide under a later rules version, for an operator
// on the admin listener. It cannot be undone, and a node whose program does not
// know the version stops: see docs/OPERATIONS.md.
func (s *Server) raiseRules(w http.ResponseWriter, r *http.Request) {
	to, err := strconv.Atoi(r.URL.Query().Get("to"))
	if err != nil || to < 1 || to > ledger.CurrentRules {
		writeProblem(w, r, problem("query-parameter").with("to is a rules version that this program knows."))
		return
	}
	if err := s.proposeRules(r.Context(), to); err != nil {
		writeProblem(w, r, err)
		return
	}
	plain(w, "raised\n")
}

func (s *Server) proposeRules(ctx context.Context, to int) error {
	l, err := s.node.View().Log()
	if err != nil {
		return err
	}
	c := ledger.Command{ID: ledger.DeriveID("raise rules", l.ID[:], []byte(strconv.Itoa(to))), Actor: ledger.SystemActor(s.cfg.NodeID),
		Request: &ledger.RaiseRules{To: to}}
	if _, err := rand.Read(c.Seed[:]); err != nil {
		return err
	}
	out, err := s.node.Propose(ctx, c)
	if err != nil {
		return proposeProblem(err)
	}
	if out.Answer.Refusal != nil {
		return refusalProblem(&out)
	}
	return nil
}

// needs refuses what came with a rules version while it is not in force, here:
// a request that an older program cannot read must not reach it.
func (s *Server) needs(version int) error {
	l, err := s.node.View().Log()
	if err == nil && l.Rules < version {
		err = problem("rules-not-raised")
	}
	return err
}
