package synthetic

import (
	"bytes"
	"encoding/csv"
	"fmt"

	"custos/ledger"
)

// UploadColumns are the columns of an upload file, in the order written here.
var UploadColumns = []string{"nhs_number", "family_name", "given_names", "date_of_birth", "plan_type", "start", "end", "delete", "local_id", "team", "worker"}

// EnrolmentColumns are the columns of an enrolment file. Each row names one
// place: a school, an area or a practice.
var EnrolmentColumns = []string{"nhs_number", "school", "area", "practice", "from", "to"}

// Upload returns what an authority knows on a day, as a CSV file: plans that
// have begun, with the ends that have come. An unborn child's plan has its end
// from the start, because it must.
func (s *Synthetic) Upload(authority int, on ledger.Day) ([]byte, int, error) {
	return s.upload(authority, 0, on)
}

// Changes returns the rows of [Synthetic.Upload] that are new or have changed
// since an earlier day, and how many there are.
func (s *Synthetic) Changes(authority int, since, on ledger.Day) ([]byte, int, error) {
	return s.upload(authority, since, on)
}

func (s *Synthetic) upload(authority int, since, on ledger.Day) ([]byte, int, error) {
	rows := [][]string{UploadColumns}
	for i := range s.People {
		p := &s.People[i]
		if p.Authority != authority {
			continue
		}
		for j := range p.Plans {
			l := &p.Plans[j]
			end := l.End
			if l.Type != ledger.UnbornChild && end > on {
				end = 0
			}
			began := l.Start > since
			ended := l.Type != ledger.UnbornChild && end > since
			if l.Start > on || !(began || ended) {
				continue
			}
			rows = append(rows, []string{p.NHSNumber, p.Family, p.Given, p.Birth.String(), code(l.Type),
				l.Start.String(), end.String(), "", l.LocalID, l.Team, l.Worker})
		}
	}
	b, err := encode(rows)
	return b, len(rows) - 1, err
}

// Enrolments returns the places of an authority's people as a CSV file, and
// how many rows it has. People whose plans have not begun on the day are left out.
func (s *Synthetic) Enrolments(authority int, on ledger.Day) ([]byte, int, error) {
	rows := [][]string{EnrolmentColumns}
	for i := range s.People {
		p := &s.People[i]
		if p.Authority != authority || p.Plans[0].Start > on {
			continue
		}
		since := min(p.Since, on).String()
		rows = append(rows, []string{p.NHSNumber, "", p.Area, "", since, ""}, []string{p.NHSNumber, "", "", p.Practice, since, ""})
		if p.School != "" {
			rows = append(rows, []string{p.NHSNumber, p.School, "", "", since, ""})
		}
	}
	b, err := encode(rows)
	return b, len(rows) - 1, err
}

func code(t ledger.PlanType) string {
	switch t {
	case ledger.ChildProtection:
		return "CPP"
	case ledger.LookedAfter:
		return "LAC"
	}
	return "UCPP"
}

func encode(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return b.Bytes(), nil
}
