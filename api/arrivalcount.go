package api

import (
	"net/http"

	"custos/ledger"
)

// getArrivals counts the arrivals of one site that systems told of, with a
// lookup and without: a figure for information governance, and about nobody.
func (s *Server) getArrivals(w http.ResponseWriter, r *http.Request, who *Identity) error {
	to := s.moment().Day()
	from, site := to-29, who.Organisation
	for name, values := range r.URL.Query() {
		if len(values) != 1 {
			return problem("query-parameter")
		}
		var err error
		switch name {
		case "from":
			from, err = ledger.ParseDay(values[0])
		case "to":
			to, err = ledger.ParseDay(values[0])
		case "organisation":
			if site = values[0]; !isCode(site) || who.Role != ledger.RoleIGOfficer.String() {
				return problem("query-parameter").with("organisation is a code, and for the IG officer to give.")
			}
		default:
			return problem("query-parameter")
		}
		if err != nil {
			return problem("query-parameter").with("from and to are dates, YYYY-MM-DD.")
		}
	}
	n, err := s.node.View().Arrivals(site, from, to)
	if err != nil {
		return err
	}
	return sendJSON(w, struct {
		Organisation string `json:"organisation"`
		From         string `json:"from"`
		To           string `json:"to"`
		Arrivals     int    `json:"arrivals"`
		LookedUp     int    `json:"lookedUp"`
		NotLookedUp  int    `json:"notLookedUp"`
	}{site, from.String(), to.String(), n.With + n.Without, n.With, n.Without})
}
