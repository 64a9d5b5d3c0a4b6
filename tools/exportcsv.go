package tools

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"io"
	"os"

	"custos/ledger"
	"custos/projection"
)

// hiding is what becomes of a name in an export: a person's, or a subject's,
// which is one within its issuer only.
type hiding func(scope, name string) string

// pseudonymKeyLeast is how long a key must be: one that can be guessed gives
// every subject back.
const pseudonymKeyLeast = 32

// pseudonyms are made with a key: the same name has the same one in every export
// under that key, and nobody else can tell whose it is. Keep the key to answer
// questions about a line, or destroy it.
func pseudonyms(file string) (hiding, error) {
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	if len(key) < pseudonymKeyLeast {
		return nil, failf(ExitUsage, "the key in --pseudonyms is too short: %d bytes or more, at random", pseudonymKeyLeast)
	}
	return func(scope, name string) string {
		if name == "" {
			return ""
		}
		m := hmac.New(sha256.New, key)
		m.Write([]byte("custos export pseudonym/1 " + scope + "\x00" + name))
		return hex.EncodeToString(m.Sum(nil)[:16])
	}, nil
}

// exportCSV writes every entry as a trail lists it.
func exportCSV(to io.Writer, f *folder, hide hiding) func(*ledger.Entry) error {
	w := csv.NewWriter(to)
	view := projection.View{R: f.db}
	head := false
	return func(e *ledger.Entry) error {
		if !head {
			head = true
			if err := w.Write(trailColumns); err != nil {
				return err
			}
		}
		row, err := view.TrailRow(e.Seq)
		if err != nil {
			return err
		}
		l := lineOf(&row, e)
		l.Subject, l.Issuer, l.Person = hide("subject of "+l.Issuer, l.Subject), hide("issuer", l.Issuer), hide("person", l.Person)
		if err := w.Write(l.cells()); err != nil {
			return err
		}
		w.Flush()
		return w.Error()
	}
}
