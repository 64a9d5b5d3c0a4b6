package tools

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"custos/ledger"
)

// plain turns an event, a request or an actor into what JSON shows of it: field
// names in camel case, identifiers, tags, references and hashes in hexadecimal,
// times and days as text, names for what has one. Zero fields are left out.
func plain(v reflect.Value) any {
	if v.IsValid() && v.CanInterface() {
		switch x := v.Interface().(type) {
		case ledger.Hash:
			return hex.EncodeToString(x[:])
		case fmt.Stringer:
			if v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
				return x.String()
			}
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				out[camel(f.Name)] = plain(v.Field(i))
			}
		}
		return out
	case reflect.Array:
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		return hex.EncodeToString(b)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return base64.StdEncoding.EncodeToString(v.Bytes())
		}
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	}
	return v.Interface()
}

// camel writes a Go name as JSON has it: NHSNumber is nhsNumber, ID is id.
func camel(name string) string {
	r := []rune(name)
	n := 0
	for n < len(r) && unicode.IsUpper(r[n]) {
		n++
	}
	if n > 1 && n < len(r) {
		n--
	}
	return strings.ToLower(string(r[:n])) + string(r[n:])
}
