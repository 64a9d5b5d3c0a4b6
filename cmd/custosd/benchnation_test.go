package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/tools"
)

// What the bench measures of a nation went through a real node: all plans are
// held, the lists show those who were made for them, and a row about somebody
// without a plan is not kept.
func TestBenchLoadsANation(t *testing.T) {
	o := newOffice(t)
	dir := filepath.Dir(o.data) // the demo's own, where its signing key is
	env := fmt.Sprintf("CUSTOS_URL=%s\nCUSTOS_PIDS=%d\nSCHOOL_URN=%s\nAREA_CODE=E05999001\n", o.url, os.Getpid(), o.school)
	for _, name := range []string{"T_LA2_UPLOADER", "T_CHILD_HEALTH", "T_SCHOOL_NURSE", "T_HEALTH_VISITOR", "T_OPERATOR"} {
		env += name + "=" + strings.TrimSpace(o.read(name)) + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "env"), []byte(env), 0o600))
	run := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		code := tools.Main(append([]string{"bench", "nation", "--dir", dir, "-o", "json"}, args...), &out, &errs)
		require.Equalf(t, want, code, "%s\n%s", &out, &errs)
		return out.String()
	}
	run(2, "--plans", "10")
	run(2, "--rows", "0")
	type list struct {
		List         string
		People       int
		Bytes        int
		P50Ms, P99Ms float64
		ServerCPUMs  float64
	}
	var got struct {
		Plans, EnrolmentRows, RowsRecorded    int
		RowsLinked                            *int
		PlansPerSecond, RowsPerSecond         float64
		ServerMiB                             []struct{ Rows int }
		ReadsBeforeTheRows, ReadsAfterTheRows []list
	}
	require.NoError(t, json.Unmarshal([]byte(run(0, "--plans", "1000", "--schools", "40", "--authorities", "5", "--caseload", "300",
		"--rows", "900", "--file-rows", "200", "--reads", "16")), &got))
	require.Equal(t, 900, got.EnrolmentRows)
	require.GreaterOrEqual(t, got.RowsRecorded, 900/45)
	require.Less(t, got.RowsRecorded, 100)
	require.Zero(t, *got.RowsLinked, "policy says nothing of links")
	require.Positive(t, got.PlansPerSecond)
	require.Positive(t, got.RowsPerSecond)
	require.Equal(t, 900, got.ServerMiB[len(got.ServerMiB)-1].Rows)
	require.Len(t, got.ReadsAfterTheRows, 5)
	for i, l := range got.ReadsAfterTheRows {
		require.GreaterOrEqual(t, l.People, 295, l.List)
		require.Less(t, l.People, 400, l.List)
		require.Equal(t, got.ReadsBeforeTheRows[i].People, l.People, l.List)
		require.Greater(t, l.Bytes, 50*l.People)
		require.Positive(t, l.P50Ms)
		require.LessOrEqual(t, l.P50Ms, l.P99Ms)
		require.Positive(t, l.ServerCPUMs)
	}
}
