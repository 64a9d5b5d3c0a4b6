// Package openapitest holds a service to its OpenAPI document: every answer
// that tests see, and every request that was answered well, is as it is described.
// It is for tests alone.
package openapitest

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// Document is a description, with what was seen of it.
type Document struct {
	T          *openapi3.T
	operations []*Operation

	mu   sync.Mutex
	seen map[string]int // by Operation.Name, a space and the status
}

// Operation is one method of one path.
type Operation struct {
	*openapi3.Operation
	Method, Path string
	Parameters   openapi3.Parameters // the path's and its own

	path  *regexp.Regexp
	inner bool // it has a listener of its own
}

// Name is the method and the path.
func (o *Operation) Name() string { return o.Method + " " + o.Path }

// Load reads a document and wants it to be valid OpenAPI, its examples too.
func Load(text []byte) (*Document, error) {
	loader := openapi3.NewLoader()
	t, err := loader.LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	if err := t.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("the OpenAPI document is not valid: %w", err)
	}
	d := &Document{T: t, seen: map[string]int{}}
	for path, item := range t.Paths.Map() {
		for method, op := range item.Operations() {
			o := &Operation{Operation: op, Method: method, Path: path, inner: len(item.Servers) > 0}
			o.Parameters = append(append(o.Parameters, item.Parameters...), op.Parameters...)
			o.path = o.template()
			d.operations = append(d.operations, o)
		}
	}
	// A path that is spelled out comes before one with a variable, and a longer one before a shorter.
	slices.SortFunc(d.operations, func(a, b *Operation) int {
		if n := strings.Count(a.Path, "{") - strings.Count(b.Path, "{"); n != 0 {
			return n
		}
		if n := len(b.Path) - len(a.Path); n != 0 {
			return n
		}
		return strings.Compare(a.Name(), b.Name())
	})
	return d, nil
}

// Operations are all of them.
func (d *Document) Operations() []*Operation { return d.operations }

// template makes the expression of a path. A variable holds a slash if its
// description's pattern has one.
func (o *Operation) template() *regexp.Regexp {
	text := regexp.QuoteMeta(o.Path)
	for _, p := range o.Parameters {
		if p.Value.In != "path" {
			continue
		}
		one := "[^/]+"
		if pattern := p.Value.Schema.Value.Pattern; strings.Contains(pattern, "/") {
			one = "(?:" + strings.Trim(pattern, "^$") + ")"
		}
		text = strings.ReplaceAll(text, regexp.QuoteMeta("{"+p.Value.Name+"}"), one)
	}
	return regexp.MustCompile("^" + text + "$")
}

// Open reports whether it asks for no token.
func (o *Operation) Open() bool { return o.Security != nil && len(*o.Security) == 0 }

// find is the operation that a request asks for, nil if none is described. A
// HEAD is what a GET without a token would be, without a body.
func (d *Document) find(r *http.Request, inner bool) *Operation {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if r.URL.RawPath != "" { // no path of ours is spelled like that
		return nil
	}
	for _, o := range d.operations {
		if o.Method == method && (inner || !o.inner) && (method == r.Method || o.Open()) && o.path.MatchString(r.URL.Path) {
			return o
		}
	}
	return nil
}
