package api

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// facts are what a ledger says happened, one line an entry, with everything that
// an event says but for what every run has anew: times, and ids that are random.
// Entries are named by their place among the facts. What is no fact about anybody
// is left out: that a state was recorded, and that an answer was shown again.
func (w *world) facts(from ledger.Seq) (out []string, again int) {
	w.t.Helper()
	place := map[ledger.Seq]int{}
	var all []ledger.Entry
	for _, e := range w.since(from) {
		switch e.Kind {
		case ledger.KindStateRecorded:
		case ledger.KindReopened:
			again++
		default:
			place[e.Seq] = 1 + len(all)
			all = append(all, e)
		}
	}
	for _, e := range all {
		line := fmt.Sprintf("%d %s", place[e.Seq], e.Kind)
		if e.Person != nil {
			line += fmt.Sprintf(" of %x, link %d", e.Person.Ref[:4], e.Person.N)
		}
		if e.Actor != nil {
			line += fmt.Sprintf(" by %s at %s", e.Actor.Subject, e.Actor.Organisation)
		}
		line += fmt.Sprintf(" sealed %d ", len(e.Commitments))
		out = append(out, line+w.told(reflect.ValueOf(e.Event), place))
	}
	return out, again
}

var anew = []any{ledger.ID{}, ledger.Time(0), ledger.Hash{}}

// told writes a value without what is anew.
func (w *world) told(v reflect.Value, place map[ledger.Seq]int) string {
	for _, a := range anew {
		if v.Type() == reflect.TypeOf(a) {
			return "-"
		}
	}
	switch x := v.Interface().(type) {
	case ledger.Seq:
		n, ok := place[x]
		require.True(w.t, ok || x == 0, "entry %d is named and is no fact", x)
		return fmt.Sprint("#", n)
	case fmt.Stringer:
		if v.Kind() != reflect.Pointer && v.Kind() != reflect.Struct {
			return x.String()
		}
	}
	var parts []string
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return w.told(v.Elem(), place)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !v.Field(i).IsZero() {
				parts = append(parts, v.Type().Field(i).Name+"="+w.told(v.Field(i), place))
			}
		}
		return "{" + strings.Join(parts, " ") + "}"
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, w.told(v.Index(i), place))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return fmt.Sprint(v.Interface())
}
