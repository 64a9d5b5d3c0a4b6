package api

import (
	_ "embed" // the description, and how small pages look
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"custos/api/openapi"
)

//go:embed openapi.yaml
var openAPIText []byte

// rendered is the description of the interface in its other forms, made when it
// is first asked for.
var rendered = sync.OnceValues(func() (out struct{ json, page []byte }, err error) {
	d, err := openapi.Parse(openAPIText)
	if err != nil {
		return out, err
	}
	if out.json, err = d.JSON(); err != nil {
		return out, err
	}
	out.page, err = d.Page()
	return out, err
})

func (s *Server) openAPIYAML(w http.ResponseWriter, _ *http.Request) {
	send(w, "application/yaml", openAPIText)
}

func (s *Server) openAPIJSON(w http.ResponseWriter, r *http.Request) {
	out, err := rendered()
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	send(w, jsonType[0], out.json)
}

func (s *Server) docs(w http.ResponseWriter, r *http.Request) {
	out, err := rendered()
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	sendPage(w, out.page)
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

// pageStyle is the look of /docs, for pages that are small.
//
//go:embed page.css
var pageStyle string

// page writes a small page without script. Its style is its own.
func page(w http.ResponseWriter, title, body string) {
	text := "<!doctype html><html lang=en-GB><meta charset=utf-8><meta name=viewport content=\"width=device-width, initial-scale=1\"><title>" + html.EscapeString(title) +
		"</title><style>" + pageStyle + "</style><nav aria-label=Pages><a href=/docs>The interface</a><a href=/docs/problems>Error codes</a>" +
		"<a href=/docs/downtime>Downtime procedure</a></nav><main>" + body + "</main>"
	sendPage(w, []byte(text))
}

// sendPage sends a page whose style is its own.
func sendPage(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	send(w, "text/html; charset=utf-8", text)
}

func send(w http.ResponseWriter, media string, b []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // who reads no more needs no error
}
