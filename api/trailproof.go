package api

import (
	"errors"
	"net/http"

	"custos/ledger"
	"custos/projection"
)

type trailProofBody struct {
	Reference string `json:"reference" strict:"required"`
}

// postTrailProof proves that a person's entries are all there are: their exact
// bytes, which are pseudonymous and which its callers may have one by one, with
// hashes. It takes a reference and never an NHS number. A state entry is made
// first, so that the proof reaches to now.
func (s *Server) postTrailProof(w http.ResponseWriter, r *http.Request, _ *Identity) error {
	var in trailProofBody
	if _, err := s.body(r, "trail-proofs", &in); err != nil {
		return err
	}
	p, err := ledger.ParsePersonRef(in.Reference)
	if err != nil {
		return &Problem{Code: "field-value", Detail: "reference is a person reference of 66 hexadecimal digits.", Pointer: "/reference"}
	}
	proof, err := s.node.TrailProof(r.Context(), p)
	switch {
	case errors.Is(err, projection.ErrNoState):
		return problem("unavailable").with("No signed checkpoint covers a state entry yet. Ask again in a moment.")
	case errors.Is(err, projection.ErrUnfinished):
		return problem("unavailable").with("The index of people is still being made. Ask again in some minutes.")
	case err != nil:
		return proposeProblem(err)
	}
	return sendJSON(w, proof)
}
