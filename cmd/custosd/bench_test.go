package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/tools"
)

// What the bench measures of a caseload is a caseload: of a real node, with
// everybody on it whom it enrolled.
func TestBenchReadsARealCaseload(t *testing.T) {
	o := newOffice(t)
	env := fmt.Sprintf("CUSTOS_URL=%s\nSCHOOL_URN=%s\n", o.url, o.school)
	for _, name := range []string{"T_LA2_UPLOADER", "T_CHILD_HEALTH", "T_SCHOOL_NURSE"} {
		env += name + "=" + strings.TrimSpace(o.read(name)) + "\n"
	}
	o.write("env", env)
	run := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		code := tools.Main(append([]string{"bench", "caseload", "--dir", o.dir}, args...), &out, &errs)
		require.Equalf(t, want, code, "%s\n%s", &out, &errs)
		return out.String()
	}
	var got struct {
		People, Bytes, Reads int
		MedianMs, LongestMs  float64
	}
	require.NoError(t, json.Unmarshal([]byte(run(0, "--people", "40", "--reads", "3", "-o", "json")), &got))
	require.Greater(t, got.People, 25)
	require.Equal(t, 3, got.Reads)
	require.Greater(t, got.Bytes, 100*got.People)
	require.Positive(t, got.MedianMs)
	require.LessOrEqual(t, got.MedianMs, got.LongestMs)
	run(2, "--people", "1")
	run(2, "--reads", "0")
	o.write("env", strings.ReplaceAll(env, "T_SCHOOL_NURSE=", "T_NURSE="))
	run(2, "--people", "12")
}
