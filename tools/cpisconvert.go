package tools

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"custos/api/cpis"
)

// convertFlags say what becomes of a file, and what its rows do not say of the
// file that message 01 wants.
type convertFlags struct {
	to, out string
	header  cpis.Header
	created string
}

func (a *app) cpisConvertCommand() *cobra.Command {
	var c convertFlags
	cmd := &cobra.Command{
		Use: "convert FILE", Short: "Convert an upload between message 01, CSV and JSON",
		Long: "Convert an upload between message 01, CSV and JSON; what FILE is, its first character tells. Rows have no\n" +
			"minutes, and message 01 has no team and no worker. From rows, message 01 takes its head from the flags.\n" +
			"Records and rows that are not sound are named on stderr and left out, with exit 3.\n\n" +
			"What is written holds names, NHS numbers and birth dates, as FILE does.",
		Args: exactly(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error { return a.cpisConvert(args[0], c) },
	}
	f := cmd.Flags()
	f.StringVar(&c.to, "to", "", "xml, csv or json")
	f.StringVar(&c.out, "out", "", "file to write to (stdout)")
	f.Int64Var(&c.header.Sequence, "sequence", 1, "message 01: the file's number")
	f.StringVar(&c.header.Sender.Code, "authority", "", "message 01: the authority's code")
	f.StringVar(&c.header.Sender.Name, "name", "", "message 01: the authority's name")
	f.StringVar(&c.header.Sender.EmergencyDuty, "emergency", "", "message 01: telephone of the emergency duty team, digits alone")
	f.StringVar(&c.header.Sender.OfficeHours, "office-hours", "", "message 01: telephone in office hours, digits alone")
	f.StringVar(&c.created, "created", "", "message 01: when it was made, yyyyMMddHHmmss+0000 (now)")
	return cmd
}

func (a *app) cpisConvert(path string, c convertFlags) error {
	if !slices.Contains([]string{"xml", "csv", "json"}, c.to) {
		return failf(ExitUsage, "--to takes xml, csv or json")
	}
	u, err := readUpload(path)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	if u.records == nil && c.to == "xml" {
		if err := required(map[string]string{"authority": c.header.Sender.Code, "name": c.header.Sender.Name, "emergency": c.header.Sender.EmergencyDuty}); err != nil {
			return err
		}
		c.header.Created = cpis.Timestamp(c.created)
		if c.created == "" {
			c.header.Created = cpis.TimestampOf(time.Now())
		}
		u.header = c.header
		u.asRecords()
	}
	var b bytes.Buffer
	if err := u.write(&b, c.to); err != nil {
		return failing(ExitUsage, err)
	}
	if c.out != "" {
		err = os.WriteFile(c.out, b.Bytes(), 0o600)
	} else {
		_, err = a.stdout.Write(b.Bytes())
	}
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	for _, d := range u.defects {
		fmt.Fprintln(a.stderr, d)
	}
	if len(u.defects) > 0 {
		return failf(ExitUnreadable, "%d left out", len(u.defects))
	}
	return nil
}

// upload is an upload of any family: message 01 has records, the others rows.
type upload struct {
	header  cpis.Header
	records []cpis.Record
	rows    []cpis.Row
	defects []string
}

func readUpload(path string) (*upload, error) {
	r, err := openRows(path)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if r.family == familyXML {
		return readRecords(r.xml)
	}
	rows, err := r.all()
	return &upload{rows: rows}, err
}

func readRecords(r *cpis.Reader) (*upload, error) {
	u := &upload{header: r.Header(), records: []cpis.Record{}}
	var err error
	for err == nil {
		var rec cpis.Record
		err = r.Next(&rec)
		if d, ok := defectOf(err); ok && d.Record > 0 {
			u.defects = append(u.defects, d.String())
			err = nil
		} else if err == nil {
			u.records = append(u.records, rec)
		}
	}
	if d, ok := defectOf(err); ok {
		return nil, errors.New(d.String())
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return u, nil
}

// skipMark passes a byte order mark over.
func skipMark(in io.Reader) io.Reader {
	b := bufio.NewReader(in)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = b.Discard(3)
	}
	return b
}

// asRecords makes a record of each row.
func (u *upload) asRecords() {
	u.records = []cpis.Record{}
	for i := range u.rows {
		r, err := u.rows[i].Record(u.header.Sender.Code)
		var bad *cpis.ValueError
		if errors.As(err, &bad) {
			u.defects = append(u.defects, fmt.Sprintf("row %d: %s in %s: %s", i+1, bad.Detail, bad.Place, bad.Detail.Meaning()))
			continue
		}
		u.records = append(u.records, r)
	}
}

// write writes the upload in a family: its error says why message 01 cannot be made.
func (u *upload) write(to io.Writer, family string) error {
	if family == "xml" {
		u.header.Quantity = len(u.records)
		w, err := cpis.NewWriter(to, u.header)
		for i := 0; i < len(u.records) && err == nil; i++ {
			err = w.Write(&u.records[i])
		}
		if err == nil {
			err = w.Close()
		}
		var bad *cpis.ValueError
		if errors.As(err, &bad) {
			return fmt.Errorf("no message can be made: %w: %s", bad, bad.Detail.Meaning())
		}
		return err
	}
	rows := u.rows
	for i := range u.records {
		rows = append(rows, u.records[i].Rows()...)
	}
	if family == "json" {
		e := json.NewEncoder(to)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(rows)
	}
	c := csv.NewWriter(to)
	if err := c.Write(cpis.Columns); err != nil {
		return err
	}
	for i := range rows {
		if err := c.Write(rows[i].Values()); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
