package tools

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// proveFrom asks a running node for a receipt, and with recordFile for the
// entry's bytes, which must then be the ones proved.
func (a *app) proveFrom(url, tokenFile string, seq ledger.Seq, recordFile string) error {
	if err := required(map[string]string{"token-file": tokenFile}); err != nil {
		return err
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	n := &node{url: strings.TrimRight(url, "/"), token: string(bytes.TrimSpace(token)), http: &http.Client{Timeout: 30 * time.Second}}
	b, err := n.get("/v1/receipts/" + seqText(seq))
	if err != nil {
		return err
	}
	r, err := ledger.ParseReceipt(b)
	if err != nil || r.Seq != seq {
		return failing(ExitIntegrity, errors.Join(errors.New("the node's answer is not this entry's receipt"), err))
	}
	out := map[string]any{"seq": seq, "receipt": string(b)}
	if recordFile != "" {
		record, err := n.get("/v1/entries/" + seqText(seq))
		if err != nil {
			return err
		}
		if err := holds(r, record); err != nil {
			return err
		}
		if err := os.WriteFile(recordFile, record, 0o644); err != nil {
			return failing(ExitUnreadable, err)
		}
		out["record"] = base64.StdEncoding.EncodeToString(record)
	}
	if a.json() {
		return a.printJSON(out)
	}
	_, err = a.stdout.Write(b)
	return failing(ExitUnreadable, err)
}

// holds checks a record against the root that the receipt's checkpoint names.
// Its signature is for check-receipt: this command knows no key.
func holds(r ledger.Receipt, record []byte) error {
	lines := strings.SplitN(string(r.Checkpoint), "\n", 4)
	text := strings.Join(lines[:min(3, len(lines))], "\n") + "\n"
	tree, err := ledger.ParseCheckpointText(text, lines[0])
	if err == nil {
		err = tlog.CheckRecord(r.Path, tree.N, tree.Hash, int64(r.Seq), tlog.RecordHash(record))
	}
	if err != nil {
		return failf(ExitIntegrity, "the node's receipt of entry %d does not prove the bytes that it sent", r.Seq)
	}
	return nil
}

// node is a running node and somebody who may ask it.
type node struct {
	url, token string
	http       *http.Client
}

// get reads one resource; its error has the exit code that the answer means.
func (n *node) get(path string) ([]byte, error) {
	q, err := http.NewRequest(http.MethodGet, n.url+path, nil)
	if err != nil {
		return nil, failing(ExitUsage, errors.New("--url is not a URL"))
	}
	q.Header.Set("Authorization", "Bearer "+n.token)
	res, err := n.http.Do(q)
	if err != nil {
		return nil, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	if res.StatusCode != http.StatusOK {
		return nil, failf(exitOf(res.StatusCode), "the node answered %d %s", res.StatusCode, problemCode(b))
	}
	return b, nil
}
