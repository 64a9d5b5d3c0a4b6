package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/api/openapi/openapitest"
)

// described is the document to which every answer of these tests is held.
var described = sync.OnceValue(func() *openapitest.Document {
	d, err := openapitest.Load(openAPIText)
	if err != nil {
		panic(err)
	}
	return d
})

// asDescribed holds what h answers to the document.
func asDescribed(t testing.TB, h http.Handler) http.Handler { return described().Watch(t, h) }

// innerAsDescribed is the admin listener's handler, held to the document. Its
// profiles are Go's own.
func innerAsDescribed(t testing.TB, s *Server) http.Handler {
	m := http.NewServeMux()
	m.Handle("/", described().WatchInner(t, s.Admin()))
	m.Handle("/debug/pprof/", s.Admin())
	return m
}

func (w *world) inner() http.Handler { return innerAsDescribed(w.t, w.server) }

// neverSeen are answers that no test of this package can get, with why.
var neverSeen = map[string]string{}

// Once the whole package was tested, every good answer that is described was
// seen, and was as it is described.
func TestMain(m *testing.M) {
	code := m.Run()
	if flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && !testing.Short() &&
		flag.Lookup("test.list").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" {
		for _, name := range described().Unseen() {
			if neverSeen[name] == "" {
				fmt.Println("api/openapi.yaml describes what no test got:", name)
				code = 1
			}
		}
		fmt.Println("api/openapi.yaml:", described().Seen())
	}
	os.Exit(code)
}

// everyRoute is every method and path that is served, with its summary.
func everyRoute() map[string]string {
	out := map[string]string{
		"GET /statusz": "how the node stands", "GET /metrics": "figures in Prometheus's form", "POST /rules": "have the log decide under a later rules version",
	}
	for _, t := range routeTable {
		out[t.method+" "+t.path] = t.summary
	}
	for _, o := range openRoutes() {
		out[o.method+" "+o.path] = o.summary
	}
	for _, t := range append(signInRoutes(), machineRoutes()...) {
		out[t.method+" "+t.path] = t.summary
	}
	return out
}

// Every route is described, in its own words, and nothing else is.
func TestEveryRouteIsDescribed(t *testing.T) {
	routes, found, ids := everyRoute(), map[string]string{}, map[string]bool{}
	for _, o := range described().Operations() {
		found[o.Name()] = o.Summary
		require.False(t, ids[o.OperationID] || o.OperationID == "", "%s has an id of its own", o.Name())
		ids[o.OperationID] = true
		require.Len(t, o.Tags, 1, o.Name())
		require.NotNil(t, described().T.Tags.Get(o.Tags[0]), "%s is in a group of the document", o.Name())
	}
	require.Equal(t, routes, found, "each route has a line in api/openapi.yaml")
	for _, o := range described().Operations() {
		_, withToken := tokenRoute(o.Name())
		require.Equal(t, withToken, !o.Open(), "%s says whether it asks for a token", o.Name())
	}
}

// tokenRoute is a route that asks for a token.
func tokenRoute(name string) (*route, bool) {
	for i := range routeTable {
		if t := &routeTable[i]; t.method+" "+t.path == name {
			return t, true
		}
	}
	return nil, false
}

// What a route reads of a path and of a query is described, and no more is.
func TestEveryParameterIsDescribed(t *testing.T) {
	for name := range queryParameters {
		_, ok := tokenRoute(name)
		require.True(t, ok, "%s is a route", name)
	}
	for _, o := range described().Operations() {
		var path, query, want []string
		for _, p := range o.Parameters {
			switch p.Value.In {
			case "path":
				path = append(path, "{"+p.Value.Name+"}")
			case "query":
				query = append(query, p.Value.Name)
			}
		}
		for _, part := range strings.Split(o.Path, "/") {
			if strings.HasPrefix(part, "{") {
				want = append(want, part)
			}
		}
		require.Equal(t, want, path, o.Name())
		if rt, ok := tokenRoute(o.Name()); ok {
			require.ElementsMatch(t, queryParameters[o.Name()], query, o.Name())
			require.Equal(t, rt.body > 0, o.RequestBody != nil, "%s: a body", o.Name())
			var media []string
			if o.RequestBody != nil {
				for form := range o.RequestBody.Value.Content {
					media = append(media, form)
				}
			}
			require.ElementsMatch(t, rt.types, media, "%s: media types of a body", o.Name())
		}
	}
}

