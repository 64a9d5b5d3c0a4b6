package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// source is what the code of the edge and of the ledger says, as far as names
// tell it: which functions a function calls, and what it reads and refuses.
type source struct {
	functions map[string]*ast.FuncDecl // by package, type and name: "api.Server.postLookup"
	methods   map[string][]string      // by package and name: where they are
	constants map[string]string        // texts, by package and name
}

func readSource(t testing.TB) *source {
	s := &source{map[string]*ast.FuncDecl{}, map[string][]string{}, map[string]string{}}
	for pkg, dir := range map[string]string{"api": ".", "ledger": "../ledger"} {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), dir+"/"+file.Name(), nil, 0)
			require.NoError(t, err)
			for _, d := range f.Decls {
				s.declare(pkg, d)
			}
		}
	}
	return s
}

func (s *source) declare(pkg string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := pkg + "." + d.Name.Name
		if d.Recv != nil {
			of := receiver(d.Recv.List[0].Type)
			name = pkg + "." + of + "." + d.Name.Name
			s.methods[pkg+"."+d.Name.Name] = append(s.methods[pkg+"."+d.Name.Name], name)
		}
		s.functions[name] = d
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST {
				for i, name := range v.Names {
					if i < len(v.Values) {
						if text, ok := literal(v.Values[i]); ok {
							s.constants[pkg+"."+name.Name] = text
						}
					}
				}
			}
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// text is what an expression stands for, where that is a constant.
func (s *source) text(pkg string, e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.Ident:
		text, ok := s.constants[pkg+"."+e.Name]
		return text, ok
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name == "ledger" {
			text, ok := s.constants["ledger."+e.Sel.Name]
			return text, ok
		}
	}
	return literal(e)
}

// facts are what a handler and what it calls read and refuse.
type facts struct {
	codes   map[string]bool // of problems
	headers map[string]bool // of requests
	query   map[string]bool
}

// of gathers the facts of a method of the server. A call whose target the names
// do not tell is left out: other tests see what it does.
func (s *source) of(method string) *facts {
	f := &facts{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		d := s.functions[name]
		if d == nil || seen[name] {
			return
		}
		seen[name] = true
		pkg, _, _ := strings.Cut(name, ".")
		var walk func(n ast.Node) bool
		walk = func(n ast.Node) bool {
			s.note(f, pkg, n)
			for _, next := range s.called(pkg, d, n) {
				visit(next)
			}
			switch n := n.(type) { // the name of a field or a method is no function's
			case *ast.SelectorExpr:
				ast.Inspect(n.X, walk)
				return false
			case *ast.KeyValueExpr:
				ast.Inspect(n.Value, walk)
				return false
			}
			return true
		}
		ast.Inspect(d.Body, walk)
	}
	visit("api.Server." + method)
	return f
}

// called are the functions that a node names: a call, a function that is handed
// on, and of a request its decision.
func (s *source) called(pkg string, in *ast.FuncDecl, n ast.Node) []string {
	switch n := n.(type) {
	case *ast.Ident:
		if n.Obj == nil || n.Obj.Kind == ast.Fun { // else it is a variable of that name
			return []string{pkg + "." + n.Name}
		}
	case *ast.SelectorExpr:
		x, ok := n.X.(*ast.Ident)
		if ok && x.Name == "ledger" && pkg == "api" {
			return []string{"ledger." + n.Sel.Name}
		}
		if ok && in.Recv != nil && len(in.Recv.List[0].Names) > 0 && in.Recv.List[0].Names[0].Name == x.Name {
			return []string{pkg + "." + receiver(in.Recv.List[0].Type) + "." + n.Sel.Name}
		}
		if ok && x.Name == "s" && pkg == "api" {
			return []string{"api.Server." + n.Sel.Name}
		}
	case *ast.CallExpr:
		if m, ok := n.Fun.(*ast.SelectorExpr); ok && len(s.methods[pkg+"."+m.Sel.Name]) == 1 {
			return s.methods[pkg+"."+m.Sel.Name]
		}
	case *ast.CompositeLit: // &ledger.LookUp{}: it will be decided
		// Not Deny: it is asked for where it denies, and refuses what is none.
		if x, ok := n.Type.(*ast.SelectorExpr); ok && pkg == "api" && x.Sel.Name != "Deny" {
			return []string{"ledger." + x.Sel.Name + ".decide"}
		}
	}
	return nil
}

// ofRequest reports whether an expression is the header of a request, which is called r.
func ofRequest(e ast.Expr) bool {
	header, ok := e.(*ast.SelectorExpr)
	if !ok || header.Sel.Name != "Header" {
		return false
	}
	switch x := header.X.(type) {
	case *ast.Ident:
		return x.Name == "r"
	case *ast.SelectorExpr:
		return x.Sel.Name == "r"
	}
	return false
}

func (s *source) note(f *facts, pkg string, n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		name, arg := "", ""
		if len(n.Args) > 0 {
			arg, _ = s.text(pkg, n.Args[len(n.Args)-1])
			if first, ok := s.text(pkg, n.Args[0]); ok {
				arg = first
			}
		}
		switch fun := n.Fun.(type) {
		case *ast.Ident:
			name = fun.Name
		case *ast.SelectorExpr:
			name = fun.Sel.Name
			if name == "Get" && ofRequest(fun.X) {
				f.headers[http.CanonicalHeaderKey(arg)] = true
				return
			}
			if x, ok := fun.X.(*ast.Ident); ok && x.Name == "q" && (name == "Get" || name == "Has") {
				f.query[arg] = true
				return
			}
		}
		if name == "problem" || name == "refuse" || name == "deny" {
			f.codes[arg] = true
		}
	case *ast.KeyValueExpr:
		if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Code" {
			if text, ok := s.text(pkg, n.Value); ok {
				f.codes[text] = true
			}
		}
	case *ast.IndexExpr:
		if ofRequest(n.X) {
			if text, ok := s.text(pkg, n.Index); ok {
				f.headers[http.CanonicalHeaderKey(text)] = true
			}
		}
	}
}

