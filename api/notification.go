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
	ActionedAt     string     `json:"actionedAt,omitempty"`
	For            string     `json:"for,omitempty"`         // whom it is for: the rung of the authority's ladder
	DueAt          string     `json:"dueAt,omitempty"`       // when it climbs, unless it is acknowledged
	EscalatedAt    string     `json:"escalatedAt,omitempty"` // when it last climbed
	WithdrawnAt    string     `json:"withdrawnAt,omitempty"` // every lookup that it told of was of the wrong person
	LatestAt       string     `json:"latestAt,omitempty"`    // of the last look of the same attendance, if there were several
	Accesses       int        `json:"accesses,omitempty"`    // how many there were, if several
	Reattended     bool       `json:"reattended,omitempty"`  // the authority was told of an earlier attendance, by the one that after names
	After          ledger.Seq `json:"after,omitempty"`
	Organisation   *named     `json:"organisation,omitempty"` // where the person was seen, unless that must not be told
}

type named struct {
	ODS  string `json:"ods"`
	Name string `json:"name"`
}

// listed is what a list of notifications is asked for.
type listed struct {
	state ledger.NotificationState
	climb bool        // those that climbed and still wait
	rung  ledger.Rung // those that are for it
	mine  bool        // those of plans that name the caller as worker or team
	after *ledger.Seq
}

// parseListed reads the query of a list.
func parseListed(r *http.Request) (q listed, err error) {
	for name, values := range r.URL.Query() {
		if len(values) != 1 {
			return q, problem("query-parameter")
		}
		text := values[0]
		if text == "" && (name == "state" || name == "after") {
			continue
		}
		switch name {
		case "state":
			if q.climb = text == "escalated"; q.climb {
				continue
			}
			for st := ledger.NotificationIsQueued; st <= ledger.NotificationIsActioned; st++ {
				if st.String() == text {
					q.state = st
				}
			}
			if q.state == 0 {
				return q, problem("query-parameter").with("state is queued, delivered, opened, acknowledged, actioned, escalated, failed or withdrawn.")
			}
		case "for":
			for rung := ledger.RungWorker; rung <= ledger.RungSite; rung++ {
				if rung.String() == text {
					q.rung = rung
				}
			}
			if q.rung == 0 {
				return q, problem("query-parameter").with("for is worker, team, manager, emergency-duty or site.")
			}
		case "mine":
			if text != "yes" {
				return q, problem("query-parameter").with("mine is yes.")
			}
			q.mine = true
		case "after":
			n, err := strconv.ParseUint(text, 10, 63)
			if err != nil {
				return q, problem("query-parameter").with("after is a notification's id.")
			}
			id := ledger.Seq(n)
			q.after = &id
		default:
			return q, problem("query-parameter")
		}
	}
	return q, nil
}

// list reads what is asked for, of an authority or a site.
func (s *Server) list(view projection.View, q *listed, who *Identity) ([]ledger.Notification, error) {
	as := s.namesOf(who)
	return view.NotificationsWhere(who.Organisation, q.after, notificationsListed, func(n *ledger.Notification) (bool, error) {
		switch {
		case q.state != 0 && n.State != q.state, q.climb && (n.Escalated == 0 || !n.Waits()), q.rung != 0 && n.Rung != q.rung:
			return false, nil
		case !q.mine:
			return true, nil
		}
		plans, _, err := ledger.PlansOf(view, n.Person)
		return err == nil && n.Names(plans, as), err
	})
}

// getNotifications lists references: no person can be told from them, so the
// listing itself is no disclosure. Opening one is.
func (s *Server) getNotifications(w http.ResponseWriter, r *http.Request, who *Identity) error {
	q, err := parseListed(r)
	if err != nil {
		return err
	}
	view := s.node.View()
	list, err := s.list(view, &q, who)
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
	item.For = n.Rung.String()
	if n.Due != 0 {
		item.DueAt = n.Due.String()
	}
	if n.Escalated != 0 {
		item.EscalatedAt = n.Escalated.String()
	}
	if n.Actioned != 0 {
		item.ActionedAt = n.Actioned.String()
	}
	if n.Withdrawn != 0 {
		item.WithdrawnAt = n.Withdrawn.String()
	}
	if n.Accesses > 1 {
		item.Accesses, item.LatestAt = n.Accesses, n.Latest.String()
	}
	item.Reattended, item.After = n.After != 0, n.After
	if n.Type == ledger.NotifyDataQuality {
		item.Urgency = "routine"
	}
	return item, nil
}