// A body or an answer that a person or a program has to understand has an example,
// which fits its schema: openapitest.Load wants that.
func TestEveryBodyHasAnExample(t *testing.T) {
	for _, o := range described().Operations() {
		if o.RequestBody != nil {
			some := false
			for _, m := range o.RequestBody.Value.Content {
				some = some || m.Example != nil
			}
			require.True(t, some, "%s: its body has an example", o.Name())
		}
		for status, r := range o.Responses.Map() {
			if status >= "300" {
				continue
			}
			for form, m := range r.Value.Content {
				if strings.HasPrefix(form, "text/html") || m.Schema.Value.Format == "binary" || strings.HasPrefix(o.Path, "/openapi.") || form == soapType {
					continue // a page, bytes, this document, and what lies around another example
				}
				require.NotNil(t, m.Example, "%s %s: its answer as %s has an example", o.Name(), status, form)
			}
		}
	}
}

// Each code of a problem is described under its status, and no other is.
func TestEveryProblemIsDescribed(t *testing.T) {
	of := map[int][]string{}
	for code, k := range problems {
		of[k.status] = append(of[k.status], code)
	}
	for status, codes := range of {
		if status == http.StatusMethodNotAllowed { // of no operation
			continue
		}
		s := described().T.Components.Schemas[fmt.Sprintf("Problem%d", status)]
		require.NotNil(t, s, status)
		var found []string
		for _, part := range s.Value.AllOf {
			if code := part.Value.Properties["code"]; code != nil {
				for _, c := range code.Value.Enum {
					found = append(found, c.(string))
				}
			}
		}
		require.ElementsMatch(t, codes, found, "the codes of status %d", status)
		require.True(t, slices.IsSorted(found), "the codes of status %d stand in order", status)
	}
}

// The document is served as it stands here, the same as JSON, and as a page that
// needs no other host and has all of it.
func TestTheDescriptionIsServed(t *testing.T) {
	w := newWorld(t)
	r := w.call(nobody, "GET", "/openapi.yaml", nil)
	require.Equal(t, string(openAPIText), string(r.body))
	asJSON, err := openapitest.Load(w.call(nobody, "GET", "/openapi.json", nil).body)
	require.NoError(t, err)
	require.Len(t, asJSON.Operations(), len(described().Operations()))
	one, err := json.Marshal(described().T)
	require.NoError(t, err)
	other, err := json.Marshal(asJSON.T)
	require.NoError(t, err)
	require.JSONEq(t, string(one), string(other))

	docs := w.call(nobody, "GET", "/docs", nil)
	page := string(docs.body)
	require.Equal(t, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'", docs.header.Get("Content-Security-Policy"))
	for _, outside := range []string{"<script", "src=", `href="http`, `href="//`, "url(", "@import", "javascript:", "style=\""} {
		require.NotContains(t, page, outside)
	}
	for _, o := range described().Operations() {
		require.Contains(t, page, `<article id="`+o.OperationID+`">`)
		require.Contains(t, page, `href="#`+o.OperationID+`"`)
	}
	for name := range described().T.Components.Schemas {
		require.Contains(t, page, `id="schema-`+name+`"`)
	}
	for _, target := range strings.Split(page, `href="#`)[1:] {
		name, _, _ := strings.Cut(target, `"`)
		require.Contains(t, page, `id="`+name+`"`, "a link within the page leads somewhere")
	}
}
