package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/tools"
)

// The registers of schools and organisations are sent by a command, as often as one likes.
func TestRegistersAreSent(t *testing.T) {
	o := newOffice(t)
	run := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		code := tools.Main(append([]string{"register"}, args...), &out, &errs)
		require.Equalf(t, want, code, "%s\n%s", &out, &errs)
		require.NotContains(t, out.String()+errs.String(), strings.TrimSpace(o.read("T_OPERATOR")))
		return out.String() + errs.String()
	}
	at := []string{"--url", o.url, "--token-file", o.path("T_OPERATOR")}
	gias := o.write("gias.csv", "URN,LA (code),EstablishmentName,CloseDate\n199999,"+o.authority+",Hollerton Primary,\n199998,000,Elsewhere,\n")
	out := run(0, append([]string{"schools", gias}, at...)...)
	require.Contains(t, out, "2 rows: 2 recorded, 0 unchanged, 0 rejected\n1 lie in no authority")
	require.Contains(t, run(0, append([]string{"schools", gias}, at...)...), "2 rows: 0 recorded, 2 unchanged")
	line := `"Y9%","SURGERY` + strings.Repeat(`","`, 25) + `"` + "\n"
	ods := o.write("ods.csv", strings.ReplaceAll(line, "%", "0001")+strings.ReplaceAll(line, "%", "-"))
	out = run(3, append([]string{"organisations", ods}, at...)...)
	require.Contains(t, out, "2 rows: 1 recorded, 0 unchanged, 1 rejected")
	require.Contains(t, out, "code-format")
	require.Contains(t, run(2, append([]string{"organisations", ods, "--sort", "school"}, at...)...), "query-parameter")
	require.Contains(t, run(6, "schools", gias, "--url", o.url, "--token-file", o.path("T_CLINICIAN")), "role-not-permitted")
	run(3, append([]string{"schools", o.path("none.csv")}, at...)...)
	run(2, append([]string{"schools"}, at...)...)
}
