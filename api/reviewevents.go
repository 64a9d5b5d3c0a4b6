package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"custos/ledger"
	"custos/projection"
)

// Who reviews emergency accesses is told of each as it happens: which entry it
// is, where and until when, and nothing by which a person could be told.

// everyReview is what the national IG officer listens to.
const everyReview = topic("reviews")

func reviewsOf(organisation string) topic { return topic("reviews " + organisation) }

type reviewEvent struct {
	ID           ledger.Seq `json:"id"`
	At           string     `json:"at"`
	Organisation string     `json:"organisation"`
	InsteadOf    string     `json:"insteadOf"` // why it would have been denied
	ReviewBy     string     `json:"reviewBy"`
}

// glassEvents is what is told of the entry of an emergency access.
func glassEvents(view projection.View, n ledger.Seq) ([]topicEvent, error) {
	g, ok, err := view.Glass(n)
	if err != nil || !ok {
		return nil, err
	}
	data, err := json.Marshal(reviewEvent{g.Seq, g.At.String(), g.Organisation, g.Code, g.Due().String()})
	if err != nil {
		return nil, err
	}
	e := streamEvent{n, fmt.Appendf(nil, "id: %d\nevent: review\ndata: %s\n\n", n, data)}
	return []topicEvent{{reviewsOf(g.Organisation), e}, {everyReview, e}}, nil
}

// getReviewEvents tells a reviewer of emergencies as they happen: a site's officer
// of those of the site. Listening is no disclosure; opening a review is one.
func (s *Server) getReviewEvents(w http.ResponseWriter, r *http.Request, who *Identity) error {
	of := reviewsOf(who.Organisation)
	if role, _ := ledger.ParseRole(who.Role); ledger.May(role, ledger.ActReadTrail) {
		of = everyReview
	}
	return s.listen(w, r, who, of)
}
