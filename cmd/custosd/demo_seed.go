package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"custos/api/cpis"
	"custos/ledger"
	"custos/tools/synthetic"
)

// seeder fills a demo through its own interface: every past lookup was one.
type seeder struct {
	d      *demo
	data   *synthetic.Synthetic
	tokens *tokenMaker
	byName map[string]string // token by persona's env
	actors []string          // tokens of those who made the past lookups
	url    string
	client *http.Client
	counts map[string]int
	next   []int // next upload number by authority
	upTo   []ledger.Day
}

// step is something that happened at a time.
type step struct {
	at ledger.Time
	do func(context.Context) error
}

// historyStart is when the demo's history begins: eight in the morning, 90
// days ago.
func historyStart(s *synthetic.Synthetic) ledger.Time {
	return (s.Config.Today - ledger.Day(s.Config.Days)).Start() + 8*ledger.Hour
}

func (d *demo) seed(ctx context.Context, data *synthetic.Synthetic) error {
	tokens, err := newTokenMaker(d.dir)
	if err != nil {
		return err
	}
	d.state.People = personas(data)
	s := &seeder{d: d, data: data, tokens: tokens, byName: map[string]string{}, url: d.leader(), client: &http.Client{Timeout: time.Minute},
		counts: map[string]int{}, next: make([]int, len(data.Authorities)), upTo: make([]ledger.Day, len(data.Authorities))}
	for i := range d.state.People {
		if s.byName[d.state.People[i].Env], err = tokens.issue(&d.state.People[i], time.Now()); err != nil {
			return err
		}
	}
	for _, a := range data.Actors {
		p := persona{Subject: a.Subject, Name: a.Name, RoleName: a.RoleName, Organisation: a.Organisation, Activity: "B0107"}
		if !a.Unscheduled {
			p.Activity = "B0170"
		}
		token, err := tokens.issue(&p, time.Now())
		if err != nil {
			return err
		}
		s.actors = append(s.actors, token)
	}
	if err := s.organisations(ctx); err != nil {
		return err
	}
	for _, st := range s.schedule() {
		d.clock.set(st.at)
		if err := st.do(ctx); err != nil {
			return err
		}
	}
	d.clock.real()
	for i := range data.Authorities {
		if err := s.upload(ctx, i, data.Config.Today); err != nil {
			return err
		}
		if err := s.enrol(ctx, i, data.Config.Today); err != nil {
			return err
		}
	}
	s.remember()
	return nil
}

// schedule puts the history in order: uploads every week, lookups when they
// were made, notifications read, caseloads looked at.
func (s *seeder) schedule() []step {
	start := historyStart(s.data)
	var all []step
	add := func(at ledger.Time, do func(context.Context) error) { all = append(all, step{at, do}) }
	first := s.data.Config.Today - ledger.Day(s.data.Config.Days)
	for i := range s.data.Authorities {
		for day := first; day < s.data.Config.Today; day += 7 {
			at := day.Start() + 8*ledger.Hour + 10*ledger.Minute + ledger.Time(i)*ledger.Minute
			add(at, func(ctx context.Context) error { return s.upload(ctx, i, day) })
		}
		add(start+30*ledger.Minute, func(ctx context.Context) error { return s.enrol(ctx, i, first) })
	}
	add(start+ledger.Minute, s.assign)
	add((s.data.Config.Today-14).Start()+10*ledger.Hour, s.confirm)
	for day := first + 1; day < s.data.Config.Today; day += 7 {
		add(day.Start()+9*ledger.Hour, s.caseloads)
		add(day.Start()+9*ledger.Hour+30*ledger.Minute, s.notifications)
	}
	for i := range s.data.Visits {
		v := &s.data.Visits[i]
		if v.At > start+ledger.Hour {
			add(v.At, func(ctx context.Context) error { return s.visit(ctx, v) })
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at < all[j].at })
	return all
}

// call makes one request; anything but a 2xx ends the seeding.
func (s *seeder) call(ctx context.Context, token, method, path, media string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it was read whole
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("seeding: %s %s answers %d: %s", method, path, answer.StatusCode, b)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(b, into)
}

func (s *seeder) post(ctx context.Context, token, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return s.call(ctx, token, http.MethodPost, path, "application/json", b, nil)
}

