package api

import (
	"bytes"
	"reflect"
	"strings"
)

// shape is what the decoder knows of a Go type; it is worked out once per type.
type shape struct {
	kind     reflect.Kind
	elem     *shape // of a pointer or slice
	fields   []shapeField
	required uint64 // bit i: fields[i]
	open     bool
	single   bool // a slice that may be written as its one element
}

// oneOrMore is a list of strings that may be written as one string, as a token's aud.
type oneOrMore []string

type shapeField struct {
	name  string
	index int
	shape *shape
}

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{kind: t.Kind()}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
	case reflect.Pointer, reflect.Slice:
		s.elem = shapeOf(t.Elem())
		s.single = t == reflect.TypeFor[oneOrMore]()
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			tag := f.Tag.Get("strict")
			if f.Name == "_" {
				s.open = s.open || tag == "open"
				continue
			}
			if tag == "-" {
				continue // ours: no document can set it
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "" || name == "-" || len(s.fields) == 64 {
				panic("strict JSON: " + t.String() + "." + f.Name + " cannot be decoded")
			}
			if tag == "required" {
				s.required |= 1 << len(s.fields)
			}
			s.fields = append(s.fields, shapeField{name: name, index: i, shape: shapeOf(f.Type)})
		}
	default:
		panic("strict JSON: " + t.String() + " cannot be decoded")
	}
	shapes.Store(t, s)
	return s
}

func (s *shape) field(name []byte) int {
	for i := range s.fields {
		if s.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

// likeKnown tells whether name is a known field's in other letters: encoding/json, and with it many a
// reader after us, would take it for that field.
func (s *shape) likeKnown(name []byte) bool {
	for i := range s.fields {
		if bytes.EqualFold([]byte(s.fields[i].name), name) {
			return true
		}
	}
	return false
}

func likeAny(others [][]byte, name []byte) bool {
	for _, o := range others {
		if bytes.EqualFold(o, name) {
			return true
		}
	}
	return false
}
