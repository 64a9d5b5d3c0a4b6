package tools

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"custos/api/cpis"
	"custos/ledger"
)

func (a *app) cpisCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cpis", Short: "Check, show, convert, send and compare CP-IS uploads and messages",
		Args: exactly(0, ""),
	}
	cmd.AddCommand(a.cpisValidateCommand(), a.cpisExplainCommand(), a.cpisConvertCommand(), a.cpisSendCommand(), a.cpisCompareCommand())
	return cmd
}

func (a *app) cpisValidateCommand() *cobra.Command {
	var today string
	cmd := &cobra.Command{
		Use: "validate FILE", Short: "Say what is wrong with a CP-IS message, and where",
		Long: "Say what is wrong with a CP-IS message, and where: any of the six, in XML. Places are XPaths, codes those of\n" +
			"docs/CPIS.md; nothing of the file itself is printed. Exit 3 if the message, or a record in it, cannot be read.",
		Args: exactly(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error { return a.cpisValidate(args[0], today) },
	}
	cmd.Flags().StringVar(&today, "today", "", "the day after which a start is in the future, YYYY-MM-DD (today)")
	return cmd
}

// defect is one thing wrong with a file, or with a record of it.
type defect struct {
	Record  int    `json:"record,omitempty"` // 0 for the file
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Place   string `json:"place"`
	Meaning string `json:"meaning"`
}

func (d defect) String() string {
	of := "the message"
	if d.Record > 0 {
		of = "record " + strconv.Itoa(d.Record)
	}
	return fmt.Sprintf("%s: %s %s at %s: %s", of, d.Code, d.Detail, d.Place, d.Meaning)
}

// defectOf is what a reader said; ok is false if the fault is not the file's.
func defectOf(err error) (d defect, ok bool) {
	var file *cpis.FileError
	var record *cpis.RecordError
	switch {
	case errors.As(err, &file):
		return defect{0, string(file.Code), string(file.Detail), file.Place, file.Detail.Meaning()}, true
	case errors.As(err, &record):
		return defect{record.N, string(record.Code), string(record.Detail), record.Place, record.Detail.Meaning()}, true
	}
	return d, false
}

// validation is what cpis validate -o json prints.
type validation struct {
	Message  string   `json:"message"`
	Sender   string   `json:"sender,omitempty"`   // of message 01, by code
	Sequence int64    `json:"sequence,omitempty"` // of message 01
	Code     string   `json:"code,omitempty"`     // what message 02 would say of a file
	Records  int      `json:"records,omitempty"`
	Rejected int      `json:"rejected,omitempty"`
	Valid    bool     `json:"valid"`
	Defects  []defect `json:"defects"`
}

func (a *app) cpisValidate(path, today string) error {
	now, err := startOf(today)
	if err != nil {
		return err
	}
	v := validation{Message: "unknown", Defects: []defect{}}
	err = readCPIS(path, now, func(kind cpis.Kind, r *cpis.Reader, m any, err error) error {
		if v.Message = kind.String(); r == nil {
			return err
		}
		return v.records(r, err)
	})
	if d, ok := defectOf(err); ok {
		v.Defects = append(v.Defects, d)
		v.Code = d.Code
	} else if err != nil {
		return failing(ExitUnreadable, err)
	}
	v.Valid = len(v.Defects) == 0
	if a.json() {
		err = a.printJSON(v)
	} else {
		err = failing(ExitUnreadable, v.print(a.stdout))
	}
	if err == nil && !v.Valid {
		return &failure{ExitUnreadable, errSaid}
	}
	return err
}

// records reads message 01 to its end.
func (v *validation) records(r *cpis.Reader, err error) error {
	var rec cpis.Record
	for err == nil {
		err = r.Next(&rec)
		if d, ok := defectOf(err); ok && d.Record > 0 {
			v.Rejected++
			v.Defects = append(v.Defects, d)
			err = nil
		}
	}
	h := r.Header()
	v.Sender, v.Sequence, v.Records = h.Sender.Code, h.Sequence, r.Read()
	if !errors.Is(err, io.EOF) {
		return err
	}
	v.Code = string(cpis.FileCodeOf(v.Records-v.Rejected, v.Rejected))
	return nil
}

func (v *validation) print(w io.Writer) error {
	for _, d := range v.Defects {
		fmt.Fprintln(w, d)
	}
	_, err := fmt.Fprintf(w, "message %s", v.Message)
	if v.Sender != "" {
		_, err = fmt.Fprintf(w, ", file %d of %s: %d records, %d rejected: %s", v.Sequence, v.Sender, v.Records, v.Rejected, cpis.FileCode(v.Code).Name())
	} else if v.Valid {
		_, err = fmt.Fprint(w, ": valid")
	}
	fmt.Fprintln(w)
	return err
}

// startOf is the beginning of a day, of today if none is given.
func startOf(day string) (time.Time, error) {
	if day == "" {
		return time.Now(), nil
	}
	d, err := ledger.ParseDay(day)
	if err != nil {
		return time.Time{}, failf(ExitUsage, "--today: %w", err)
	}
	return d.Start().Std(), nil
}

// readCPIS opens a message: message 01 as a reader, whose error may be that of
// its header; the others whole. An unknown message is read's error.
func readCPIS(path string, now time.Time, read func(kind cpis.Kind, r *cpis.Reader, m any, err error) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	kind, in, err := cpis.Identify(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		return err
	}
	var m any
	switch kind {
	case cpis.Upload:
		r, err := cpis.NewReader(in, cpis.Options{Now: now})
		return read(kind, r, nil, err)
	case cpis.Acknowledgement:
		m, err = cpis.DecodeResponse(in, cpis.Limits{Total: 1 << 30, Elements: 1 << 30})
	case cpis.QueryMessage:
		m, err = cpis.DecodeQuery(in, cpis.Limits{})
	case cpis.AnswerMessage:
		m, err = cpis.DecodeAnswer(in, cpis.Limits{})
	case cpis.AccessMessage:
		m, err = cpis.DecodeNotification(in, cpis.Limits{})
	case cpis.InactiveMessage:
		m, err = cpis.DecodeInactive(in, cpis.Limits{})
	}
	return read(kind, nil, m, err)
}
