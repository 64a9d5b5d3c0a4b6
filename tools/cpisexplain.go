package tools

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"custos/api/cpis"
)

func (a *app) cpisExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain FILE", Short: "Show a CP-IS message as tables that a person can read",
		Long: "Show a CP-IS message as tables that a person can read: any of the six, in XML.\n\n" +
			"This prints names, NHS numbers and birth dates: they are in the file that you already hold, and go to your\n" +
			"screen alone. Do not send what is printed where the file itself may not go. Exit 3 as for validate.",
		Args: exactly(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error { return a.cpisExplain(args[0]) },
	}
}

// section is one table of an explanation.
type section struct {
	Name    string
	Columns []string
	Rows    [][]string
}

func (s *section) add(cells ...string) { s.Rows = append(s.Rows, cells) }

func (a *app) cpisExplain(path string) error {
	var sections []*section
	bad := false
	err := readCPIS(path, time.Now(), func(kind cpis.Kind, r *cpis.Reader, m any, err error) error {
		if r != nil {
			sections, bad, err = explainUpload(r, err)
			return err
		}
		if err == nil {
			sections = explain(kind, m)
		}
		return err
	})
	broken, isFile := defectOf(err)
	if err != nil && !isFile {
		return failing(ExitUnreadable, err)
	}
	if err := a.printSections(sections); err != nil {
		return err
	}
	if isFile {
		return failf(ExitUnreadable, "%s", broken)
	}
	if bad {
		return &failure{ExitUnreadable, errSaid}
	}
	return nil
}

func (a *app) printSections(sections []*section) error {
	if a.json() {
		out := map[string][]map[string]string{}
		for _, s := range sections {
			rows := []map[string]string{}
			for _, r := range s.Rows {
				row := map[string]string{}
				for i, c := range s.Columns {
					if r[i] != "" {
						row[field(c)] = r[i]
					}
				}
				rows = append(rows, row)
			}
			out[field(s.Name)] = rows
		}
		return a.printJSON(out)
	}
	for i, s := range sections {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintln(a.stdout, s.Name)
		var head []any
		for _, c := range s.Columns {
			head = append(head, strings.ToUpper(c))
		}
		rows := make([][]any, len(s.Rows))
		for j, r := range s.Rows {
			for _, cell := range r {
				rows[j] = append(rows[j], strings.Map(visible, cell))
			}
		}
		if err := table(a.stdout, head, rows); err != nil {
			return err
		}
	}
	return nil
}

// field is a column's name as a JSON field has it: nhsNumber for NHS number.
func field(column string) string {
	words := strings.Fields(strings.ToLower(column))
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}

// visible keeps what a file holds from steering the terminal: control and format
// characters are shown as what they are not.
func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
		return unicode.ReplacementChar
	}
	return r
}

