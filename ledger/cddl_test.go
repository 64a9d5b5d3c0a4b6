package ledger

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const cddlFile = "../docs/ledger.cddl"

// Every kind, request and field of the program stands in the CDDL file with
// its number and with whether it may be left out, and nothing else does.
func TestTheCDDLIsTheProgram(t *testing.T) {
	source, err := os.ReadFile(cddlFile)
	require.NoError(t, err)
	text := string(source)
	fields := cddlMaps(text)
	want := map[string]reflect.Type{}
	numbers := map[string]string{}
	for k, fresh := range events {
		rule := reach(want, reflect.TypeOf(fresh()).Elem())
		numbers[fmt.Sprintf("event %d", k)] = rule
	}
	for k, fresh := range requests {
		rule := reach(want, reflect.TypeOf(fresh()).Elem())
		numbers[fmt.Sprintf("request %d", k)] = rule
	}
	for _, part := range []any{Actor{}, Sealed{}, WrappedKey{}, PlanDetails{}, AccessDetails{}, ProfileDetails{}, RowDetails{}, NoteDetails{}, AppointmentDetails{}, LinkDetails{}} {
		reach(want, reflect.TypeOf(part))
	}
	for _, m := range regexp.MustCompile(`(?m)^; ((?:event|request) \d+)\n([a-z-]+) = \{`).FindAllStringSubmatch(text, -1) {
		require.Equal(t, numbers[m[1]], m[2], m[1])
		delete(numbers, m[1])
	}
	require.Empty(t, numbers, "no rule for these in %s", cddlFile)
	for rule, typ := range want {
		require.Equal(t, goFields(typ), fields[rule], "rule %s and type %s", rule, typ)
		delete(fields, rule)
	}
	require.Len(t, fields, 1, "rules that no type has")
	require.Contains(t, fields, "entry")
	entry := map[string]bool{}
	for key := keyFormat; key <= keyCommitments; key++ {
		entry[fmt.Sprint(key)] = key > keyBody
	}
	require.Equal(t, entry, fields["entry"])
	for k, fresh := range events {
		require.Regexp(t, `(?s)\nevent = [^\n]*?(\n[^\n]*?)*?\b`+kebab(reflect.TypeOf(fresh()).Elem().Name())+`\b`, text, "kind %d", k)
	}
	for _, r := range append(Roles(), RoleSystem) {
		require.Contains(t, text, fmt.Sprintf("%s: %d", r, r))
	}
	require.Contains(t, text, fmt.Sprintf("action = 1..%d\n", actionEnd-1))
}

// reach adds a struct and every struct within it, and returns its rule's name.
func reach(into map[string]reflect.Type, t reflect.Type) string {
	rule := kebab(t.Name())
	if _, ok := into[rule]; ok {
		return rule
	}
	into[rule] = t
	for i := range t.NumField() {
		f := t.Field(i).Type
		if f.Kind() == reflect.Slice {
			f = f.Elem()
		}
		if f.Kind() == reflect.Struct {
			reach(into, f)
		}
	}
	return rule
}

// goFields maps each field's number to whether it may be left out.
func goFields(t reflect.Type) map[string]bool {
	out := map[string]bool{}
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("cbor"); tag != "" {
			out[strings.Split(tag, ",")[0]] = strings.Contains(tag, "omit")
		}
	}
	return out
}

func cddlMaps(text string) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, m := range regexp.MustCompile(`(?ms)^([a-z-]+) = \{\n(.*?)^\}`).FindAllStringSubmatch(text, -1) {
		fields := map[string]bool{}
		for _, f := range regexp.MustCompile(`(?m)^  (\? )?(\d+) =>`).FindAllStringSubmatch(m[2], -1) {
			fields[f[2]] = f[1] != ""
		}
		out[m[1]] = fields
	}
	return out
}

func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func TestKebab(t *testing.T) { require.Equal(t, "log-opened", kebab("LogOpened")) }
