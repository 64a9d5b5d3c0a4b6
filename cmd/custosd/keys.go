package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus"
	"custos/ledger"
)

// keyFolder is where the keys of a new log are: secrets/ for the nodes, keys/
// for auditors, who get verifying keys and nothing else.
type keyFolder struct {
	dir      string
	log      ledger.ID
	origin   string
	verifier string
}

func (k keyFolder) secret(name string) string { return filepath.Join(k.dir, "secrets", name) }
func (k keyFolder) public(name string) string { return filepath.Join(k.dir, "keys", name) }

// nodeCertYears is how long the certificates of a new cluster last.
const nodeCertYears = 2

// makeKeys makes everything a new log needs. Nothing is overwritten.
func makeKeys(dir, origin string, nodes []string, now time.Time) (keyFolder, error) {
	k := keyFolder{dir: dir, origin: origin}
	for _, d := range []string{"secrets", "keys"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return k, err
		}
	}
	if _, err := rand.Read(k.log[:]); err != nil {
		return k, err
	}
	signing, verifier, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return k, misuse("origin: %w", err)
	}
	k.verifier = verifier
	var raw [64]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return k, err
	}
	secrets, err := json.Marshal(secretsFile{
		Person: map[string]string{"1": base64.StdEncoding.EncodeToString(raw[:32])},
		KEK:    map[string]string{"1": base64.StdEncoding.EncodeToString(raw[32:])},
	})
	if err != nil {
		return k, err
	}
	ca, err := consensus.MakeCA(now, nodeCertYears*365*24*time.Hour)
	if err != nil {
		return k, err
	}
	files := map[string][]byte{
		k.secret("log.key"): []byte(signing + "\n"), k.secret("nodes.json"): secrets,
		k.secret("ca.pem"): ca.Cert, k.secret("ca-key.pem"): ca.Key,
		k.public("log.vkey"): []byte(verifier + "\n"),
	}
	for _, n := range nodes {
		cr, err := ca.IssueNode(consensus.Identity{Log: k.log, Node: n}, now, nodeCertYears*365*24*time.Hour)
		if err != nil {
			return k, misuse("%w", err)
		}
		files[k.secret(n+".pem")], files[k.secret(n+"-key.pem")] = cr.Cert, cr.Key
	}
	for path, b := range files {
		if err := writeNew(path, b); err != nil {
			return k, err
		}
	}
	return k, nil
}

// writeNew writes a file for its owner alone, and never over another.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return f.Close()
}

func keysCommand() *cobra.Command {
	var dir, origin, nodes string
	c := &cobra.Command{Use: "keys --dir DIR --origin NAME --nodes n1,n2,n3", Short: "make the keys of a new log", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := makeKeys(dir, origin, strings.Split(nodes, ","), time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "log       %s\norigin    %s\nverifier  %s\n", k.log, origin, k.verifier)
			return err
		}}
	c.Flags().StringVar(&dir, "dir", "", "a new folder: secrets/ for the nodes, keys/ for auditors")
	c.Flags().StringVar(&origin, "origin", "", "the log's name, a schema-less URL of yours")
	c.Flags().StringVar(&nodes, "nodes", "n1", "the nodes' names, comma separated")
	must(c.MarkFlagRequired("dir"))
	must(c.MarkFlagRequired("origin"))
	return c
}
