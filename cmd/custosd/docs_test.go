package main

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// document is one Markdown file, by its slash-separated path from the root.
type document struct {
	path string
	text string
}

func documents(t *testing.T) []document {
	t.Helper()
	var out []document
	add := func(p string) {
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		rel, err := filepath.Rel(root, p)
		require.NoError(t, err)
		out = append(out, document{filepath.ToSlash(rel), string(b)})
	}
	for _, n := range []string{"README.md", "CONTRIBUTING.md"} {
		if _, err := os.Stat(filepath.Join(root, n)); err == nil {
			add(filepath.Join(root, n))
		}
	}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(p) == ".md" {
			add(p)
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, out)
	return out
}

func read(t *testing.T, p string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
	require.NoError(t, err)
	return string(b)
}

// testNames lists every test, fuzz target, benchmark and example of the module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				out[f.Name.Name] = true
			}
		}
	}
	return out
}

// declared lists the functions, methods, types, constants and variables that
// each file declares, by bare name.
func declared(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, s := range sources(t) {
		p := path.Join(s.folder, s.name)
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				out[p] = append(out[p], d.Name.Name)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						out[p] = append(out[p], spec.Name.Name)
					case *ast.ValueSpec:
						for _, n := range spec.Names {
							out[p] = append(out[p], n.Name)
						}
					}
				}
			}
		}
	}
	return out
}

var (
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z0-9]\w*`)
	goPlace  = regexp.MustCompile("`((?:api|cmd|consensus|ledger|projection|tools)/[\\w/.-]+\\.go)(?::([\\w.]+))?`")
	link     = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	hazardID = regexp.MustCompile(`^H\d{2,3}$`)
)

// A document that names a test promises that it is there.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	have := testNames(t)
	for _, d := range documents(t) {
		for _, n := range testName.FindAllString(d.text, -1) {
			if !have[n] {
				t.Errorf("%s names %s, and there is no such test", d.path, n)
			}
		}
	}
}

// `folder/file.go:Name` in a document is a place in the code that is there.
func TestDocumentsNameCodeThatExists(t *testing.T) {
	have := declared(t)
	for _, d := range documents(t) {
		for _, m := range goPlace.FindAllStringSubmatch(d.text, -1) {
			names, ok := have[m[1]]
			if !ok {
				t.Errorf("%s names %s, and there is no such file", d.path, m[1])
				continue
			}
			if name := m[2][strings.LastIndex(m[2], ".")+1:]; name != "" && !slices.Contains(names, name) {
				t.Errorf("%s names %s in %s, which does not declare it", d.path, m[2], m[1])
			}
		}
	}
}

func TestDocumentsLinkToFilesThatExist(t *testing.T) {
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			p := filepath.Join(root, filepath.FromSlash(path.Join(path.Dir(d.path), m[1])))
			if _, err := os.Stat(p); err != nil {
				t.Errorf("%s links to %s, which is not there", d.path, m[1])
			}
		}
	}
}

// rows returns the cells of a document's table rows.
func rows(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "| --") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out = append(out, cells)
	}
	return out
}

// The import table of the architecture is the one that TestImportsGoOneWay holds.
func TestArchitectureShowsTheImportTable(t *testing.T) {
	var folders []string
	for f := range layers {
		folders = append(folders, f)
	}
	slices.Sort(folders)
	var want strings.Builder
	for _, f := range folders {
		l := layers[f]
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", f, listed(l.ours), listed(l.doors))
	}
	require.Contains(t, read(t, "docs/ARCHITECTURE.md"), want.String(), "the table should be:\n%s", want.String())
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// Every invariant names the tests that hold it.
func TestEveryInvariantNamesItsTests(t *testing.T) {
	named := map[string]bool{}
	for _, r := range rows(read(t, "docs/ARCHITECTURE.md")) {
		if regexp.MustCompile(`^I\d+$`).MatchString(r[0]) && testName.MatchString(r[len(r)-1]) {
			named[r[0]] = true
		}
	}
	for i := 1; i <= 10; i++ {
		require.Truef(t, named[fmt.Sprintf("I%d", i)], "invariant I%d names no test", i)
	}
}

// Every hazard has a number of its own, a control, a test and a residual risk.
func TestEveryHazardNamesItsTest(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows(read(t, "docs/assurance/hazard-log.md")) {
		if !hazardID.MatchString(r[0]) {
			continue
		}
		require.Lenf(t, r, 7, "hazard %s: number, hazard, cause, effect, control, test, residual risk", r[0])
		require.Falsef(t, seen[r[0]], "hazard %s stands twice", r[0])
		seen[r[0]] = true
		for i, cell := range r {
			require.NotEmptyf(t, cell, "hazard %s, cell %d", r[0], i+1)
		}
		require.Truef(t, testName.MatchString(r[5]), "hazard %s names no test", r[0])
	}
	require.GreaterOrEqual(t, len(seen), 20)
}

// The decisions are listed, and listed once.
func TestEveryDecisionIsListed(t *testing.T) {
	index := read(t, "docs/adr/README.md")
	files, err := filepath.Glob(filepath.Join(root, "docs/adr/[0-9]*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		n := filepath.Base(f)
		require.Equal(t, 1, strings.Count(index, "("+n+")"), n)
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		require.Truef(t, strings.HasPrefix(string(b), "# "+n[:4]+" "), "%s begins with its number", n)
	}
}
