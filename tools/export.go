package tools

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"custos/ledger"
)

type exportFlags struct {
	data, format, out, pseudonyms string
	redact                        bool
}

func (a *app) exportCommand() *cobra.Command {
	var x exportFlags
	cmd := &cobra.Command{
		Use: "export", Short: "Write the entries for other programs: as JSON, CSV, Parquet, FHIR, or as tiles that anybody can verify",
		Long: "Write the entries for other programs.\n\n" +
			"  ndjson  every entry in the clear form that it has, one JSON object a line; sealed payloads are the\n" +
			"          commitments that entries hold, and recordBase64 is the exact bytes whose hash is hash\n" +
			"  csv     who did what, a line an entry, as trail lists it; with --redact without persons and people,\n" +
			"          with --pseudonyms with the same pseudonym for the same one, as the key in that file makes them\n" +
			"  parquet the same as csv, as a table of typed columns in row groups; --redact and --pseudonyms as with csv\n" +
			"  fhir    every access as a FHIR R4 AuditEvent, one a line, in the shape of IHE's Basic Audit Log Patterns\n" +
			"          and claiming them where it has all they ask; --redact and --pseudonyms as with csv\n" +
			"  tiles   the newest signed checkpoint with all it covers, as C2SP tlog-tiles: a new folder, or a zip\n" +
			"          archive where --out ends in .zip; verify --tiles needs nothing else",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.export(x) },
	}
	f := cmd.Flags()
	f.StringVar(&x.data, "data", "", "a node's data folder")
	f.StringVar(&x.format, "format", "ndjson", "ndjson, csv, parquet, fhir or tiles")
	f.StringVar(&x.out, "out", "", "file to write to (standard output); for tiles a new folder or a zip archive")
	f.BoolVar(&x.redact, "redact", false, "csv, parquet, fhir: leave persons and people out")
	f.StringVar(&x.pseudonyms, "pseudonyms", "", "csv, parquet, fhir: file of a key, 32 bytes or more, that persons' and people's pseudonyms are made with")
	return cmd
}

func (a *app) export(x exportFlags) error {
	hide, err := x.hide()
	if err != nil {
		return err
	}
	f, err := openFolder(x.data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	if x.format == "tiles" {
		return a.exportTiles(f, x.out)
	}
	to := a.stdout
	if x.out != "" {
		file, err := os.Create(x.out)
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		defer func() { _ = file.Close() }() // its content was flushed and synced below
		to = file
	}
	w := bufio.NewWriterSize(to, 1<<16)
	each, end := exportJSON(w), func() error { return nil }
	switch x.format {
	case "csv":
		each = exportCSV(w, f, hide)
	case "parquet":
		each, end = exportParquet(w, f, hide)
	case "fhir":
		if each, err = exportFHIR(w, f, hide); err != nil {
			return err
		}
	}
	size := f.db.Head().Size
	bar := a.progress(int64(size), "export")
	defer bar.done()
	err = f.entries(size, func(group []ledger.Entry) (bool, error) {
		for i := range group {
			if err := each(&group[i]); err != nil {
				return false, failing(ExitUnreadable, err)
			}
			bar.at(int64(group[i].Seq))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(end(), w.Flush()); err != nil {
		return failing(ExitUnreadable, err)
	}
	if file, ok := to.(*os.File); ok && x.out != "" {
		return failing(ExitUnreadable, file.Sync())
	}
	return nil
}

// hide checks the flags, and says what becomes of whoever is named.
func (x *exportFlags) hide() (hiding, error) {
	switch {
	case !slices.Contains([]string{"ndjson", "csv", "parquet", "fhir", "tiles"}, x.format):
		return nil, failf(ExitUsage, "--format takes ndjson, csv, parquet, fhir or tiles")
	case x.format == "tiles" && x.out == "":
		return nil, failf(ExitUsage, "tiles are many files: --out names a new folder, or a zip archive")
	case x.redact && x.pseudonyms != "":
		return nil, failf(ExitUsage, "give --redact or --pseudonyms, not both")
	case (x.redact || x.pseudonyms != "") && (x.format == "ndjson" || x.format == "tiles"):
		return nil, failf(ExitUsage, "%s holds the exact bytes of the record, of which nothing can be hidden: --format csv, parquet or fhir", x.format)
	case x.redact:
		return func(string, string) string { return "" }, nil
	case x.pseudonyms != "":
		return pseudonyms(x.pseudonyms)
	}
	return func(_, name string) string { return name }, nil
}

func exportJSON(w io.Writer) func(*ledger.Entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(e *ledger.Entry) error { return enc.Encode(exportEntry(e)) }
}

// exported is one line of an export.
type exported struct {
	Seq         ledger.Seq       `json:"seq"`
	Hash        string           `json:"hash"`
	Prev        string           `json:"prev"`
	Time        string           `json:"time"`
	RawTime     string           `json:"rawTime"`
	Rules       int              `json:"rules"`
	Command     string           `json:"command"`
	Nth         int              `json:"nth"`
	Of          int              `json:"of"`
	Salt        string           `json:"salt"`
	Kind        string           `json:"kind"`
	Event       any              `json:"event"`
	Actor       any              `json:"actor,omitempty"`
	Content     string           `json:"content,omitempty"`
	Request     any              `json:"request,omitempty"`
	Person      *exportedPerson  `json:"person,omitempty"`
	Commitments []exportedSealed `json:"commitments,omitempty"`
	Record      string           `json:"recordBase64"`
}

type exportedPerson struct {
	Ref  string `json:"ref"`
	N    uint64 `json:"n"`
	Prev string `json:"prev"`
}

type exportedSealed struct {
	Payload int    `json:"payload"`
	Holder  int    `json:"holder"`
	Key     string `json:"key"`
	Digest  string `json:"digest"`
}

func exportEntry(e *ledger.Entry) exported {
	hash := e.Hash()
	x := exported{
		Seq: e.Seq, Hash: hex.EncodeToString(hash[:]), Prev: hex.EncodeToString(e.Prev[:]), Time: e.Time.String(),
		RawTime: e.RawTime.String(), Rules: e.Rules, Command: e.Command.String(), Nth: e.Nth, Of: e.Of, Salt: e.Salt.String(),
		Kind: e.Kind.String(), Event: plain(reflect.ValueOf(e.Event)), Record: base64.StdEncoding.EncodeToString(e.Record()),
	}
	if e.Nth == 0 {
		x.Actor = plain(reflect.ValueOf(e.Actor))
		x.Request = map[string]any{"number": e.Request.Number(), "fields": plain(reflect.ValueOf(e.Request))}
		x.Content = hex.EncodeToString(e.Content[:])
	}
	if p := e.Person; p != nil {
		x.Person = &exportedPerson{p.Ref.String(), p.N, hex.EncodeToString(p.Prev[:])}
	}
	for _, c := range e.Commitments {
		x.Commitments = append(x.Commitments, exportedSealed{int(c.Payload), int(c.Holder), c.Key.String(), hex.EncodeToString(c.Digest[:])})
	}
	return x
}