// optionalBody digests a body that may be absent.
func (s *Server) optionalBody(r *http.Request, route string, dst any) (ledger.Tag, error) {
	if r.ContentLength == 0 {
		return s.keys.Content(route, nil), nil
	}
	return s.body(r, route, dst)
}

// openBody says why somebody opens what is not for them.
type openBody struct {
	Reason string `json:"reason"`
}

func (s *Server) postOpen(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.openNotification(w, r, who, false)
}

// openNotification has the opening recorded, and shows what it disclosed.
func (s *Server) openNotification(w http.ResponseWriter, r *http.Request, who *Identity, site bool) error {
	id, err := s.pathSeq(r, "id")
	if err != nil {
		return err
	}
	var in openBody
	content, err := s.optionalBody(r, "open/"+pathVar(r, "id"), &in)
	if err != nil {
		return err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	if in.Reason != "" {
		if err := d.reason(in.Reason); err != nil {
			return err
		}
	}
	q := &ledger.OpenNotification{Notification: id, Site: site}
	if s.needs(3) == nil {
		q.As = s.namesOf(who)
	}
	out, err := d.propose(r.Context(), q)
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
	if n := a.Notification; n.Accesses > 1 {
		j.key("accesses")
		j.number(int64(n.Accesses))
		j.key("latestAt")
		j.time(n.Latest)
	}
	if n := a.Notification; n.After != 0 {
		j.key("reattended")
		j.boolean(true)
		j.key("after")
		j.number(int64(n.After))
	}
	if ofMother(a.Plans) { // whom the visit was of, its own details say
		d, err := s.openPerson(a.Plans)
		if err != nil {
			return err
		}
		j.key("mother")
		j.open('{')
		j.field("nhsNumber", d.NHSNumber)
		j.optional("localId", d.LocalID)
		writePerson(j, d)
		j.close('}')
	} else if len(a.Plans) > 0 {
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
	switch {
	case a.Notification.Type == ledger.NotifyPolicy:
		begun, err := s.begunPolicy(s.node.View(), a.Notification)
		if err != nil {
			return err
		}
		j.key("policy")
		if err := j.value(begun); err != nil {
			return err
		}
	case a.Visit.Role != ledger.RoleSystem: // a task tells of a plan, and of nobody's visit
		if err := s.writeSeen(j, a); err != nil {
			return err
		}
	}
	j.finish(w, out, http.StatusOK)
	return nil
}

// writeSeen appends "visit": who saw the person, where and when.
func (s *Server) writeSeen(j *jsonWriter, a *projection.Answer) error {
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
	if a.Visit.InError {
		j.key("inError")
		j.boolean(true)
	}
	for i := range a.Details {
		switch a.Details[i].Payload {
		case ledger.PayloadAccess:
			var d ledger.AccessDetails
			if err := s.open(a.Details[i], &d); err != nil {
				return err
			}
			if a.Notification.Type == ledger.NotifyUnread || ofMother(a.Plans) {
				j.optional("nhsNumber", d.NHSNumber) // no plan says whom
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
	return nil
}

// actBody says what somebody does, or did, about a notification.
type actBody struct {
	Action string `json:"action" strict:"required"`
	Note   string `json:"note"`
}

func (s *Server) postAcknowledgement(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.act(w, r, who, "acknowledgements/", func(id ledger.Seq) ledger.Request { return &ledger.Acknowledge{Notification: id} })
}

func (s *Server) postAction(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.act(w, r, who, "actions/", func(id ledger.Seq) ledger.Request { return &ledger.ActOnNotification{Notification: id} })
}

// act records what the body says, sealed for the authority, by a request about
// the notification in the path.
func (s *Server) act(w http.ResponseWriter, r *http.Request, who *Identity, route string, request func(ledger.Seq) ledger.Request) error {
	id, err := s.pathSeq(r, "id")
	if err != nil {
		return err
	}
	var in actBody
	content, err := s.body(r, route+pathVar(r, "id"), &in)
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
	out, err := d.propose(r.Context(), request(id))
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
