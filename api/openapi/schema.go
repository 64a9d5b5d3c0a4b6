package openapi

import (
	"html"
	"html/template"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schema is a component, with the fields of what lies in it.
type schema struct {
	Name, Text string
	Type       template.HTML // empty: an object, whose fields say everything
	Fields     []field
}

type field struct {
	Name, Text string
	Required   bool
	Type       template.HTML
}

func (d *Document) schema(m member) schema {
	s := schema{Name: m.name, Text: d.word(m.value, "description")}
	if s.Fields = d.fields(m.value, ""); d.at(m.value, "properties") == nil {
		s.Type = d.typeOf(m.value)
	}
	return s
}

// fields lists those of an object and of the objects in it, whose names are put behind its own.
func (d *Document) fields(n *yaml.Node, within string) (out []field) {
	required := map[string]bool{}
	for _, r := range d.items(n, "required") {
		required[r.Value] = true
	}
	for _, m := range d.members(n, "properties") {
		f := field{Name: within + m.name, Required: required[m.name], Type: d.typeOf(m.value)}
		if reference(m.value) == "" {
			f.Text = d.word(m.value, "description")
		}
		out = append(out, f)
		switch inner := m.value; {
		case reference(inner) != "":
		case d.word(inner, "type") == "object":
			out = append(out, d.fields(inner, f.Name+".")...)
		case d.word(inner, "type") == "array" && reference(d.raw(inner, "items")) == "":
			out = append(out, d.fields(d.raw(inner, "items"), f.Name+"[].")...)
		}
	}
	return out
}

// typeOf says in few words what a value is. What has a name leads there.
func (d *Document) typeOf(n *yaml.Node) template.HTML {
	if n == nil {
		return ""
	}
	return template.HTML(d.typeText(n)) //nolint:gosec // made here, of escaped parts
}

func (d *Document) typeText(n *yaml.Node) string {
	if name := html.EscapeString(reference(n)); name != "" {
		return `<a href="#schema-` + name + `">` + name + `</a>`
	}
	for _, many := range []struct{ name, with string }{{"oneOf", " or "}, {"allOf", " with "}} {
		if all := d.items(n, many.name); all != nil {
			var parts []string
			for _, one := range all {
				if t := d.typeText(one); t != "object" {
					parts = append(parts, t)
				}
			}
			return strings.Join(parts, many.with)
		}
	}
	kind := d.word(n, "type")
	if all := d.items(n, "enum"); len(all) > 0 {
		var words []string
		for _, one := range all {
			word := one.Value
			if word == "" {
				word = `""`
			}
			words = append(words, "<code>"+html.EscapeString(word)+"</code>")
		}
		return strings.Join(words, ", ")
	}
	if kind == "array" {
		return "list of " + d.typeText(d.raw(n, "items"))
	}
	text := html.EscapeString(kind)
	if format := d.word(n, "format"); format != "" {
		text += " (" + html.EscapeString(format) + ")"
	}
	if least, most := d.bound(n, "minimum", "minLength", "minItems"), d.bound(n, "maximum", "maxLength", "maxItems"); least != "" || most != "" {
		text += " " + html.EscapeString(least+"…"+most)
	}
	if pattern := d.word(n, "pattern"); pattern != "" && d.word(n, "format") == "" {
		text += " <code>" + html.EscapeString(pattern) + "</code>"
	}
	if d.word(n, "nullable") == "true" {
		text += " or null"
	}
	return text
}

func (d *Document) bound(n *yaml.Node, names ...string) string {
	for _, name := range names {
		if v := d.word(n, name); v != "" {
			return v
		}
	}
	return ""
}