// explainUpload reads message 01; bad tells whether a record was rejected.
func explainUpload(r *cpis.Reader, err error) (out []*section, bad bool, _ error) {
	plans := &section{Name: "plans", Columns: []string{"Record", "NHS number", "Family name", "Given names", "Born", "Plan", "Start", "End", "Delete", "Local id"}}
	rejected := &section{Name: "rejected", Columns: []string{"Record", "Code", "Detail", "Place", "Meaning"}}
	var rec cpis.Record
	for err == nil {
		err = r.Next(&rec)
		if d, ok := defectOf(err); ok && d.Record > 0 {
			rejected.add(fmt.Sprint(d.Record), d.Code, d.Detail, d.Place, d.Meaning)
			err = nil
			continue
		}
		if err == nil {
			addPlans(plans, fmt.Sprint(r.Read()), &rec)
		}
	}
	h := r.Header()
	file := &section{Name: "file", Columns: []string{"Sequence", "Created", "Records", "Authority", "Name", "Emergency", "Office hours"}}
	file.add(fmt.Sprint(h.Sequence), string(h.Created), fmt.Sprint(h.Quantity), h.Sender.Code, h.Sender.Name, h.Sender.EmergencyDuty, h.Sender.OfficeHours)
	out = []*section{file, plans}
	if bad = len(rejected.Rows) > 0; bad {
		out = append(out, rejected)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return out, bad, err
}

// addPlans adds a row for each of a record's plans, behind a first cell.
func addPlans(to *section, first string, rec *cpis.Record) {
	for i := range rec.Plans {
		p := &rec.Plans[i]
		s := rec.Of(p)
		if s == nil {
			s = &cpis.Subject{}
		}
		to.add(first, s.NHSNumber, s.Family, s.Given, s.Birth.ISO(), p.Type.String(), p.Start.ISO(), p.End.ISO(), p.Delete.ISO(), s.LocalID)
	}
}

// explain shows one of the messages that are read whole.
func explain(kind cpis.Kind, m any) []*section {
	of := &section{Name: "message", Columns: []string{"Message", "Time", "Id", "Authority", "Name"}}
	switch m := m.(type) {
	case *cpis.Response:
		return explainResponse(m)
	case *cpis.Query:
		of.add(kind.String(), string(m.Time), m.ID, "", "")
		asked := askedSection("query")
		addAsked(asked, m.Time, &m.Author, m.NHSNumber, "", "")
		return []*section{of, asked}
	case *cpis.Answer:
		of.add(kind.String(), string(m.Time), m.ID, "", "")
		asked := askedSection("accesses")
		for i := range m.Accesses {
			q := &m.Accesses[i]
			addAsked(asked, q.Time, &q.Author, q.NHSNumber, "", "")
		}
		plans := &section{Name: "plans", Columns: []string{"Authority", "NHS number", "Family name", "Given names", "Born", "Plan", "Start", "End", "Delete", "Local id"}}
		authorities := &section{Name: "authorities", Columns: []string{"Authority", "Name", "Emergency", "Office hours"}}
		for i := range m.Holdings {
			h := &m.Holdings[i]
			authorities.add(h.Authority.Code, h.Authority.Name, h.Authority.EmergencyDuty, h.Authority.OfficeHours)
			addPlans(plans, h.Authority.Code, &h.Record)
		}
		return []*section{of, authorities, plans, asked}
	case *cpis.Notification:
		of.add(kind.String(), string(m.Time), m.ID, m.Recipient.Code, m.Recipient.Name)
		asked := askedSection("accesses")
		for i := range m.Accesses {
			for j := range m.Accesses[i].Asked {
				q := &m.Accesses[i].Asked[j]
				addAsked(asked, q.Time, &q.Author, q.Person.NHSNumber, q.Person.LocalID, m.Accesses[i].UploadFile)
			}
		}
		return []*section{of, asked}
	case *cpis.Inactive:
		of.add(kind.String(), string(m.Time), m.ID, m.Recipient.Code, m.Recipient.Name)
		people := &section{Name: "inactive numbers", Columns: []string{"NHS number", "Local id", "Replaced by", "Upload file"}}
		for _, p := range m.People {
			people.add(p.NHSNumber, p.LocalID, strings.Join(p.ReplacedBy, " "), p.UploadFile)
		}
		return []*section{of, people}
	}
	return nil
}

func explainResponse(m *cpis.Response) []*section {
	of := &section{Name: "acknowledgement", Columns: []string{"File", "Created", "Records", "Loaded", "Rejected", "Authority", "Name"}}
	of.add(fmt.Sprint(m.Sequence), string(m.Created), fmt.Sprint(m.Quantity), fmt.Sprint(m.Successful), fmt.Sprint(m.Failed), m.Receiver.Code, m.Receiver.Name)
	codes := &section{Name: "of the file", Columns: []string{"Code", "Meaning"}}
	for _, c := range m.Codes {
		codes.add(string(c), c.Name())
	}
	outcomes := &section{Name: "of records", Columns: []string{"Code", "Meaning", "Detail", "Detail meaning", "Place"}}
	for _, o := range m.Outcomes {
		outcomes.add(string(o.Code), o.Code.Name(), string(o.Detail), o.Detail.Meaning(), o.Place)
	}
	returned := &section{Name: "returned", Columns: []string{"Record", "NHS number", "Family name", "Given names", "Born", "Local id"}}
	for _, r := range m.Returned {
		for _, s := range r.Subjects {
			is := "invalid"
			if r.Valid {
				is = "valid"
			}
			returned.add(is, s.NHSNumber, s.Family, s.Given, s.Birth.ISO(), s.LocalID)
		}
	}
	return []*section{of, codes, outcomes, returned}
}

func askedSection(name string) *section {
	return &section{Name: name, Columns: []string{"Time", "Who", "Role", "Organisation", "NHS number", "Local id", "Upload file"}}
}

func addAsked(to *section, at cpis.Timestamp, by *cpis.Author, nhsNumber, localID, file string) {
	who, role, where := "", "", ""
	if s := by.Staff; s != nil {
		who, role, where = s.Name.Full(), s.Role.Words, s.Employer.Name
	}
	if s := by.System; s != nil {
		who, where = "system "+s.ID, s.Keeper.Name
		for _, r := range s.Responsible {
			who += ", for " + r.Name.Full()
			role = r.Role.Words
		}
	}
	to.add(string(at), who, role, where, nhsNumber, localID, file)
}
