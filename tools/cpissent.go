package tools

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"custos/api/cpis"
)

// sentRow is a row to look at, with what the authority's own file says of it.
type sentRow struct {
	ackRow
	Person *cpis.Row `json:"sent,omitempty"` // nil: the file does not tell
}

// sentReport is what cpis send -o json prints.
type sentReport struct {
	Family    string         `json:"family"`
	DryRun    bool           `json:"dryRun,omitempty"`
	Sequence  int64          `json:"sequence,omitempty"`
	Upload    string         `json:"uploadId,omitempty"`
	Entry     uint64         `json:"seq,omitempty"` // the entry that closed it
	Codes     []string       `json:"codes,omitempty"`
	Accepted  int            `json:"accepted"`
	Unmatched int            `json:"unmatched"` // among the accepted
	Rejected  int            `json:"rejected"`
	Statuses  map[string]int `json:"statuses,omitempty"`
	Matched   string         `json:"matchedPercent,omitempty"`
	Snapshot  *ackSnapshot   `json:"snapshot,omitempty"`
	Rows      []sentRow      `json:"rows"` // the rejected and the unmatched
}

// report prints what became of the file. Its error has the exit code alone, for
// everything is said.
func (s *send) report(ack *acknowledgement) error {
	r := &sentReport{Family: s.family.String(), DryRun: s.dryRun, Sequence: s.sequence, Upload: ack.upload, Entry: ack.entry, Accepted: ack.accepted,
		Unmatched: ack.statuses["unmatched"], Rejected: ack.rejected, Statuses: ack.statuses, Matched: ack.matched, Snapshot: ack.snapshot}
	for _, c := range ack.codes {
		r.Codes = append(r.Codes, string(c))
	}
	r.Rows = s.withPeople(ack.rows)
	var err error
	if s.a.json() {
		err = s.a.printJSON(r)
	} else {
		err = r.print(s.a.stdout, ack.codes)
	}
	notLoaded := slices.Contains(ack.codes, cpis.FileBroken) || slices.Contains(ack.codes, cpis.FileNotLoaded) || slices.Contains(ack.codes, cpis.FileUnsupported)
	switch {
	case err != nil:
		return err
	case r.Rejected > 0 || notLoaded:
		return &failure{ExitUnreadable, errSaid}
	case r.Snapshot != nil && r.Snapshot.Held:
		return &failure{ExitIncomplete, errSaid}
	}
	return nil
}

// withPeople finds the rows in the authority's own file again: the service's
// answer names nobody. From the first row on that cannot be told apart for
// certain, nobody is named.
func (s *send) withPeople(rows []ackRow) []sentRow {
	out := make([]sentRow, len(rows))
	wanted := map[int][]int{}
	for i := range rows {
		out[i].ackRow = rows[i]
		wanted[rows[i].Row] = append(wanted[rows[i].Row], i)
	}
	in, err := openRows(s.path)
	if err != nil {
		return out
	}
	defer in.close()
	for len(wanted) > 0 {
		row, err := in.next()
		var lost *rowError
		if errors.As(err, &lost) {
			row = lost.row
		} else if err != nil {
			break
		}
		for _, i := range wanted[in.n] {
			out[i].Person = &row
		}
		delete(wanted, in.n)
	}
	return out
}

func (r *sentReport) print(w io.Writer, codes []cpis.FileCode) error {
	head := "file " + fmt.Sprint(r.Sequence)
	if r.DryRun {
		head = "dry run"
	}
	if r.Upload != "" {
		head += ", upload " + r.Upload
	}
	if r.Entry != 0 {
		head += fmt.Sprintf(", entry %d", r.Entry)
	}
	fmt.Fprintln(w, brief(head))
	for _, c := range codes {
		fmt.Fprintln(w, string(c)+":", c.Name())
	}
	if len(r.Rows) > 0 {
		fmt.Fprintln(w)
		if err := r.printRows(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if r.Family == "xml" { // message 02 has no word for a row that is accepted and matches nobody
		fmt.Fprintf(w, "accepted %d; rejected, or accepted and unmatched, %d\n", r.Accepted, r.Rejected)
	} else {
		fmt.Fprintf(w, "accepted %d%s, of them unmatched %d; rejected %d\n", r.Accepted, r.how(), r.Unmatched, r.Rejected)
	}
	if r.Matched != "" {
		fmt.Fprintf(w, "matched: %s %% of the rows that were not rejected\n", brief(r.Matched))
	}
	if s := r.Snapshot; s != nil {
		fmt.Fprintln(w, s)
	}
	return nil
}

// printRows prints the rows to look at.
func (r *sentReport) printRows(w io.Writer) error {
	of := "ROW"
	if r.Family == "xml" {
		of = "RECORD"
	}
	cells := make([][]any, len(r.Rows))
	for i := range r.Rows {
		row := &r.Rows[i]
		p := row.Person
		if p == nil {
			p = &cpis.Row{LocalID: row.LocalID}
		}
		n := fmt.Sprint(row.Row)
		if row.Row == 0 {
			n = "-"
		}
		cells[i] = line(n, row.Status, strings.TrimSpace(row.Code+" "+row.Detail), row.Message, p.NHSNumber, p.FamilyName, p.GivenNames, p.DateOfBirth, p.PlanType, p.Start, p.LocalID)
	}
	return table(w, []any{of, "STATUS", "CODE", "MEANING", "NHS NUMBER", "FAMILY NAME", "GIVEN NAMES", "BORN", "PLAN", "START", "LOCAL ID"}, cells)
}

// line makes cells that a terminal shows as they are.
func line(cells ...string) []any {
	out := make([]any, len(cells))
	for i, c := range cells {
		out[i] = brief(c)
	}
	return out
}

// how says what the accepted rows did, in the order of the alphabet.
func (r *sentReport) how() string {
	var parts []string
	for status, n := range r.Statuses {
		if status != "rejected" && status != "unmatched" {
			parts = append(parts, fmt.Sprintf("%s %d", brief(status), n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	sort.Strings(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}

func (s *ackSnapshot) String() string {
	switch {
	case !s.Held && s.WouldEnd == 0:
		return fmt.Sprintf("full file: %d plans that it does not name ended", s.Ended)
	case !s.Held:
		return fmt.Sprintf("full file: %d of %d plans in force would end", s.WouldEnd, s.InForce)
	case s.ApproveBy == "":
		return fmt.Sprintf("full file: %d of %d plans in force would end, and that would wait for a second person", s.WouldEnd, s.InForce)
	}
	return fmt.Sprintf("full file: %d of %d plans in force would end; this WAITS for a second person, until %s", s.WouldEnd, s.InForce, brief(s.ApproveBy))
}
