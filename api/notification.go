package api

import (
	"net/http"
	"strconv"

	"custos/ledger"
	"custos/projection"
)

// notificationsListed is how many references one answer holds at most: the
// newest, or with "after" the next.
const notificationsListed = 1000

type notificationItem struct {
	ID             ledger.Seq `json:"id"`
	Type           string     `json:"type"`
	State          string     `json:"state"`
	Urgency        string     `json:"urgency"`
	QueuedAt       string     `json:"queuedAt"`
	DeliveredAt    string     `json:"deliveredAt,omitempty"` // when it last came into the authority's mailbox
	FailedAt       string     `json:"failedAt,omitempty"`    // when its delivery last failed; it is tried again
	OpenedAt       string     `json:"openedAt,omitempty"`
	AcknowledgedAt string     `json:"acknowledgedAt,omitempty"`
	Organisation   *named     `json:"organisation,omitempty"` // where the person was seen, unless that must not be told
}

type named struct {
	ODS  string `json:"ods"`
	Name string `json:"name"`
}

// getNotifications lists references: no person can be told from them, so the
// listing itself is no disclosure. Opening one is.
func (s *Server) getNotifications(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var state ledger.NotificationState
	var after *ledger.Seq
	for name, values := range r.URL.Query() {
		if len(values) != 1 {
			return problem("query-parameter")
		}
		switch name {
		case "state":
			if values[0] == "" {
				continue
			}
			for st := ledger.NotificationIsQueued; st <= ledger.NotificationIsFailed; st++ {
				if st.String() == values[0] {
					state = st
				}
			}
			if state == 0 {
				return problem("query-parameter").with("state is queued, delivered, opened, acknowledged or failed.")
			}
		case "after":
			if values[0] == "" {
				continue
			}
			n, err := strconv.ParseUint(values[0], 10, 63)
			if err != nil {
				return problem("query-parameter").with("after is a notification's id.")
			}
			id := ledger.Seq(n)
			after = &id
		default:
			return problem("query-parameter")
		}
	}
	view := s.node.View()
	list, err := view.Notifications(who.Organisation, state, after, notificationsListed)
	if err != nil {
		return err
	}
	items := make([]notificationItem, 0, len(list))
	for i := range list {
		item, err := s.notificationItem(view, &list[i], who)
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	return sendJSON(w, struct {
		Notifications []notificationItem `json:"notifications"`
		AsOf          ledger.Seq         `json:"asOf"`
	}{items, view.R.Head().Size})
}

func (s *Server) notificationItem(view projection.View, n *ledger.Notification, who *Identity) (notificationItem, error) {
	item := notificationItem{ID: n.ID, Type: n.Type.String(), State: n.State.String(), Urgency: "prompt", QueuedAt: n.Queued.String()}
	restricted, err := view.Restricted(n.Person)
	if err != nil {
		return item, err
	}
	role, _ := ledger.ParseRole(who.Role)
	if !ledger.Hide(restricted, role).Whereabouts {
		o, err := s.organisation(n.Organisation)
		if err != nil {
			return item, err
		}
		item.Organisation = &named{n.Organisation, o.Name}
	}
	if n.Delivered != 0 {
		item.DeliveredAt = n.Delivered.String()
	}
	if n.Failed != 0 {
		item.FailedAt = n.Failed.String()
	}
	if n.Opened != 0 {
		item.OpenedAt = n.Opened.String()
	}
	if n.Acknowledged != 0 {
		item.AcknowledgedAt = n.Acknowledged.String()
	}
	if n.Type == ledger.NotifyDataQuality {
		item.Urgency = "routine"
	}
	return item, nil
}

// optionalBody digests a body that may be absent: opening needs none.
func (s *Server) optionalBody(r *http.Request, route string, dst any) (ledger.Tag, error) {
	if r.ContentLength == 0 {
		return s.keys.Content(route, nil), nil
	}
	return s.body(r, route, dst)
}

func (s *Server) postOpen(w http.ResponseWriter, r *http.Request, who *Identity) error {
	id, err := s.pathSeq(r, "id")
	if err != nil {
		return err
	}
	content, err := s.optionalBody(r, "open/"+pathVar(r, "id"), &struct{}{})
	if err != nil {
		return err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.OpenNotification{Notification: id})
	if err != nil {
		return err
	}
	a := &out.Answer
	j := newJSONWriter()
	j.open('{')
	j.key("id")
	j.number(int64(id))
	j.field("type", a.Notification.Type.String())
	j.field("state", a.Notification.State.String())
	if len(a.Plans) > 0 {
		var d ledger.PlanDetails
		if err := s.open(a.Plans[0].Details, &d); err != nil {
			return err
		}
		j.field("nhsNumber", d.NHSNumber)
		j.optional("localId", d.LocalID)
	}
	if err := s.writePlans(j, a.Plans, a.At, true); err != nil {
		return err
	}
	j.key("visit")
	j.open('{')
	name := s.name(a.Profiles, a.Visit.Profile)
	o, err := s.organisation(a.Visit.Organisation)
	if err != nil {
		return err
	}
	j.key("at")
	j.time(a.Visit.At)
	j.field("name", name.Name)
	j.field("role", roleShown(name, a.Visit.Role))
	j.field("organisation", organisationShown(o, a.Visit.Organisation, name))
	j.field("ods", a.Visit.Organisation)
	callBack := o.CallBack // the site's, unless the lookup gave another
	for i := range a.Details {
		switch a.Details[i].Payload {
		case ledger.PayloadAccess:
			var d ledger.AccessDetails
			if err := s.open(a.Details[i], &d); err != nil {
				return err
			}
			j.optional("attendance", d.Attendance)
			if d.CallBack != "" {
				callBack = d.CallBack
			}
		case ledger.PayloadAppointment:
			var d ledger.AppointmentDetails
			if err := s.open(a.Details[i], &d); err != nil {
				return err
			}
			j.optional("service", d.Service)
		}
	}
	j.optional("callBack", callBack)
	j.close('}')
	j.finish(w, out, http.StatusOK)
	return nil
}

type acknowledgementBody struct {
	Action string `json:"action" strict:"required"`
	Note   string `json:"note"`
}

func (s *Server) postAcknowledgement(w http.ResponseWriter, r *http.Request, who *Identity) error {
	id, err := s.pathSeq(r, "id")
	if err != nil {
		return err
	}
	var in acknowledgementBody
	content, err := s.body(r, "acknowledgements/"+pathVar(r, "id"), &in)
	if err != nil {
		return err
	}
	if in.Action == "" || len(in.Action) > 64 {
		return &Problem{Code: "field-value", Pointer: "/action"}
	}
	if len(in.Note) > 4000 {
		return &Problem{Code: "field-value", Pointer: "/note"}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	if err := d.seal(ledger.HolderAuthority, []byte(who.Organisation), ledger.PayloadNote, 0,
		ledger.NoteDetails{Action: in.Action, Text: in.Note}); err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.Acknowledge{Notification: id})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.key("id")
	j.number(int64(id))
	j.field("state", out.Answer.Notification.State.String())
	j.finish(w, out, http.StatusCreated)
	return nil
}
