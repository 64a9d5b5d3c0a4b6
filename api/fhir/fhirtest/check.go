// Package fhirtest checks FHIR R4 resources in JSON against what base R4 says
// of their elements, from a table that was written down apart from the types
// that make them.
package fhirtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// element is one line of a definition.
type element struct {
	name     string
	required bool
	many     bool
	kind     string         // a type of the table, Resource, or a primitive
	value    *regexp.Regexp // of a primitive
}

var table = sync.OnceValue(func() map[string][]element {
	out := make(map[string][]element)
	for name, text := range definitions {
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) == 0 {
				continue
			}
			e := element{name: f[0], required: f[1][0] == '1', many: strings.HasSuffix(f[1], "*"), kind: f[2]}
			pattern, primitive := primitives[e.kind]
			if !primitive && definitions[e.kind] == "" && e.kind != "Resource" {
				pattern, primitive = strings.ReplaceAll(regexp.QuoteMeta(e.kind), `\|`, "|"), true
			}
			if primitive {
				e.value = regexp.MustCompile(`^(?:` + pattern + `)$`)
			}
			out[name] = append(out[name], e)
		}
	}
	return out
})

// checker gathers what is wrong.
type checker struct{ wrong []string }

func (c *checker) add(path, format string, args ...any) {
	c.wrong = append(c.wrong, path+": "+fmt.Sprintf(format, args...))
}

// Check lists what is wrong with a resource, by the paths of its elements.
func Check(resource []byte) []string {
	d := json.NewDecoder(bytes.NewReader(resource))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return []string{"not JSON: " + err.Error()}
	}
	var c checker
	c.resource("", v)
	return c.wrong
}

func (c *checker) resource(path string, v any) {
	o, ok := v.(map[string]any)
	if !ok {
		c.add(path, "not a resource")
		return
	}
	name, ok := o["resourceType"].(string)
	if _, known := table()[name]; !ok || !known {
		c.add(path, "its resourceType is not one that is emitted")
		return
	}
	if path == "" {
		path = name
	}
	c.object(path, name, o)
	switch name {
	case "Bundle":
		c.bundle(path, o)
	case "CapabilityStatement":
		if o["kind"] == "instance" && o["implementation"] == nil {
			c.add(path, "cpb-14: an instance says which implementation it is")
		}
	}
}

func (c *checker) object(path, kind string, o map[string]any) {
	elements := table()[kind]
	for name := range o {
		if name != "resourceType" && !slices.ContainsFunc(elements, func(e element) bool { return e.name == name }) {
			c.add(path+"."+name, "is no element of %s", kind)
		}
	}
	if len(o) == 0 {
		c.add(path, "ele-1: an element has a value or children")
	}
	if kind == "Extension" && len(o) != 2 {
		c.add(path, "ext-1: an extension has one value")
	}
	if kind == "Reference" && o["reference"] == nil && o["identifier"] == nil && o["display"] == nil {
		c.add(path, "a reference refers to something")
	}
	if kind == "ContactPoint" && o["value"] != nil && o["system"] == nil {
		c.add(path, "cpt-2: a value has a system")
	}
	for _, e := range elements {
		at := path + "." + e.name
		v, ok := o[e.name]
		switch list, isList := v.([]any); {
		case !ok && e.required:
			c.add(at, "is required")
		case !ok:
		case isList != e.many:
			c.add(at, "is a list, or is none, against its cardinality")
		case isList && len(list) == 0:
			c.add(at, "is an empty list")
		case isList:
			for i := range list {
				c.value(fmt.Sprintf("%s[%d]", at, i), e, list[i])
			}
		default:
			c.value(at, e, v)
		}
	}
}

func (c *checker) value(path string, e element, v any) {
	if e.kind == "Resource" {
		c.resource(path, v)
		return
	}
	if e.value == nil {
		if o, ok := v.(map[string]any); ok {
			c.object(path, e.kind, o)
		} else {
			c.add(path, "is no %s", e.kind)
		}
		return
	}
	text, isText := v.(string)
	_, isBoolean := v.(bool)
	_, isNumber := v.(json.Number)
	plain := e.kind == "boolean" || e.kind == "unsignedInt" || e.kind == "integer"
	switch {
	case !isText && !isBoolean && !isNumber, isText == plain, isBoolean != (e.kind == "boolean"):
		c.add(path, "is no %s in JSON", e.kind)
	case isText && !e.value.MatchString(text), !isText && !e.value.MatchString(fmt.Sprint(v)):
		c.add(path, "its value is no %s", e.kind)
	}
}

// bundle checks what base R4 demands of a bundle beyond its elements.
func (c *checker) bundle(path string, o map[string]any) {
	search := o["type"] == "searchset"
	if o["total"] != nil && !search {
		c.add(path, "bdl-1: only a searchset has a total")
	}
	matches := 0
	urls := map[any]bool{}
	references := map[string]bool{}
	entries, _ := o["entry"].([]any)
	for i := range entries {
		e, _ := entries[i].(map[string]any)
		at := fmt.Sprintf("%s.entry[%d]", path, i)
		if e["resource"] == nil {
			c.add(at, "bdl-5: an entry has a resource")
		}
		if (e["search"] != nil) != search {
			c.add(at, "bdl-2: only a searchset's entries say why they are there")
		}
		if s, ok := e["search"].(map[string]any); ok && s["mode"] == "match" {
			matches++
		}
		if url := e["fullUrl"]; url != nil {
			if urls[url] {
				c.add(at, "bdl-7: two entries have one fullUrl")
			}
			urls[url] = true
			r, _ := e["resource"].(map[string]any)
			name := fmt.Sprint(r["resourceType"], "/", r["id"])
			if !strings.HasSuffix(fmt.Sprint(url), "/"+name) {
				c.add(at, "its fullUrl is not of its resource")
			}
			references[name] = true
		}
	}
	if search && fmt.Sprint(o["total"]) != fmt.Sprint(matches) {
		c.add(path, "its total is not how many matches it has")
	}
	for i := range entries {
		c.resolve(fmt.Sprintf("%s.entry[%d]", path, i), entries[i], references)
	}
}

// resolve wants what a relative reference names to stand in the bundle. The
// patient is the one whom the caller asked for, and stands in none.
func (c *checker) resolve(path string, v any, have map[string]bool) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			c.resolve(fmt.Sprintf("%s[%d]", path, i), v[i], have)
		}
	case map[string]any:
		for name, x := range v {
			if r, ok := x.(string); ok && name == "reference" && r != "#" && !strings.HasPrefix(r, "Patient/") && !have[r] {
				c.add(path, "what it refers to is not in the bundle")
			}
			c.resolve(path+"."+name, x, have)
		}
	}
}
