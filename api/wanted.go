package api

import (
	"fmt"
	"net/http"
	"strconv"

	"custos/ledger"
)

type wantedBody struct{}

// postWanted tells a source whose enrolment it is asked for again: people whom
// it named while they had no plan, and who have one now. It answers with their
// NHS numbers and nothing else; that somebody has a plan is told by it, so it is
// recorded page by page with an entry for everybody on it.
func (s *Server) postWanted(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in wantedBody
	content, err := s.body(r, "enrolments/wanted", &in)
	if err != nil {
		return err
	}
	if err := s.needs(3); err != nil {
		return err
	}
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return p
	}
	j := newJSONWriter()
	j.open('{')
	j.key("people")
	j.open('[')
	var pages []heldPage
	var q ledger.ReadWanted
	for more := true; more; {
		d, err := s.draftAs(ledger.DeriveID("wanted", key[:], []byte(strconv.Itoa(len(pages)))), who, content)
		if err != nil {
			return err
		}
		d.command.Bulk = true
		page := q
		out, err := d.propose(r.Context(), &page)
		if err != nil {
			return err
		}
		a := &out.Answer
		if a.Wanted == nil {
			return fmt.Errorf("entry %d is no page of what is wanted", a.Seq)
		}
		pages = append(pages, heldPage{a.Seq, out.Receipt()})
		for i := range a.People {
			person, err := s.openPerson(a.People[i].Plans)
			if err != nil {
				return err
			}
			j.open('{')
			j.field("nhsNumber", person.NHSNumber)
			j.close('}')
			q.After = a.People[i].Person
		}
		more = a.Wanted.More
	}
	j.close(']')
	j.pages(pages)
	j.close('}')
	cite(w, pages[0].seq)
	j.send(w, http.StatusOK)
	return nil
}
