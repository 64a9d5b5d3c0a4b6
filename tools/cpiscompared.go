package tools

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"custos/api/cpis"
)

// comparedRow is one line of a comparison.
type comparedRow struct {
	State      state             `json:"state"`
	N          int               `json:"row,omitempty"`    // of the file; a record of message 01
	Fields     []string          `json:"fields,omitempty"` // in which the two differ
	Code       string            `json:"code,omitempty"`   // why it is unmatched or rejected there
	Message    string            `json:"message,omitempty"`
	Since      string            `json:"since,omitempty"` // on the worklist
	Age        *int              `json:"ageHours,omitempty"`
	Twin       bool              `json:"possibleTwin,omitempty"`
	ThereState string            `json:"thereState,omitempty"` // in-force, visible, ended, unmatched, rejected
	ThereRow   int               `json:"thereRow,omitempty"`   // of the file that brought an unmatched or rejected row
	Here       *cpis.Row         `json:"here,omitempty"`
	There      *cpis.Row         `json:"there,omitempty"`
	Suggestion map[string]string `json:"suggestion,omitempty"` // of the register, for a person to look at
}

// each goes through the comparison: the file's rows in their order, then what
// only the service has.
func (c *compare) each(one func(*comparedRow) error) error {
	for i := range c.rows {
		r := &c.rows[i]
		if err := one(c.row(r.state, r, r.there, r.reason)); err != nil {
			return err
		}
	}
	for _, l := range c.left {
		s := stateThere
		if l.State != "in-force" {
			s = stateEndedThere
		}
		if err := one(c.row(s, nil, l, nil)); err != nil {
			return err
		}
	}
	for _, l := range c.loose {
		if err := one(c.row(state(l.State), nil, nil, l)); err != nil {
			return err
		}
	}
	return nil
}

// row is one line: there is the plan that the service holds, reason a row of the
// authority's that became none.
func (c *compare) row(s state, here *ownRow, there, reason *heldLine) *comparedRow {
	out := &comparedRow{State: s}
	if here != nil {
		out.N, out.Here, out.Fields = here.n, &here.Row, here.fields
	}
	if reason != nil {
		out.Code, out.Message, out.ThereRow, out.Suggestion = reason.Code, reason.Message, reason.FileRow, reason.Suggestion
		if st, ok := c.ages[reason.ID]; ok && s == stateUnmatched {
			out.Since, out.Age, out.Twin = st.Since, &st.Age, st.Twin
		}
		if there == nil {
			there = reason
		}
	}
	if there != nil {
		out.There, out.ThereState = &there.Row, there.State
	}
	return out
}

// print writes the comparison in the form that was asked for.
func (c *compare) print() (different bool, err error) {
	counts := map[state]int{}
	counted := func(show func(*comparedRow) error) error {
		return c.each(func(r *comparedRow) error {
			counts[r.State]++
			different = different || r.State.difference()
			if !c.all && !r.State.difference() {
				return nil
			}
			return show(r)
		})
	}
	switch c.a.output {
	case "json":
		err = c.printJSON(counted, counts)
	case "csv":
		err = c.printCSV(counted)
		fmt.Fprintln(c.a.stderr, c.summary(counts))
	default:
		var cells [][]any
		err = counted(func(r *comparedRow) error {
			cells = append(cells, c.cells(r))
			return nil
		})
		if err == nil && len(cells) > 0 {
			err = table(c.a.stdout, []any{"STATE", "ROW", "NHS NUMBER", "FAMILY NAME", "GIVEN NAMES", "BORN", "PLAN", "START", "END", "LOCAL ID", "WHAT"}, cells)
			fmt.Fprintln(c.a.stdout)
		}
		fmt.Fprintln(c.a.stdout, c.summary(counts))
	}
	return different, err
}

func (c *compare) summary(counts map[state]int) string {
	var parts []string
	for _, s := range states {
		if s.difference() || s == stateSame {
			parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(string(s), "-", " "), counts[s]))
		}
	}
	text := strings.Join(parts, ", ")
	if n := counts[stateEndedThere]; n > 0 {
		text += fmt.Sprintf("; held there as ended, and not named here %d", n)
	}
	if n := counts[stateEndedHere]; n > 0 {
		text += fmt.Sprintf("; ended here too long ago to be held %d", n)
	}
	if c.repeated > 0 {
		text += fmt.Sprintf("; rows that the file has twice, and are counted once %d", c.repeated)
	}
	return text
}

// cells are a row as text: the values of the file, or of the service where the
// file has none, and what there is to say.
func (c *compare) cells(r *comparedRow) []any {
	p, n := r.Here, strconv.Itoa(r.N)
	if p == nil {
		p, n = r.There, "-"
	}
	return line(string(r.State), n, p.NHSNumber, p.FamilyName, p.GivenNames, p.DateOfBirth, p.PlanType, p.Start, p.End, p.LocalID, r.what())
}

func (r *comparedRow) what() string {
	var parts []string
	for _, f := range r.Fields {
		if f == "delete" {
			parts = append(parts, "to be deleted here, held there")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: here %s, there %s", f, some(column(r.Here, f)), some(column(r.There, f))))
	}
	if r.Code != "" {
		parts = append(parts, fmt.Sprintf("%s: %s", r.Code, r.Message))
	}
	if r.Age != nil {
		parts = append(parts, fmt.Sprintf("for %d h", *r.Age))
	}
	if r.Twin {
		parts = append(parts, "possible twin")
	}
	for _, name := range cpis.Columns {
		if v := r.Suggestion[name]; v != "" {
			parts = append(parts, fmt.Sprintf("the register has %s %s", name, v))
		}
	}
	if r.State == stateEndedThere {
		parts = append(parts, r.ThereState+" there")
	}
	return strings.Join(parts, "; ")
}

func some(v string) string {
	if v == "" {
		return "none"
	}
	return v
}

// printJSON writes a row a line, and the counts at the end.
func (c *compare) printJSON(each func(func(*comparedRow) error) error, counts map[state]int) error {
	w := c.a.stdout
	if _, err := io.WriteString(w, `{"rows":[`); err != nil {
		return err
	}
	before := "\n"
	err := each(func(r *comparedRow) error {
		b, err := json.Marshal(r)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s%s", before, b)
		}
		before = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	all := map[state]int{}
	for _, s := range states {
		all[s] = counts[s]
	}
	b, err := json.Marshal(all)
	if err == nil {
		_, err = fmt.Fprintf(w, "\n],\"summary\":%s}\n", b)
	}
	return err
}

// printCSV writes both sides beside each other, the service's columns named there_.
func (c *compare) printCSV(each func(func(*comparedRow) error) error) error {
	w := csv.NewWriter(c.a.stdout)
	head := []string{"state", "fields", "row", "code", "message", "since", "age_hours"}
	head = append(head, cpis.Columns...)
	head = append(head, "there_state", "there_row")
	for _, name := range cpis.Columns {
		head = append(head, "there_"+name)
	}
	if err := w.Write(head); err != nil {
		return err
	}
	err := each(func(r *comparedRow) error {
		age := ""
		if r.Age != nil {
			age = strconv.Itoa(*r.Age)
		}
		cells := []string{string(r.State), strings.Join(r.Fields, " "), number(r.N), r.Code, r.Message, r.Since, age}
		cells = append(cells, side(r.Here)...)
		cells = append(cells, r.ThereState, number(r.ThereRow))
		return w.Write(append(cells, side(r.There)...))
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// side is one side's cells.
func side(p *cpis.Row) []string {
	if p == nil {
		return make([]string, len(cpis.Columns))
	}
	return inert(p.Values())
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
