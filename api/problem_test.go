package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProblemTable(t *testing.T) {
	for _, code := range problemCodes() {
		k := problems[code]
		require.Regexp(t, regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), code)
		require.NotEmpty(t, k.title)
		require.NotEmpty(t, http.StatusText(k.status))

		w := httptest.NewRecorder()
		writeProblem(w, httptest.NewRequest(http.MethodPost, "/v1/lookups", nil), fmt.Errorf("on the way: %w", problem(code)))
		require.Equal(t, k.status, w.Code)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		var body map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		require.Equal(t, "/docs/problems#"+code, body["type"])
		require.Equal(t, code, body["code"])
		require.EqualValues(t, k.status, body["status"])
		require.Equal(t, k.status == 401, w.Header().Get("WWW-Authenticate") != "" && code != "role-unknown")
		require.Equal(t, k.status == 503 || k.status == 429, w.Header().Get("Retry-After") != "")
		if k.status == 503 {
			require.Equal(t, "/docs/downtime", body["downtime"])
			require.Equal(t, "/v1/directory", body["directory"])
			require.Contains(t, body["detail"], `This is not "no plan"`)
			require.Contains(t, strings.ToLower(body["detail"].(string)), "nothing was disclosed")
		}
	}
	require.Contains(t, problems["unavailable"].detail, "Nothing was recorded and nothing was disclosed.")
}

func TestProblemMembers(t *testing.T) {
	seq := uint64(41)
	w := httptest.NewRecorder()
	writeProblem(w, httptest.NewRequest(http.MethodPost, "/x", nil), &Problem{
		Code: "not-live", Seq: &seq, Receipt: "r", From: "2027-01-31", Pointer: "/nhsNumber", After: 1500 * time.Millisecond})
	require.Equal(t, "41", w.Header().Get("Custos-Seq"))
	require.Equal(t, "2", w.Header().Get("Retry-After"))
	require.JSONEq(t, `{"type":"/docs/problems#not-live","title":"The service is not yet live for this area","status":403,"code":"not-live",
		"detail":`+strconv.Quote(noDisclosure)+`,"pointer":"/nhsNumber","seq":41,"receipt":"r","from":"2027-01-31",
		"downtime":"/docs/downtime","directory":"/v1/directory"}`, w.Body.String())
}

// An error that is no Problem, or has a code outside the table, tells the caller nothing.
func TestUnknownErrorsAreBare(t *testing.T) {
	for _, err := range []error{errors.New("9990000018 not found"), problem("made-up").with("9990000018"), (*Problem)(nil), nil} {
		w := httptest.NewRecorder()
		writeProblem(w, httptest.NewRequest(http.MethodGet, "/", nil), err)
		require.Equal(t, 500, w.Code)
		require.JSONEq(t, `{"type":"/docs/problems#internal","title":"Something went wrong here","status":500,"code":"internal"}`, w.Body.String())
	}
}

// Every code written in this package's source is in the table.
func TestCodesInSourceAreInTheTable(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		require.NoError(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			name, _ := call.Fun.(*ast.Ident)
			lit, _ := call.Args[0].(*ast.BasicLit)
			if name == nil || lit == nil || name.Name != "problem" {
				return true
			}
			code, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			require.Contains(t, problems, code, f.Name())
			found++
			return true
		})
	}
	require.Greater(t, found, 50)
}
