package tools

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"custos/ledger"
)

// benchReceipts keeps the receipt of each answer that counted, so that it can be
// asked afterwards whether the entries are still there: a demonstration that
// kills servers must not take its own few answers for all.
type benchReceipts struct{ quoted [][]byte }

// of is a check that keeps what another accepts.
func (k *benchReceipts) of(check func(int, []byte) string) func(int, []byte) string {
	return func(status int, body []byte) string {
		wrong := check(status, body)
		if wrong == "" {
			_, rest, _ := bytes.Cut(body, receiptMark)
			k.quoted = append(k.quoted, bytes.Clone(rest[:bytes.IndexByte(rest, '"')+1])) // its text has no quotation mark
		}
		return wrong
	}
}

// write writes a line for each: the entry's number, and its hash in hex as
// export --format ndjson has it.
func (k *benchReceipts) write(file string) error {
	var b bytes.Buffer
	for _, q := range k.quoted {
		var text string
		if err := json.Unmarshal(append([]byte{'"'}, q...), &text); err != nil {
			return failf(ExitIntegrity, "an answer's receipt does not read: %w", err)
		}
		r, err := ledger.ParseReceipt([]byte(text))
		if err != nil {
			return failing(ExitIntegrity, err)
		}
		if (r.Leaf == ledger.Hash{}) {
			return failf(ExitIntegrity, "the receipt of entry %d has no hash", r.Seq)
		}
		fmt.Fprintf(&b, "%d %s\n", r.Seq, hex.EncodeToString(r.Leaf[:]))
	}
	return failing(ExitUnreadable, os.WriteFile(file, b.Bytes(), 0o600))
}
