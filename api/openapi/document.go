// Package openapi shows an OpenAPI document that is kept by hand as YAML: as
// JSON for programs, and as one page for people, without script and without
// anything from another host.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is a document in the order in which it was written.
type Document struct{ root *yaml.Node }

// Parse reads a document. Whether it is valid OpenAPI is for tests to say.
func Parse(text []byte) (*Document, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	if n.Kind != yaml.DocumentNode || n.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the OpenAPI document is no mapping")
	}
	return &Document{n.Content[0]}, nil
}

// JSON is the same document as JSON.
func (d *Document) JSON() ([]byte, error) {
	var b bytes.Buffer
	err := writeJSON(&b, d.root)
	return b.Bytes(), err
}

// writeJSON writes a node with its members in their order.
func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			b.WriteByte("{,"[min(i, 1)])
			if err := writeValue(b, n.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		if len(n.Content) == 0 {
			b.WriteByte('{')
		}
		b.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, c); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		var v any
		if err := n.Decode(&v); err != nil {
			return err
		}
		if n.Tag == "!!timestamp" { // a date that nobody put into quotation marks
			v = n.Value
		}
		return writeValue(b, v)
	}
	return fmt.Errorf("line %d: JSON has no such thing", n.Line)
}

func writeValue(b *bytes.Buffer, v any) error {
	text, err := json.Marshal(v)
	b.Write(text)
	return err
}

// at is the value behind names, nil if there is none. What is a reference is
// followed.
func (d *Document) at(n *yaml.Node, names ...string) *yaml.Node {
	n = d.followed(n)
	for _, name := range names {
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var next *yaml.Node
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				next = n.Content[i+1]
			}
		}
		n = d.followed(next)
	}
	return n
}

// reference is the name of the component that a node refers to; empty: none.
func reference(n *yaml.Node) string {
	if n != nil && n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "$ref" {
		return n.Content[1].Value[strings.LastIndexByte(n.Content[1].Value, '/')+1:]
	}
	return ""
}

func (d *Document) followed(n *yaml.Node) *yaml.Node {
	if reference(n) == "" {
		return n
	}
	return d.at(d.root, strings.Split(strings.TrimPrefix(n.Content[1].Value, "#/"), "/")...)
}

// word is the scalar behind names; empty if there is none.
func (d *Document) word(n *yaml.Node, names ...string) string {
	if n = d.at(n, names...); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// member is a name with its value.
type member struct {
	name  string
	value *yaml.Node
}

// members are those of the mapping behind names, in their order.
func (d *Document) members(n *yaml.Node, names ...string) (out []member) {
	if n = d.at(n, names...); n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		out = append(out, member{n.Content[i].Value, n.Content[i+1]})
	}
	return out
}

// items are those of the sequence behind names.
func (d *Document) items(n *yaml.Node, names ...string) []*yaml.Node {
	if n = d.at(n, names...); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}
