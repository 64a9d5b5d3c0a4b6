package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/tools"
	"custos/tools/synthetic"
)

// An operator rolls out by custos-tools against a real node; what it shows of
// any day is what a copy of the folder shows offline.
func TestThePolicyCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	o := newOffice(t)
	policy := func(want int, who string, args ...string) (string, string) {
		t.Helper()
		if who != "" {
			args = append(args, "--url", o.url, "--token-file", o.path(who))
		}
		var out, errs bytes.Buffer
		require.Equalf(t, want, tools.Main(append([]string{"policy"}, args...), &out, &errs), "%s\n%s", &out, &errs)
		require.NotContains(t, out.String()+errs.String(), strings.TrimSpace(o.read("T_OPERATOR")))
		require.NotContains(t, out.String()+errs.String(), "canary")
		return out.String(), errs.String()
	}
	today := ledger.Of(time.Now()).Day()
	out, _ := policy(0, "T_OPERATOR", "show")
	require.Contains(t, out, "no place says anything")
	set := func(place string, from ledger.Day, more ...string) {
		t.Helper()
		out, _ := policy(0, "T_OPERATOR", append([]string{"set", "--place", place, "--from", from.String(), "--reason", "canary"}, more...)...)
		require.Regexp(t, `^recorded as entry \d+; it holds from `+from.String()+"\n$", out)
	}
	set(ledger.Nation, today, "--live", "no", "--roles", "clinician,scheduled-clinician")
	set(synthetic.Hospital, today+7, "--live", "yes", "--links", "yes", "--dpia", "DPIA 7", "--link-days", "90", "--roles", "inherit")
	out, _ = policy(0, "T_SCHOOL_NURSE", "show", "--place", synthetic.Emergency)
	require.Regexp(t, `^RZ901 Fable General Hospital, Emergency Department on `+today.String()+`, as of \d+ entries
not live; live from `+(today+7).String()+`
ITEM     HOLDS                          WHOSE WORD +SINCE +ENTRY
live     no                             E92000001 England +`+today.String()+` +\d+
setting  unscheduled                    RZ901 Fable General Hospital, Emergency Department, its record +
notify   yes                            nobody's: the default +
history  yes                            nobody's: the default +
roles    clinician scheduled-clinician  E92000001 England +`+today.String()+` +\d+
ended    no                             nobody's: the default +
links    no                             nobody's: the default +
$`, out)
	out, _ = policy(0, "T_OPERATOR", "show")
	require.Regexp(t, `(?m)^RZ9 .* `+(today+7).String()+`  live yes, roles inherit, links yes \(DPIA 7\), for 90 days `, out)

	// Refused, with the service's code, and nothing of it recorded.
	_, errs := policy(2, "T_OPERATOR", "set", "--place", synthetic.Hospital, "--from", (today - 1).String(), "--reason", "canary", "--live", "yes")
	require.Contains(t, errs, "400 policy-in-the-past")
	_, errs = policy(2, "T_OPERATOR", "set", "--place", synthetic.Hospital, "--from", today.String(), "--reason", "canary", "--live", "canary")
	require.Contains(t, errs, "400 field-value")
	require.Contains(t, errs, "at /live")
	_, errs = policy(6, "T_CLINICIAN", "set", "--place", synthetic.Hospital, "--from", today.String(), "--reason", "canary", "--live", "yes")
	require.Contains(t, errs, "role-not-permitted")
	_, errs = policy(2, "T_OPERATOR", "set", "--place", "NOWHERE", "--from", today.String(), "--reason", "canary", "--live", "yes")
	require.Contains(t, errs, "404 not-found")
	_, errs = policy(2, "T_OPERATOR", "set", "--place", synthetic.Hospital)
	require.Contains(t, errs, "missing --from, --reason")
	_, errs = policy(2, "T_OPERATOR", "show", "--on", today.String())
	require.Contains(t, errs, "give --place")
	policy(2, "T_OPERATOR", "show", "--place", synthetic.Emergency, "--on", "tomorrow")
	policy(2, "", "show")

	// Online and offline, the same; of a day before, what was known then.
	online := map[ledger.Day]string{}
	for _, on := range []ledger.Day{today, today + 6, today + 7} {
		online[on], _ = policy(0, "T_AUDITOR", "show", "--place", synthetic.Emergency, "--on", on.String(), "-o", "json")
	}
	list, _ := policy(0, "T_AUDITOR", "show", "-o", "json")
	o.stop()
	same := func(want, got string) {
		t.Helper()
		var a, b map[string]any
		require.NoError(t, json.Unmarshal([]byte(want), &a))
		require.NoError(t, json.Unmarshal([]byte(got), &b))
		require.NotEmpty(t, a["asOf"])
		a["asOf"], b["asOf"] = nil, nil // the offline copy is later by what was denied
		require.Equal(t, a, b)
	}
	for on, want := range online {
		got, _ := policy(0, "", "show", "--data", o.data, "--place", synthetic.Emergency, "--on", on.String(), "-o", "json")
		same(want, got)
		require.Contains(t, got, map[bool]string{true: `"live": "yes"`, false: `"live": "no"`}[on == today+7])
	}
	got, _ := policy(0, "", "show", "--data", o.data, "-o", "json")
	same(list, got)
	past, _ := policy(0, "", "show", "--data", o.data, "--place", synthetic.Emergency, "--on", (today - 1).String(), "-o", "json")
	require.Contains(t, past, `"live": "yes"`)
	now, _ := policy(0, "", "show", "--data", o.data, "--place", ledger.Nation)
	require.Contains(t, now, "its record is of no care setting")
	_, errs = policy(2, "", "show", "--data", o.data, "--place", "NOWHERE")
	require.Contains(t, errs, "no organisation that was recorded by then")
	policy(3, "", "show", "--data", o.path("nothing"))
}
