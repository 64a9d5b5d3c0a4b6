package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder, seen from this one.
const root = "../.."

// layer says what the packages of one folder may import. Imports go one way.
type layer struct {
	ours  []string // our own packages
	doors []string // big dependencies, by path prefix, that open here alone
}

// layers is the import table of docs/ARCHITECTURE.md.
var layers = map[string]layer{
	"ledger":            {},
	"ledger/store":      {ours: []string{"ledger"}, doors: []string{"github.com/cockroachdb/pebble"}},
	"projection":        {ours: []string{"ledger", "ledger/store"}},
	"consensus":         {ours: []string{"ledger", "ledger/store", "projection", "consensus/raftlog", "consensus/witness"}, doors: []string{"github.com/hashicorp/raft", "github.com/cockroachdb/pebble/v2/vfs"}},
	"consensus/raftlog": {doors: []string{"github.com/hashicorp/raft", "github.com/cockroachdb/pebble"}},
	"consensus/witness": {ours: []string{"ledger"}, doors: []string{"github.com/cockroachdb/pebble/v2/vfs"}},
	"api":               {ours: []string{"ledger", "projection", "consensus", "api/cpis", "api/demographics", "api/fhir", "api/hl7", "api/openapi", "api/signin"}, doors: []string{"github.com/gorilla/mux", "github.com/golang-jwt/jwt"}},
	"api/cpis":          {},
	"api/deliver": {
		ours:  []string{"ledger", "projection", "consensus", "api/cpis", "api/mesh"},
		doors: []string{"github.com/golang-jwt/jwt", "github.com/wneessen/go-mail", "github.com/standard-webhooks/standard-webhooks"},
	},
	"api/demographics":        {doors: []string{"github.com/golang-jwt/jwt"}},
	"api/fhir":                {},
	"api/fhir/fhirtest":       {},
	"api/hl7":                 {},
	"api/mesh":                {},
	"api/mesh/meshtest":       {},
	"api/openapi":             {doors: []string{"go.yaml.in/yaml"}},
	"api/openapi/openapitest": {doors: []string{"github.com/getkin/kin-openapi"}},
	"api/signin":              {doors: []string{"github.com/coreos/go-oidc", "golang.org/x/oauth2", "github.com/golang-jwt/jwt"}},
	"api/signin/devprovider":  {doors: []string{"github.com/golang-jwt/jwt"}},
	"tools":                   {ours: []string{"ledger", "ledger/store", "projection", "consensus/raftlog", "consensus/witness", "api/cpis", "api/fhir", "tools/synthetic"}, doors: []string{"github.com/spf13/cobra", "github.com/parquet-go/parquet-go"}},
	"tools/synthetic":         {ours: []string{"ledger"}},
	"cmd/custos-tools":        {ours: []string{"tools"}, doors: []string{"github.com/spf13/cobra"}},
	"cmd/custosd": {
		ours:  []string{"ledger", "ledger/store", "projection", "consensus", "consensus/witness", "api", "api/cpis", "api/deliver", "api/demographics", "api/mesh", "api/mesh/meshtest", "api/signin", "api/signin/devprovider", "tools/synthetic"},
		doors: []string{"github.com/spf13/cobra"},
	},
}

// doors are the dependencies that only the layers naming them may import.
var doors = []string{
	"github.com/cockroachdb/pebble", "github.com/hashicorp/raft", "github.com/gorilla/mux",
	"github.com/golang-jwt/jwt", "github.com/spf13/cobra", "github.com/wneessen/go-mail", "github.com/standard-webhooks/standard-webhooks",
	"github.com/coreos/go-oidc", "golang.org/x/oauth2", "go.yaml.in/yaml", "github.com/getkin/kin-openapi", "github.com/parquet-go/parquet-go",
}

// pure is all that package ledger may import beside the standard library.
var pure = []string{"golang.org/x/mod/sumdb/tlog", "golang.org/x/mod/sumdb/note", "github.com/fxamacker/cbor/v2"}

// source is one Go file with what it imports.
type source struct {
	folder string // slash-separated, from the module's root
	name   string
	file   *ast.File
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) imports(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		require.NoError(t, err)
		out = append(out, p)
	}
	return out
}

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); n != filepath.Base(root) && (strings.HasPrefix(n, ".") || n == "bin" || n == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(set, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, name := path.Split(filepath.ToSlash(rel))
		out = append(out, source{folder: strings.TrimSuffix(folder, "/"), name: name, file: f})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, out)
	return out
}

