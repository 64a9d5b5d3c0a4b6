package api

import (
	"cmp"
	"net/http"
	"slices"

	"custos/ledger"
	"custos/projection"
)

// What a site is told: that nobody of the authority has acknowledged a person it
// saw, up to the top of the ladder; and that a policy begins that holds there.

type siteNotice struct {
	ID             ledger.Seq      `json:"id"`
	Type           string          `json:"type"`
	State          string          `json:"state"`
	QueuedAt       string          `json:"queuedAt"`
	Lookup         *ledger.Seq     `json:"lookup,omitempty"` // the access that the authority was told of, or the missed appointment
	LocalAuthority *directoryEntry `json:"localAuthority,omitempty"`
	Policy         *begunPolicy    `json:"policy,omitempty"`
}

// begunPolicy is a policy that has begun, of the site or of a place above it.
type begunPolicy struct {
	ODS  string `json:"ods"`
	Name string `json:"name"`
	policyEntry
}

// getSiteNotices lists references; to see whom one is about is to open it. What a
// place above is told of its policy is listed too, and opened there alone.
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
	if list, err = withAbove(view, list, &q, who.Organisation); err != nil {
		return err
	}
	items := make([]siteNotice, 0, len(list))
	for i := range list {
		item, err := s.siteNotice(view, &list[i])
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	return sendJSON(w, struct {
		Notices []siteNotice `json:"notices"`
		AsOf    ledger.Seq   `json:"asOf"`
	}{items, view.R.Head().Size})
}

// withAbove adds the policies that begin at the places above a site, and keeps
// one page of them all.
func withAbove(view projection.View, list []ledger.Notification, q *listed, site string) ([]ledger.Notification, error) {
	if q.climb || q.rung != 0 || q.mine {
		return list, nil // nothing of a policy climbs, and it is for no person
	}
	places, err := ledger.PlacesAbove(view, site)
	if err != nil {
		return nil, err
	}
	for _, place := range places {
		more, err := view.NotificationsWhere(place, q.after, notificationsListed, func(n *ledger.Notification) (bool, error) {
			return n.Type == ledger.NotifyPolicy && (q.state == 0 || n.State == q.state), nil
		})
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	slices.SortFunc(list, func(a, b ledger.Notification) int { return cmp.Compare(a.ID, b.ID) })
	if extra := len(list) - notificationsListed; extra > 0 {
		if q.after == nil { // the newest are shown
			return list[extra:], nil
		}
		return list[:notificationsListed], nil
	}
	return list, nil
}

func (s *Server) siteNotice(view projection.View, n *ledger.Notification) (siteNotice, error) {
	item := siteNotice{ID: n.ID, Type: n.Type.String(), State: n.State.String(), QueuedAt: n.Queued.String()}
	var err error
	if n.Type == ledger.NotifyPolicy {
		item.Policy, err = s.begunPolicy(view, n)
		return item, err
	}
	o, err := s.organisation(n.Organisation)
	if err != nil {
		return item, err
	}
	item.Lookup = &n.Of
	item.LocalAuthority = &directoryEntry{ODS: n.Organisation, Name: o.Name, OfficeHours: o.Directory.OfficeHours,
		EmergencyDuty: o.Directory.EmergencyDuty, RingNow: o.Directory.NumberAt(s.moment())}
	return item, nil
}

// begunPolicy is what a notification tells of that is of nobody.
func (s *Server) begunPolicy(view projection.View, n *ledger.Notification) (*begunPolicy, error) {
	place, err := policyOfPlace(view, n.Organisation)
	if err != nil {
		return nil, err
	}
	out := &begunPolicy{ODS: place.ODS, Name: place.Name}
	for i := range place.Entries {
		if place.Entries[i].Seq == n.Of {
			out.policyEntry = place.Entries[i]
		}
	}
	return out, nil
}

func (s *Server) postOpenSiteNotice(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.openNotification(w, r, who, true)
}

func (s *Server) postAcknowledgeSiteNotice(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.act(w, r, who, "site-notices/", func(id ledger.Seq) ledger.Request { return &ledger.Acknowledge{Notification: id, Site: true} })
}
