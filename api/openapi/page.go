package openapi

import (
	"bytes"
	_ "embed" // the page
	"encoding/json"
	"html"
	"html/template"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what the template shows.
type page struct {
	Title   string
	About   []template.HTML
	Groups  []*group
	Schemas []schema
}

type group struct {
	Name, Text, Anchor string
	Operations         []operation
}

type operation struct {
	Method, Path, Anchor, Summary, Text string
	Open                                bool   // it asks for no token
	Server                              string // where, if not where the others are
	Parameters                          []parameter
	Body                                []media
	Optional                            bool // the body may be left out
	Answers                             []answer
}

type parameter struct {
	Name, In, Text string
	Required       bool
	Type           template.HTML
	Example        string
}

type media struct {
	Form    string
	Type    template.HTML
	Example string
}

type answer struct {
	Status, Text string
	Good         bool
	Headers      []string
	Media        []media
}

// Page renders the document as HTML.
func (d *Document) Page() ([]byte, error) {
	p := page{Title: d.word(d.root, "info", "title")}
	for _, text := range strings.Split(strings.TrimSpace(d.word(d.root, "info", "description")), "\n\n") {
		p.About = append(p.About, prose(text))
	}
	of := map[string]*group{}
	for _, t := range d.items(d.root, "tags") {
		g := &group{Name: d.word(t, "name"), Text: d.word(t, "description")}
		g.Anchor = "group-" + anchor(g.Name)
		of[g.Name] = g
		p.Groups = append(p.Groups, g)
	}
	for _, path := range d.members(d.root, "paths") {
		for _, m := range d.members(path.value) {
			if m.name == "parameters" || m.name == "servers" {
				continue
			}
			for _, tag := range d.items(m.value, "tags") {
				if g := of[tag.Value]; g != nil {
					g.Operations = append(g.Operations, d.operation(path, m))
				}
			}
		}
	}
	for _, s := range d.members(d.root, "components", "schemas") {
		p.Schemas = append(p.Schemas, d.schema(s))
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, p)
	return b.Bytes(), err
}

func (d *Document) operation(path, m member) operation {
	o := operation{Method: strings.ToUpper(m.name), Path: path.name, Anchor: d.word(m.value, "operationId"),
		Summary: d.word(m.value, "summary"), Text: d.word(m.value, "description"), Server: d.word(first(d.items(path.value, "servers")), "description")}
	security := d.at(m.value, "security")
	o.Open = security != nil && len(security.Content) == 0
	for _, n := range append(append([]*yaml.Node{}, d.items(path.value, "parameters")...), d.items(m.value, "parameters")...) {
		o.Parameters = append(o.Parameters, parameter{Name: d.word(n, "name"), In: d.word(n, "in"), Text: d.word(n, "description"),
			Required: d.word(n, "required") == "true", Type: d.typeOf(d.raw(n, "schema")), Example: d.example(n)})
	}
	o.Body = d.media(m.value, "requestBody")
	o.Optional = d.word(m.value, "requestBody", "required") != "true"
	for _, r := range d.members(m.value, "responses") {
		a := answer{Status: r.name, Text: d.word(r.value, "description"), Good: r.name < "400", Media: d.media(r.value)}
		for _, h := range d.members(r.value, "headers") {
			a.Headers = append(a.Headers, h.name)
		}
		o.Answers = append(o.Answers, a)
	}
	return o
}

func (d *Document) media(n *yaml.Node, names ...string) (out []media) {
	for _, c := range d.members(n, append(names, "content")...) {
		out = append(out, media{Form: c.name, Type: d.typeOf(d.raw(c.value, "schema")), Example: d.example(c.value)})
	}
	return out
}

// example is that of a node, as it would be sent.
func (d *Document) example(n *yaml.Node) string {
	e := d.at(n, "example")
	switch {
	case e == nil:
		return ""
	case e.Kind == yaml.ScalarNode:
		return e.Value
	}
	var one, out bytes.Buffer
	if writeJSON(&one, e) != nil || json.Indent(&out, one.Bytes(), "", "  ") != nil {
		return "" // a test wants every example on the page
	}
	return out.String()
}

// raw is a member that may be a reference, and is not followed.
func (d *Document) raw(n *yaml.Node, name string) *yaml.Node {
	for _, m := range d.members(n) {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func first(all []*yaml.Node) *yaml.Node {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

var (
	notPlain = regexp.MustCompile(`[^a-z0-9]+`)
	bold     = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	code     = regexp.MustCompile("`([^`]+)`")
	link     = regexp.MustCompile(`\[([^\]]+)\]\((/[^)]*)\)`) // to pages of this service
)

func anchor(s string) string {
	return strings.Trim(notPlain.ReplaceAllString(strings.ToLower(s), "-"), "-")
}

// prose turns the few marks of CommonMark that our text has into HTML.
func prose(text string) template.HTML {
	out := html.EscapeString(text)
	out = bold.ReplaceAllString(out, "<b>$1</b>")
	out = code.ReplaceAllString(out, "<code>$1</code>")
	return template.HTML(link.ReplaceAllString(out, `<a href="$2">$1</a>`)) //nolint:gosec // escaped above, and our own
}