func under(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func TestImportsGoOneWay(t *testing.T) {
	for _, s := range sources(t) {
		l, known := layers[s.folder]
		require.Truef(t, known, "folder %s is in no layer; add it to the table here and in docs/ARCHITECTURE.md", s.folder)
		for _, p := range s.imports(t) {
			ours, mine := strings.CutPrefix(p, "custos/")
			if mine && ours != s.folder && !slices.Contains(l.ours, ours) && !s.test() {
				t.Errorf("%s/%s imports %s, which its layer may not", s.folder, s.name, p)
			}
			for _, d := range doors {
				if under(p, d) && !slices.ContainsFunc(l.doors, func(mine string) bool { return under(p, mine) }) && !s.test() {
					t.Errorf("%s/%s imports %s: that door opens elsewhere", s.folder, s.name, p)
				}
			}
			if s.folder == "ledger" && !s.test() && strings.Contains(strings.Split(p, "/")[0], ".") && !slices.Contains(pure, p) {
				t.Errorf("ledger/%s imports %s: package ledger stands on the standard library, tlog, note and CBOR alone", s.name, p)
			}
		}
	}
}

// Tests may reach further than the code they test, but never upwards: a test
// that needs an upper layer belongs to that layer.
func TestTestsDoNotReachUpwards(t *testing.T) {
	height := map[string]int{"ledger": 0, "ledger/store": 1, "projection": 2, "consensus/raftlog": 1, "consensus/witness": 1, "consensus": 3,
		"api/mesh/meshtest": 0, "api/mesh": 1, "api/fhir/fhirtest": 0, "api/fhir": 1, "api/cpis": 0, "api": 4, "api/deliver": 5, "api/demographics": 0, "api/signin": 1, "api/signin/devprovider": 0, "tools/synthetic": 1, "tools": 4, "cmd/custosd": 5, "cmd/custos-tools": 5}
	for _, s := range sources(t) {
		if !s.test() {
			continue
		}
		for _, p := range s.imports(t) {
			if ours, mine := strings.CutPrefix(p, "custos/"); mine && height[ours] > height[s.folder] {
				t.Errorf("%s/%s imports %s, which lies above it", s.folder, s.name, p)
			}
		}
	}
}

// The edge may know of consensus only what comes back from a proposal, and
// what its callers must tell apart: outcomes, errors and status.
func TestEdgeKnowsOnlyOutcomesOfConsensus(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || !under(s.folder, "api") || !slices.Contains(s.imports(t), "custos/consensus") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == "_" {
				return false // an assertion that the cluster's node is what the edge wants
			}
			if x, name := selector(n); x == "consensus" &&
				name != "Outcome" && name != "Status" && !strings.HasPrefix(name, "Err") {
				t.Errorf("%s/%s uses consensus.%s", s.folder, s.name, name)
			}
			return true
		})
	}
}

// A sealed payload can be opened only by way of an [projection.Answer], and only
// the assembler of committed results makes what is in one: the edge reads lists
// and references from the views, never a row of its own choice.
func TestOnlyCommittedOutcomesAreOpened(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if l, ok := n.(*ast.CompositeLit); ok {
				x, name := selector(l.Type)
				if x == "ledger" && name == "Shown" && s.folder != "projection" || x == "projection" && name == "Answer" {
					t.Errorf("%s/%s makes a %s.%s", s.folder, s.name, x, name)
				}
			}
			if call, ok := n.(*ast.SelectorExpr); ok && under(s.folder, "api") && call.Sel.Name != "Head" {
				if of, ok := call.X.(*ast.SelectorExpr); ok && of.Sel.Name == "R" {
					t.Errorf("%s/%s reads the store by %s", s.folder, s.name, call.Sel.Name)
				}
			}
			return true
		})
	}
}

// What is recorded follows from the commands alone: neither clock nor
// randomness nor environment nor network has a way in.
func TestLedgerAndProjectionArePure(t *testing.T) {
	impure := map[string][]string{
		"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"},
		"os":   {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Hostname", "Getpid"},
	}
	for _, s := range sources(t) {
		if s.test() || (!under(s.folder, "ledger") && !under(s.folder, "projection")) {
			continue
		}
		for _, p := range s.imports(t) {
			if p == "math/rand" || p == "math/rand/v2" || p == "crypto/rand" || p == "net" || p == "net/http" || p == "time/tzdata" {
				t.Errorf("%s/%s imports %s", s.folder, s.name, p)
			}
			if p == "os" && s.folder != "ledger/store" {
				t.Errorf("%s/%s imports os", s.folder, s.name)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if x, name := selector(n); slices.Contains(impure[x], name) {
				t.Errorf("%s/%s uses %s.%s", s.folder, s.name, x, name)
			}
			return true
		})
	}
}

// selector returns x and name of an expression x.name, where x is a plain word.
func selector(n ast.Node) (x, name string) {
	s, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if id, ok := s.X.(*ast.Ident); ok {
		return id.Name, s.Sel.Name
	}
	return "", ""
}

func TestTopLevelFoldersAreTheOwnersList(t *testing.T) {
	allowed := []string{"cmd", "ledger", "consensus", "projection", "api", "tools", "docs"}
	have, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, d := range have {
		// bin and hidden folders are made by tools and are not in the tree.
		if !d.IsDir() || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") {
			continue
		}
		require.Contains(t, allowed, d.Name(), "no other top-level folder")
	}
}
