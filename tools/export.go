package tools

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"

	"github.com/spf13/cobra"

	"custos/ledger"
)

func (a *app) exportCommand() *cobra.Command {
	var data, format, out string
	cmd := &cobra.Command{
		Use: "export", Short: "Write every entry in the clear form that it has, one JSON object a line",
		Long: "Write every entry in the clear form that it has, one JSON object a line. Sealed payloads are shown as\n" +
			"the commitments that entries hold; recordBase64 is the exact bytes whose hash is hash.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			if format != "ndjson" {
				return failf(ExitUsage, "--format takes ndjson")
			}
			return a.export(data, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "a node's data folder")
	f.StringVar(&format, "format", "ndjson", "ndjson")
	f.StringVar(&out, "out", "", "file to write to (standard output)")
	return cmd
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

func (a *app) export(data, out string) error {
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	to := a.stdout
	if out != "" {
		file, err := os.Create(out)
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		defer func() { _ = file.Close() }() // its content was flushed and synced below
		to = file
	}
	w := bufio.NewWriterSize(to, 1<<16)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	size := f.db.Head().Size
	bar := a.progress(int64(size), "export")
	defer bar.done()
	err = f.entries(size, func(group []ledger.Entry) (bool, error) {
		for i := range group {
			if err := enc.Encode(exportEntry(&group[i])); err != nil {
				return false, failing(ExitUnreadable, err)
			}
			bar.at(int64(group[i].Seq))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return failing(ExitUnreadable, err)
	}
	if file, ok := to.(*os.File); ok && out != "" {
		return failing(ExitUnreadable, file.Sync())
	}
	return nil
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
