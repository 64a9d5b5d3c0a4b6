package api

import (
	"net/http"

	"custos/ledger"
)

// What a site that saw a person is told: that nobody of the authority has
// acknowledged it, up to the top of its ladder.

type siteNotice struct {
	ID             ledger.Seq     `json:"id"`
	Type           string         `json:"type"`
	State          string         `json:"state"`
	QueuedAt       string         `json:"queuedAt"`
	Lookup         ledger.Seq     `json:"lookup"` // the access that the authority was told of, or the missed appointment
	LocalAuthority directoryEntry `json:"localAuthority"`
}

// getSiteNotices lists references; to see whom one is about is to open it.
func (s *Server) getSiteNotices(w http.ResponseWriter, r *http.Request, who *Identity) error {
	q, err := parseListed(r)
	if err != nil {
		return err
	}
	view := s.node.View()
	list, err := s.list(view, &q, who)
	if err != nil {
		return err
	}
	items := make([]siteNotice, 0, len(list))
	for i := range list {
		n := &list[i]
		o, err := s.organisation(n.Organisation)
		if err != nil {
			return err
		}
		items = append(items, siteNotice{ID: n.ID, Type: n.Type.String(), State: n.State.String(), QueuedAt: n.Queued.String(), Lookup: n.Of,
			LocalAuthority: directoryEntry{ODS: n.Organisation, Name: o.Name, OfficeHours: o.Directory.OfficeHours, EmergencyDuty: o.Directory.EmergencyDuty}})
	}
	return sendJSON(w, struct {
		Notices []siteNotice `json:"notices"`
		AsOf    ledger.Seq   `json:"asOf"`
	}{items, view.R.Head().Size})
}

func (s *Server) postOpenSiteNotice(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.openNotification(w, r, who, true)
}

func (s *Server) postAcknowledgeSiteNotice(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.act(w, r, who, "site-notices/", func(id ledger.Seq) ledger.Request { return &ledger.Acknowledge{Notification: id, Site: true} })
}
