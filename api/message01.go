package api

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"custos/api/cpis"
)

// CP-IS message 01 as one more source of rows. A record becomes a row for each
// of its plans; one that is rejected, a row for each of its people, so that a
// snapshot ends nothing of theirs.

// recordRows is how many numbers a record takes in the ledger: its plans are at
// most three, and a row's number so tells its record.
const recordRows = 4

// recordOf is the record, from 1, and the row within it, from 0.
func recordOf(n int) (record, row int) { return (n-1)/recordRows + 1, (n - 1) % recordRows }

func rowNumber(record, row int) int { return (record-1)*recordRows + row + 1 }

type xmlSource struct {
	r    *cpis.Reader
	rows []planRow // of the record that was read
	done int       // how many of them were given
}

func newXMLSource(in io.Reader) (*xmlSource, error) {
	// What the future is, the ledger decides: it has the clock, and a file that
	// is sent again must be read the same.
	r, err := cpis.NewReader(in, cpis.Options{})
	return &xmlSource{r: r}, err
}

func (x *xmlSource) next() (planRow, error) {
	for x.done == len(x.rows) {
		if err := x.read(); err != nil {
			return planRow{}, err
		}
	}
	x.done++
	return x.rows[x.done-1], nil
}

func (x *xmlSource) read() error {
	record := &cpis.Record{}
	err := x.r.Next(record)
	var bad *cpis.RecordError
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	x.rows, x.done = x.rows[:0], 0
	if bad == nil {
		for i, r := range record.Rows() {
			x.add(rowOf(&r), record, i)
		}
		return nil
	}
	fault := planRow{fault: string(bad.Detail), place: bad.Place}
	if !bad.Echo {
		x.add(fault, nil, 0)
		return nil
	}
	for i := range record.Subjects {
		s := &record.Subjects[i]
		row := fault
		row.NHSNumber, row.FamilyName, row.GivenNames, row.DateOfBirth, row.LocalID = s.NHSNumber, s.Family, s.Given, s.Birth.ISO(), s.LocalID
		x.add(row, record, i)
	}
	return nil
}

func (x *xmlSource) add(row planRow, record *cpis.Record, i int) {
	row.n, row.record = rowNumber(x.r.Read(), i), record
	x.rows = append(x.rows, row)
}

func rowOf(r *cpis.Row) planRow {
	return planRow{NHSNumber: r.NHSNumber, FamilyName: r.FamilyName, GivenNames: r.GivenNames, DateOfBirth: r.DateOfBirth,
		PlanType: r.PlanType, Start: r.Start, End: r.End, Delete: r.Delete, LocalID: r.LocalID}
}

// xpath is where a fault is that was found in a row of a sound record.
func xpath(n int, record *cpis.Record) string {
	no, row := recordOf(n)
	p := "/File/record[" + strconv.Itoa(no) + "]"
	if record != nil && row < len(record.Plans) {
		p += "/CP-ISRecord/pertinentInformation[" + strconv.Itoa(row+1) + "]"
	}
	return p
}

// whole is a row's record as it is kept beside the row: JSON, sealed. It is
// empty for a record that has not the form, and for rows of other files.
func (p *planRow) whole() string {
	if p.record == nil {
		return ""
	}
	b, err := json.Marshal(p.record)
	if err != nil { // numbers and strings always encode
		panic(err)
	}
	return string(b)
}

// beyond is the same, but only if the record says more than the row does.
func (p *planRow) beyond(authority string) string {
	if p.record == nil {
		return ""
	}
	if len(p.record.Plans) == 1 && len(p.record.Subjects) == 1 {
		if again, err := p.asRecord(authority); err == nil && again.Plans[0] == p.record.Plans[0] && again.Subjects[0] == p.record.Subjects[0] {
			return ""
		}
	}
	return p.whole()
}

func (p *planRow) asRecord(authority string) (cpis.Record, error) {
	row := cpis.Row{NHSNumber: p.NHSNumber, FamilyName: p.FamilyName, GivenNames: p.GivenNames, DateOfBirth: p.DateOfBirth,
		PlanType: p.PlanType, Start: p.Start, End: p.End, Delete: p.Delete, LocalID: p.LocalID}
	return row.Record(authority)
}

// recordFrom reads what whole wrote.
func recordFrom(text string) (*cpis.Record, error) {
	r := &cpis.Record{}
	return r, json.Unmarshal([]byte(text), r)
}
