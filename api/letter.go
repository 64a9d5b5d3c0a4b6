package api

import (
	"net/http"

	"custos/ledger"
)

// deadLetters is how many letters that were given up one answer lists at most:
// the newest.
const deadLetters = 1000

type letterboxItem struct {
	Authority string       `json:"authority"`
	Way       string       `json:"way"`
	Waiting   []letterItem `json:"waiting"` // tried, and not known to have arrived
	Failing   int          `json:"failing"` // attempts since one arrived
	LastAt    string       `json:"lastAt"`
}

type letterItem struct {
	Letter        ledger.Seq `json:"letter"`
	Authority     string     `json:"authority"`
	Way           string     `json:"way"`
	Notifications int        `json:"notifications"`
	Attempts      int        `json:"attempts"`
	FirstAt       string     `json:"firstAt"`
	LastAt        string     `json:"lastAt"`
	Code          string     `json:"code,omitempty"` // how the last attempt ended; none: nobody knows
}

func letterShown(l *ledger.Letter) letterItem {
	return letterItem{Letter: l.ID, Authority: l.Authority, Way: l.Way.String(), Notifications: len(l.Notifications), Attempts: l.Attempts,
		FirstAt: l.At.String(), LastAt: l.Last.String(), Code: l.Code}
}

// getLetters lists how letters stand. Nothing in it is about a person, so the
// listing is no disclosure.
func (s *Server) getLetters(w http.ResponseWriter, _ *http.Request, _ *Identity) error {
	view := s.node.View()
	boxes, err := view.Letterboxes()
	if err != nil {
		return err
	}
	out := struct {
		Letterboxes []letterboxItem `json:"letterboxes"`
		Dead        []letterItem    `json:"dead"`
	}{[]letterboxItem{}, []letterItem{}}
	for i := range boxes {
		b := &boxes[i]
		item := letterboxItem{Authority: b.Authority, Way: b.Way.String(), Waiting: []letterItem{}, Failing: b.Failing, LastAt: b.Last.String()}
		for _, n := range append([]ledger.Seq{b.Open}, b.Waiting...) {
			l, ok, err := view.Letter(n)
			if err != nil {
				return err
			}
			if ok {
				item.Waiting = append(item.Waiting, letterShown(&l))
			}
		}
		out.Letterboxes = append(out.Letterboxes, item)
	}
	dead, err := view.DeadLetters(deadLetters)
	if err != nil {
		return err
	}
	for i := range dead {
		out.Dead = append(out.Dead, letterShown(&dead[i]))
	}
	return sendJSON(w, out)
}

// postRedelivery has a letter that was given up tried again, by whichever node leads.
func (s *Server) postRedelivery(w http.ResponseWriter, r *http.Request, who *Identity) error {
	id, err := s.pathSeq(r, "id")
	if err != nil {
		return err
	}
	content, err := s.optionalBody(r, "redeliveries/"+pathVar(r, "id"), &struct{}{})
	if err != nil {
		return err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.AskLetter{Letter: id})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.key("letter")
	j.number(int64(id))
	j.finish(w, out, http.StatusCreated)
	return nil
}

type trialBody struct {
	Authority string `json:"authority" strict:"required"`
	Way       string `json:"way" strict:"required"`
}

// postTrial records that a way is tried, tries it from this node, and says how
// that ended.
func (s *Server) postTrial(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in trialBody
	content, err := s.body(r, "letters/trials", &in)
	if err != nil {
		return err
	}
	way, ok := ledger.ParseWay(in.Way)
	if !ok {
		return &Problem{Code: "field-value", Pointer: "/way"}
	}
	if !isCode(in.Authority) {
		return &Problem{Code: "field-value", Pointer: "/authority"}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.AskLetter{Authority: in.Authority, Way: way})
	if err != nil {
		return err
	}
	code := "no-address"
	if s.cfg.TryLetter != nil {
		code = s.cfg.TryLetter(r.Context(), in.Authority, way, out.Answer.Seq)
	}
	j := newJSONWriter()
	j.open('{')
	j.field("authority", in.Authority)
	j.field("way", way.String())
	j.key("accepted")
	j.boolean(code == "")
	j.optional("code", code)
	j.finish(w, out, http.StatusOK)
	return nil
}
