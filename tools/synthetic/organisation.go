package synthetic

import (
	"encoding/json"
	"fmt"

	"custos/ledger"
)

// Organisations that exist once, whatever the number of authorities.
const (
	Hospital      = "RZ9"   // an acute trust
	Emergency     = "RZ901" // its emergency department: unscheduled care
	Maternity     = "RZ902" // its maternity unit: unscheduled care
	OtherHospital = "RZ8"
	OtherUrgent   = "RZ801" // the other trust's emergency department
	Community     = "RY9"   // school nurses, health visitors and their team leaders: scheduled care
	ChildHealth   = "RX9"   // the child health information service
	National      = "ZN1"   // national information governance and audit
)

var towns = []string{
	"Fablethorpe", "Quillhaven", "Thistleby", "Emberworth", "Maplewick", "Copperhurst", "Saffrondale", "Juniperton",
	"Willowmere", "Puddlebourne", "Larkminster", "Foxglove Vale", "Bramblesea", "Hazelcross", "Otterford",
}

// Telephone areas whose numbers ending in these three digits are kept free for drama.
var drama = []string{"0113 496 0", "0114 496 0", "0115 496 0", "0116 496 0", "0117 496 0", "0118 496 0", "0121 496 0", "0151 496 0", "0161 496 0"}

func phone(n int) string { return fmt.Sprintf("%s%03d", drama[n/1000%len(drama)], n%1000) }

// officeWeek is when every invented office is open.
var officeWeek = func() []ledger.Opening {
	day := ledger.Opening{Opens: 9 * 60, Closes: 17 * 60}
	return []ledger.Opening{day, day, day, day, day, {}, {}}
}()

// christmas are the bank holidays around the next turn of a year.
func christmas(today ledger.Day) []string {
	year := today.Start().Std().Year()
	return []string{fmt.Sprintf("%d-12-25", year), fmt.Sprintf("%d-12-26", year), fmt.Sprintf("%d-01-01", year+1)}
}

func (g *generator) organisations() {
	c := g.Config
	for i := range c.Authorities {
		town := towns[i%len(towns)]
		if n := i / len(towns); n > 0 {
			town += []string{" North", " South", " East"}[n-1]
		}
		a := Authority{Code: fmt.Sprintf("D9X%dA", i+1), Name: town + " Council", Practice: fmt.Sprintf("Y99%03d", i+1)}
		g.add(ledger.Organisation{Code: a.Code, Name: a.Name, Sort: ledger.SortAuthority, Directory: ledger.Directory{
			OfficeHours: phone(1000*i + 100), EmergencyDuty: phone(1000*i + 999),
			Hours: "Monday to Friday, 09:00 to 17:00", Week: officeWeek, BankHolidays: christmas(c.Today),
		}})
		g.add(ledger.Organisation{Code: a.Practice, Name: town + " Surgery", Sort: ledger.SortPractice, Setting: ledger.SettingScheduled})
		for n := range 4 {
			code := fmt.Sprintf("E05999%03d", 4*i+n+1)
			a.Areas = append(a.Areas, code)
			side := []string{"Riverside", "Hillside", "Market", "Old Mill"}[n]
			g.add(ledger.Organisation{Code: code, Name: town + " " + side, Sort: ledger.SortArea, Parent: a.Code})
		}
		g.Authorities = append(g.Authorities, a)
	}
	for i := range c.Schools {
		a := &g.Authorities[i%c.Authorities]
		urn := fmt.Sprintf("%d", 990001+i)
		n := i / c.Authorities
		level := []string{"Primary School", "Secondary School", "Academy", "Junior School"}[n%4]
		saint := []string{"Oak Lane", "River Bank", "Castle Hill", "Meadow View", "Station Road", "North Field"}[n/4%6]
		a.Schools = append(a.Schools, urn)
		g.add(ledger.Organisation{Code: urn, Name: saint + " " + level, Sort: ledger.SortSchool, Parent: a.Code})
	}
	for _, o := range []ledger.Organisation{
		{Code: Hospital, Name: "Fable and Quill Hospitals NHS Trust", Sort: ledger.SortTrust, Setting: ledger.SettingScheduled},
		{Code: Emergency, Name: "Fable General Hospital, Emergency Department", Sort: ledger.SortTrust, Parent: Hospital, Setting: ledger.SettingUnscheduled},
		{Code: Maternity, Name: "Fable General Hospital, Maternity Unit", Sort: ledger.SortTrust, Parent: Hospital, Setting: ledger.SettingUnscheduled},
		{Code: OtherHospital, Name: "Thistle Hospitals NHS Trust", Sort: ledger.SortTrust, Setting: ledger.SettingScheduled},
		{Code: OtherUrgent, Name: "Thistle Infirmary, Emergency Department", Sort: ledger.SortTrust, Parent: OtherHospital, Setting: ledger.SettingUnscheduled},
		{Code: Community, Name: "Fable Community Health NHS Trust", Sort: ledger.SortTrust, Setting: ledger.SettingScheduled},
		{Code: ChildHealth, Name: "Fable Child Health Information Service", Sort: ledger.SortTrust},
		{Code: National, Name: "National Information Governance", Sort: ledger.SortNational},
	} {
		g.add(o)
	}
}

func (g *generator) add(o ledger.Organisation) { g.Organisations = append(g.Organisations, o) }

type organisationJSON struct {
	Code      string         `json:"code"`
	Name      string         `json:"name"`
	Sort      string         `json:"sort"`
	Parent    string         `json:"parent,omitempty"`
	Setting   string         `json:"setting,omitempty"` // unscheduled or scheduled care
	Directory *directoryJSON `json:"directory,omitempty"`
}

type directoryJSON struct {
	OfficeHours   string   `json:"officeHours"`
	EmergencyDuty string   `json:"emergencyDuty"`
	Hours         string   `json:"hours"`
	BankHolidays  []string `json:"bankHolidays"`
}

// OrganisationsJSON returns the organisations as an indented JSON array.
func (s *Synthetic) OrganisationsJSON() ([]byte, error) {
	out := make([]organisationJSON, 0, len(s.Organisations))
	for _, o := range s.Organisations {
		j := organisationJSON{Code: o.Code, Name: o.Name, Sort: o.Sort, Parent: o.Parent}
		switch o.Setting {
		case ledger.SettingUnscheduled:
			j.Setting = "unscheduled"
		case ledger.SettingScheduled:
			j.Setting = "scheduled"
		}
		if d := o.Directory; !d.IsZero() {
			j.Directory = &directoryJSON{d.OfficeHours, d.EmergencyDuty, d.Hours, d.BankHolidays}
		}
		out = append(out, j)
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode organisations: %w", err)
	}
	return append(b, '\n'), nil
}