func (s *seeder) organisations(ctx context.Context) error {
	for _, o := range s.data.Organisations {
		in := map[string]any{"name": o.Name, "sort": o.Sort}
		if o.Parent != "" {
			in["parent"] = o.Parent
		}
		switch o.Setting {
		case ledger.SettingUnscheduled:
			in["setting"] = "unscheduled"
		case ledger.SettingScheduled:
			in["setting"] = "scheduled"
		}
		if !o.Directory.IsZero() {
			in["officeHours"], in["emergencyDuty"] = o.Directory.OfficeHours, o.Directory.EmergencyDuty
		}
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		if err := s.call(ctx, s.byName["T_OPERATOR"], http.MethodPut, "/v1/organisations/"+o.Code, "application/json", b, nil); err != nil {
			return err
		}
	}
	return nil
}

// confirm has every authority but the last confirm its numbers: the last shows
// what becomes of numbers that nobody confirms.
func (s *seeder) confirm(ctx context.Context) error {
	for i := range s.data.Authorities[:len(s.data.Authorities)-1] {
		token, err := s.staff(i, "uploader", "Upload Service")
		if err != nil {
			return err
		}
		for _, o := range s.data.Organisations {
			if o.Code != s.data.Authorities[i].Code {
				continue
			}
			week := map[string]string{}
			for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
				week[day] = "09:00-17:00" // as the hours say in words
			}
			b, err := json.Marshal(map[string]any{"officeHours": o.Directory.OfficeHours, "emergencyDuty": o.Directory.EmergencyDuty,
				"hours": o.Directory.Hours, "week": week, "bankHolidays": o.Directory.BankHolidays})
			if err != nil {
				return err
			}
			if err := s.call(ctx, token, http.MethodPut, "/v1/directory/"+o.Code, "application/json", b, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// staff returns a token of somebody at an authority.
func (s *seeder) staff(authority int, role, name string) (string, error) {
	p := persona{Subject: fmt.Sprintf("998%06d%03d", authority+1, len(role)), Name: name, Role: role, RoleName: name,
		Organisation: s.data.Authorities[authority].Code, OrganisationName: s.data.Authorities[authority].Name}
	return s.tokens.issue(&p, time.Now())
}

func (s *seeder) upload(ctx context.Context, authority int, day ledger.Day) error {
	since := s.upTo[authority]
	var file []byte
	var rows int
	var err error
	if since == 0 {
		file, rows, err = s.data.Upload(authority, day)
	} else {
		file, rows, err = s.data.Changes(authority, since, day)
	}
	if err != nil {
		return err
	}
	s.upTo[authority] = day
	if rows == 0 {
		return nil
	}
	token := s.byName["T_LA_UPLOADER"]
	switch authority {
	case 0:
	case 1:
		token = s.byName["T_LA2_UPLOADER"]
	default:
		if token, err = s.staff(authority, "uploader", "Upload Service"); err != nil {
			return err
		}
	}
	s.next[authority]++
	s.counts["uploads"]++
	return s.call(ctx, token, http.MethodPost, "/v1/uploads?sequence="+strconv.Itoa(s.next[authority]), "text/csv", file, nil)
}

func (s *seeder) enrol(ctx context.Context, authority int, day ledger.Day) error {
	file, rows, err := s.data.Enrolments(authority, day)
	if err != nil || rows == 0 {
		return err
	}
	return s.call(ctx, s.byName["T_CHILD_HEALTH"], http.MethodPost, "/v1/enrolments", "text/csv", file, nil)
}

func (s *seeder) assign(ctx context.Context) error {
	from := (s.data.Config.Today - ledger.Day(s.data.Config.Days)).String()
	a := &s.data.Authorities[0]
	for _, in := range []map[string]string{
		{"person": s.subject("T_SCHOOL_NURSE"), "school": a.Schools[0], "from": from, "type": "own"},
		{"person": s.subject("T_HEALTH_VISITOR"), "area": a.Areas[0], "from": from, "type": "own"},
	} {
		if err := s.post(ctx, s.byName["T_TEAM_LEADER"], "/v1/assignments", in); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) subject(env string) string {
	for i := range s.d.state.People {
		if s.d.state.People[i].Env == env {
			return s.d.state.People[i].Subject
		}
	}
	return ""
}

func (s *seeder) caseloads(ctx context.Context) error {
	a := &s.data.Authorities[0]
	if err := s.post(ctx, s.byName["T_SCHOOL_NURSE"], "/v1/caseloads/lookups", map[string]string{"school": a.Schools[0]}); err != nil {
		return err
	}
	return s.post(ctx, s.byName["T_HEALTH_VISITOR"], "/v1/caseloads/lookups", map[string]string{"area": a.Areas[0]})
}

// notifications has each authority's duty worker open and act on nine in ten
// of what waits.
func (s *seeder) notifications(ctx context.Context) error {
	for i := range s.data.Authorities {
		token, err := s.staff(i, "social-worker", "Duty Worker")
		if err != nil {
			return err
		}
		var list struct {
			Notifications []struct {
				ID uint64 `json:"id"`
			} `json:"notifications"`
		}
		if err := s.call(ctx, token, http.MethodGet, "/v1/notifications?state=queued", "", nil, &list); err != nil {
			return err
		}
		for n, item := range list.Notifications {
			if n%10 == 9 {
				continue
			}
			path := "/v1/notifications/" + strconv.FormatUint(item.ID, 10)
			if err := s.post(ctx, token, path+"/open", map[string]string{"reason": "on duty"}); err != nil {
				return err
			}
			if err := s.post(ctx, token, path+"/acknowledgements", map[string]string{"action": "contacted-setting"}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *seeder) visit(ctx context.Context, v *synthetic.Visit) error {
	in := map[string]any{"nhsNumber": v.NHSNumber}
	if v.Birth != 0 {
		in["dateOfBirth"] = v.Birth.String()
	}
	s.counts["lookups"]++
	return s.post(ctx, s.actors[v.Actor], "/v1/lookups", in)
}

// remember keeps what the demo says of its data.
func (s *seeder) remember() {
	k, data := s.data.Known, s.data
	plans := 0
	for i := range data.People {
		plans += len(data.People[i].Plans)
		for j := range data.People[i].Plans {
			p := &data.People[i].Plans[j]
			if p.End == 0 && p.Start < data.Config.Today && len(s.d.state.Bench) < 300 {
				s.d.state.Bench = append(s.d.state.Bench, data.People[i].NHSNumber)
				break
			}
		}
	}
	s.d.state.Known = map[string]string{
		"LA_ODS": data.Authorities[0].Code, "SCHOOL_URN": data.Authorities[0].Schools[0], "AREA_CODE": data.Authorities[0].Areas[0],
		"NHS_CPP": data.People[k.CPP].NHSNumber, "NHS_LAC": data.People[k.LAC].NHSNumber, "NHS_UCPP": data.People[k.UCPP].NHSNumber,
		"NHS_ENDED": data.People[k.Ended].NHSNumber, "NHS_EXPIRED": data.People[k.Expired].NHSNumber, "NHS_NONE": k.None,
	}
	s.byMESH(len(data.Authorities) - 1)
	s.d.state.Seeded = fmt.Sprintf("%d local authorities, %d schools, %d people with %d plans, %d uploads, %d lookups over %d days",
		len(data.Authorities), data.Config.Schools, len(data.People), plans, s.counts["uploads"], s.counts["lookups"], data.Config.Days)
}

// benchTokens is how many people the measurements sign in as.
const benchTokens = 200

// benchFiles writes what custos-tools bench reads: tokens and NHS numbers, one a line.
func (d *demo) benchFiles(tokens *tokenMaker) error {
	var lines strings.Builder
	for i := range benchTokens {
		p := persona{Subject: fmt.Sprintf("997%09d", i+1), Name: fmt.Sprintf("Bench Clinician %d", i+1), RoleName: "Emergency Department Nurse",
			Organisation: synthetic.Emergency, Activity: "B0107"}
		token, err := tokens.issue(&p, time.Now())
		if err != nil {
			return err
		}
		lines.WriteString(token + "\n")
	}
	if err := os.WriteFile(d.path("bench-tokens"), []byte(lines.String()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(d.path("bench-people"), []byte(strings.Join(d.state.Bench, "\n")+"\n"), 0o600)
}

// byMESH notes which authority sends its next files by MESH: the last, which
// nobody of the demo's people belongs to, so that the others' notifications wait
// in the list for whoever tries that out.
func (s *seeder) byMESH(i int) {
	m := &s.d.state.MESH
	for _, o := range s.data.Organisations {
		if o.Code == s.data.Authorities[i].Code {
			m.Authority, m.Name = o.Code, o.Name
			m.OfficeHours, m.EmergencyDuty = cpis.Telephone(o.Directory.OfficeHours), cpis.Telephone(o.Directory.EmergencyDuty)
		}
	}
	m.Sequence = int64(s.next[i])
	m.Start = cpis.DateTimeOf((s.data.Config.Today - 30).Start().Std())
}