// handlers are the methods behind every route, by method and path.
func handlers(t testing.TB) map[string]string {
	out := map[string]string{"POST /rules": "raiseRules"}
	for _, name := range []string{"routes.go", "signinpage.go", "machine.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			row, ok := n.(*ast.CompositeLit)
			if !ok || len(row.Elts) < 4 {
				return true
			}
			text := func(e ast.Expr) string {
				if id, ok := e.(*ast.Ident); ok {
					return map[string]string{"eventsPath": eventsPath, "reviewEventsPath": reviewEventsPath, "auditEventPath": auditEventPath, "tokenPath": tokenPath}[id.Name]
				}
				s, _ := literal(e)
				return s
			}
			for _, e := range row.Elts {
				if m, ok := e.(*ast.SelectorExpr); ok {
					if _, ok := m.X.(*ast.ParenExpr); ok {
						out[text(row.Elts[0])+" "+text(row.Elts[1])] = m.Sel.Name
					}
				}
			}
			return true
		})
	}
	return out
}

// usual are the headers that are no parameters in OpenAPI, or that browsers set
// of themselves.
var usual = []string{"Accept", "Content-Type", "Authorization", "Origin", "Sec-Fetch-Site"}

// Every header that a handler reads is described with its operation, and no other.
func TestEveryHeaderIsDescribed(t *testing.T) {
	s, routes := readSource(t), handlers(t)
	require.Len(t, routes, len(everyRoute())-2, "every route has a handler that was found, but for two of the admin listener")
	everywhere := map[string]bool{}
	for _, o := range described().Operations() {
		want, found := []string{}, []string{}
		for h := range s.of(routes[o.Name()]).headers {
			if !slices.Contains(usual, h) {
				want = append(want, h)
				everywhere[h] = true
			}
		}
		for _, p := range o.Parameters {
			if name := http.CanonicalHeaderKey(p.Value.Name); p.Value.In == "header" && !slices.Contains([]string{"X-Request-Id", "X-Correlation-Id", "Traceid"}, name) {
				found = append(found, name)
			}
		}
		assert.ElementsMatch(t, want, found, o.Name())
		if _, inner := map[string]bool{"GET /statusz": true, "GET /metrics": true, "POST /rules": true}[o.Name()]; !inner {
			for _, name := range []string{"X-Request-ID", "X-Correlation-ID", "TraceID"} {
				require.NotNil(t, o.Parameters.GetByInAndName("header", name), "%s: %s", o.Name(), name)
			}
		}
	}
	require.Subset(t, slices.Collect(maps.Keys(everywhere)), []string{"Idempotency-Key", "Last-Event-Id", "Isunscheduledaccessevent", "Custos-Reason", "Custos-Forwarded"})
}

// What the sign-in reads of a query is described, and no more is.
func TestEveryParameterOfTheSignInIsDescribed(t *testing.T) {
	s, routes := readSource(t), handlers(t)
	for _, p := range signInRoutes() {
		name := p.method + " " + p.path
		for _, o := range described().Operations() {
			if o.Name() != name {
				continue
			}
			found := []string{}
			for _, q := range o.Parameters {
				if q.Value.In == "query" {
					found = append(found, q.Value.Name)
				}
			}
			require.ElementsMatch(t, slices.Collect(maps.Keys(s.of(routes[name]).query)), found, name)
		}
	}
}

// generic are the statuses that stand before any handler of a route.
func generic(name string) map[int]bool {
	out := map[int]bool{400: true, 413: true, 415: true, 500: true} // a bad request id, a body that is not wanted, encoded, or a fault of ours
	rt, withToken := tokenRoute(name)
	body := withToken && rt.body > 0
	for _, p := range append(signInRoutes(), machineRoutes()...) {
		if p.method+" "+p.path == name {
			body = p.body > 0
			out[503] = true // too many who are not known yet
		}
	}
	if withToken {
		out[401], out[403], out[503] = true, true, true
	}
	if body {
		out[408] = true
	}
	return out
}

// Each status is described under which a route can answer, as far as the code
// tells: those of every route of its sort, those of the problems that its handler
// names, and those of what the ledger refuses.
func TestEveryStatusIsDescribed(t *testing.T) {
	s, routes := readSource(t), handlers(t)
	known := 0
	for _, o := range described().Operations() {
		if routes[o.Name()] == "" {
			continue
		}
		want := map[int]bool{}
		if o.Name() != "POST /rules" {
			want = generic(o.Name())
		}
		for code := range s.of(routes[o.Name()]).codes {
			if k, ok := problems[code]; ok {
				want[k.status] = true
				known++
			}
		}
		for status := range want {
			assert.NotNil(t, o.Responses.Value(strconv.Itoa(status)), "%s can answer %d", o.Name(), status)
		}
	}
	require.Greater(t, known, 500, "codes were found in the source")
}
