package api

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
)

// openAPI describes the routes in OpenAPI 3.0.3, made from the same table that
// registers them.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	if err := sendJSON(w, openAPI()); err != nil {
		writeProblem(w, r, err)
	}
}

func openAPI() map[string]any {
	paths := map[string]map[string]any{}
	add := func(path, method, summary string, body []string, secured bool) {
		op := map[string]any{"summary": summary, "responses": map[string]any{
			"default": map[string]any{"description": "a problem", "content": map[string]any{
				"application/problem+json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}}}},
			"2XX": map[string]any{"description": "answered"},
		}}
		if params := pathParameters(path); params != nil {
			op["parameters"] = params
		}
		if len(body) > 0 {
			content := map[string]any{}
			for _, t := range body {
				content[t] = map[string]any{"schema": map[string]any{}}
			}
			op["requestBody"] = map[string]any{"content": content}
		}
		if !secured {
			op["security"] = []any{}
		}
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path][strings.ToLower(method)] = op
	}
	for _, t := range routeTable {
		add(t.path, t.method, t.summary, t.types, true)
	}
	for _, o := range openRoutes() {
		add(o.path, o.method, o.summary, nil, false)
	}
	return map[string]any{
		"openapi": "3.0.3",
		"info":    map[string]any{"title": "Custos", "version": "1", "description": "Child Protection - Information Sharing, on the record."},
		"paths":   paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
			"schemas": map[string]any{"Problem": map[string]any{"type": "object", "required": []string{"type", "title", "status", "code"},
				"properties": map[string]any{
					"type": map[string]any{"type": "string"}, "title": map[string]any{"type": "string"},
					"status": map[string]any{"type": "integer"}, "code": map[string]any{"type": "string", "enum": problemCodes()},
					"detail": map[string]any{"type": "string"}, "pointer": map[string]any{"type": "string"},
					"seq": map[string]any{"type": "integer"}, "receipt": map[string]any{"type": "string"},
				}}},
		},
		"security": []any{map[string]any{"bearer": []string{}}},
	}
}

func pathParameters(path string) []any {
	var out []any
	for rest := path; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return out
		}
		name, more, _ := strings.Cut(after, "}")
		out = append(out, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		rest = more
	}
}

func (s *Server) docs(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString("<h1>Custos: the interface</h1><p>Every answer with child data is a committed access and names its entry in <code>Custos-Seq</code>. " +
		"Machine-readable: <a href=\"/openapi.json\">openapi.json</a>. <a href=\"/docs/problems\">Error codes</a>. " +
		"<a href=\"/docs/downtime\">Downtime procedure</a>.</p><table><caption>Routes</caption><thead><tr><th scope=col>Method<th scope=col>Path<th scope=col>What</tr></thead><tbody>")
	for _, t := range routeTable {
		fmt.Fprintf(&b, "<tr><td>%s<td><code>%s</code><td>%s</tr>", t.method, html.EscapeString(t.path), html.EscapeString(t.summary))
	}
	for _, o := range openRoutes() {
		fmt.Fprintf(&b, "<tr><td>%s<td><code>%s</code><td>%s (no token)</tr>", o.method, html.EscapeString(o.path), html.EscapeString(o.summary))
	}
	for _, t := range s.pageRoutes() {
		fmt.Fprintf(&b, "<tr><td>%s<td><code>%s</code><td>%s (no token)</tr>", t.method, html.EscapeString(t.path), html.EscapeString(t.summary))
	}
	b.WriteString("</tbody></table>")
	page(w, "Custos: the interface", b.String())
}

func (s *Server) docsProblems(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString("<h1>Error codes</h1><p>Errors are <code>application/problem+json</code>; under <code>/FHIR/</code> an OperationOutcome holds the code as a coding of <code>urn:x-custos:problem</code>. No error repeats a value that was sent.</p><dl>")
	for _, c := range problemCodes() {
		k := problems[c]
		fmt.Fprintf(&b, "<dt id=\"%s\"><code>%s</code> (%d)</dt><dd>%s. %s</dd>", c, c, k.status, html.EscapeString(k.title), html.EscapeString(k.detail))
	}
	b.WriteString("</dl>")
	page(w, "Error codes", b.String())
}

func (s *Server) docsDowntime(w http.ResponseWriter, _ *http.Request) {
	page(w, "Downtime procedure", "<h1>While no record can be made</h1><p>No answer from this service is not &ldquo;no plan&rdquo;. "+
		"Nothing is disclosed without a record, so while none can be made, nothing is.</p><ol>"+
		"<li>Follow your own safeguarding procedure as for a child whose status is unknown.</li>"+
		"<li>Ring the responsible local authority: <code>GET /v1/directory</code> answers on any node, whether or not records can be made. Keep a printed copy.</li>"+
		"<li>Outside office hours ring the emergency duty team.</li>"+
		"<li>When the service is back, look the child up: the authority is then told.</li></ol>")
}

// page writes a small page without script. Its style is its own.
func page(w http.ResponseWriter, title, body string) {
	text := "<!doctype html><html lang=en-GB><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>" + html.EscapeString(title) +
		"</title><style>body{font:1rem/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top}dt{margin-top:.75rem}</style>" + body
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write([]byte(text)) // who reads no more needs no error
}
