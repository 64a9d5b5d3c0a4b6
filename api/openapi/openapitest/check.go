package openapitest

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Reporter is what of a test is told of an answer that is not as described.
type Reporter interface {
	Errorf(format string, args ...any)
}

// Watch has h answer, and tells t of every answer that is not as described.
func (d *Document) Watch(t Reporter, h http.Handler) http.Handler { return d.watch(t, h, false) }

// WatchInner is Watch of a listener that is not the callers'.
func (d *Document) WatchInner(t Reporter, h http.Handler) http.Handler { return d.watch(t, h, true) }

func (d *Document) watch(t Reporter, h http.Handler, inner bool) http.Handler {
	return watch(h, func(e *exchange) {
		if e.aborted {
			return
		}
		o := d.find(e.r, inner)
		name := e.r.Method + " at a path that is not described"
		if o != nil {
			name = o.Name()
		}
		if err := d.check(o, e); err != nil {
			t.Errorf("%s, answered %d: not as api/openapi.yaml has it: %v", name, e.status, err)
		}
	})
}

func (d *Document) check(o *Operation, e *exchange) error {
	if o == nil {
		if e.status == http.StatusNotFound || e.status == http.StatusMethodNotAllowed {
			return nil // in the words of the document's introduction; other tests look at it
		}
		return errors.New("nobody would know of it")
	}
	d.mu.Lock()
	d.seen[fmt.Sprintf("%s %d", o.Name(), e.status)]++
	d.mu.Unlock()
	answer := o.Responses.Value(strconv.Itoa(e.status))
	if answer == nil {
		return errors.New("the status is not described")
	}
	if err := answered(answer.Value, e); err != nil {
		return err
	}
	if e.status < 300 {
		return asked(o, e)
	}
	return nil
}

// telling are the headers that, beside those of every answer, are described with
// the answers that have them.
func telling(name string) bool {
	return strings.HasPrefix(name, "Custos-") || slices.Contains([]string{"Retry-After", "Www-Authenticate", "Location", "Set-Cookie",
		"Idempotency-Key", "Clear-Site-Data"}, name)
}

func answered(r *openapi3.Response, e *exchange) error {
	described := map[string]*openapi3.Header{}
	for name, h := range r.Headers {
		described[http.CanonicalHeaderKey(name)] = h.Value
	}
	for name := range e.header {
		if telling(name) && described[name] == nil {
			return fmt.Errorf("the header %s is not described", name)
		}
	}
	for name, h := range described {
		given := e.header.Values(name)
		if len(given) == 0 {
			if h.Required {
				return fmt.Errorf("the header %s is missing", name)
			}
			continue
		}
		if err := text(h.Schema.Value, given[0]); err != nil {
			return fmt.Errorf("the header %s: %w", name, err)
		}
	}
	form := e.header.Get("Content-Type")
	if len(r.Content) == 0 {
		if form != "" || len(e.got.text) > 0 {
			return errors.New("no body is described")
		}
		return nil
	}
	media := r.Content[form]
	if media == nil {
		return fmt.Errorf("%q is not among the described media types", form)
	}
	if e.r.Method == http.MethodHead {
		return nil
	}
	if err := content(form, media.Schema.Value, e.got); err != nil {
		return fmt.Errorf("the body: %w", err)
	}
	return nil
}

// asked looks at a request that was answered well.
func asked(o *Operation, e *exchange) error {
	query, err := url.ParseQuery(e.r.URL.RawQuery)
	if err != nil {
		return err
	}
	for name, given := range query {
		p := o.Parameters.GetByInAndName("query", name)
		if p == nil {
			return fmt.Errorf("it was asked with the query parameter %s, which is not described", name)
		}
		s := p.Schema.Value
		if s.Type.Is("array") {
			s = s.Items.Value
		}
		for _, v := range given {
			if err := text(s, v); err != nil {
				return fmt.Errorf("the query parameter %s: %w", name, err)
			}
		}
	}
	for _, p := range o.Parameters {
		switch p.Value.In {
		case "query":
			if p.Value.Required && !query.Has(p.Value.Name) {
				return fmt.Errorf("it was answered without the query parameter %s, which is described as required", p.Value.Name)
			}
		case "header":
			for _, v := range e.r.Header.Values(p.Value.Name) {
				if err := text(p.Value.Schema.Value, v); err != nil {
					return fmt.Errorf("the header parameter %s: %w", p.Value.Name, err)
				}
			}
		}
	}
	if len(e.sent.text) == 0 {
		if o.RequestBody != nil && o.RequestBody.Value.Required {
			return errors.New("it was answered without a body, which is described as required")
		}
		return nil
	}
	if o.RequestBody == nil {
		return errors.New("it was asked with a body, and none is described")
	}
	form, _, err := mime.ParseMediaType(e.r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	media := o.RequestBody.Value.Content[form]
	if media == nil {
		return fmt.Errorf("it was asked with %q, which is not described", form)
	}
	if strings.HasSuffix(form, "xml") {
		return nil // a message that cannot be read is answered too, by one that says so
	}
	if err := content(form, media.Schema.Value, e.sent); err != nil {
		return fmt.Errorf("the request's body: %w", err)
	}
	return nil
}

// content holds a body to a schema. Of one that is too long to be looked at
// whole, only its form is known.
func content(form string, s *openapi3.Schema, b body) error {
	if b.more {
		return nil
	}
	media, _, err := mime.ParseMediaType(form)
	if err != nil {
		return err
	}
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		var v any
		if err := json.Unmarshal(b.text, &v); err != nil {
			return err
		}
		return visit(s, v)
	case media == "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(b.text))
		if err != nil {
			return err
		}
		v := map[string]any{}
		for name, given := range values {
			v[name] = given[0]
		}
		return visit(s, v)
	case strings.HasSuffix(media, "xml"):
		d := xml.NewDecoder(strings.NewReader(string(b.text)))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	case media == "text/csv" && s.Format == "csv":
		_, err := csv.NewReader(strings.NewReader(string(b.text))).ReadAll()
		return err
	case s.Format == "binary":
		return nil
	}
	return visit(s, string(b.text))
}

// text holds a parameter or a header to its schema.
func text(s *openapi3.Schema, v string) error {
	switch {
	case s.Type.Is("integer"), s.Type.Is("number"):
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return errors.New("it is not a number")
		}
		return visit(s, n)
	case s.Type.Is("boolean"):
		b, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("it is not true or false")
		}
		return visit(s, b)
	}
	return visit(s, v)
}

// visit says where a value is not as its schema has it, and not what it is: the
// value may be somebody's.
func visit(s *openapi3.Schema, v any) error {
	err := s.VisitJSON(v)
	var where *openapi3.SchemaError
	if errors.As(err, &where) {
		return fmt.Errorf("%s, at /%s", where.Reason, strings.Join(where.JSONPointer(), "/"))
	}
	return err
}
