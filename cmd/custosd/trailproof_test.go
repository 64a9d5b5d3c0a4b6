package main

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/tools"
)

// TestATrailIsProvedByARunningNode: what a node sends an auditor about somebody is
// complete, and says so under the log's key alone.
func TestATrailIsProvedByARunningNode(t *testing.T) {
	o := newOffice(t)
	auditor := o.path("T_AUDITOR")
	var proof, errs bytes.Buffer
	require.Zero(t, tools.Main([]string{"prove", "--trail", "--url", o.url, "--token-file", auditor, "--ref", o.ref}, &proof, &errs), errs.String())
	file := o.write("proof", proof.String())
	var said bytes.Buffer
	require.Zero(t, tools.Main([]string{"check-trail", file, "--vkey", o.verifier, "--ref", o.ref}, &said, &said), said.String())
	require.Contains(t, said.String(), "plan-recorded")
	require.Contains(t, said.String(), "COMPLETE: these ")
	require.NotContains(t, proof.String(), o.known)

	errs.Reset()
	require.Equal(t, tools.ExitNotPermitted, tools.Main([]string{"prove", "--trail", "--url", o.url, "--token-file", o.token, "--ref", o.ref}, &proof, &errs))
	require.Contains(t, errs.String(), "role-not-permitted")
	require.NoError(t, os.Remove(file))
}

// TestACaseloadIsProvedByARunningNode: the proof is made of the tiles that a node
// serves, and is the one that its folder gives.
func TestACaseloadIsProvedByARunningNode(t *testing.T) {
	o := newOffice(t)
	nurse, err := os.ReadFile(o.path("T_SCHOOL_NURSE"))
	require.NoError(t, err)
	q, err := http.NewRequest(http.MethodPost, o.url+"/v1/caseloads/lookups", strings.NewReader(`{"school":"`+o.school+`"}`))
	require.NoError(t, err)
	q.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(nurse)))
	q.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	seq := res.Header.Get("Custos-Seq")
	require.NoError(t, res.Body.Close())

	prove := func(seq string, want int) (string, string) {
		var proof, errs bytes.Buffer
		require.Equal(t, want, tools.Main([]string{"prove", "--caseload", "--url", o.url, "--token-file", o.path("T_AUDITOR"), "--seq", seq}, &proof, &errs), errs.String())
		return proof.String(), errs.String()
	}
	proof, _ := prove(seq, tools.ExitDone)
	file := o.write("caseload", proof)
	var said bytes.Buffer
	require.Zero(t, tools.Main([]string{"check-trail", file, "--vkey", o.verifier}, &said, &said), said.String())
	require.Regexp(t, "COMPLETE: entry "+seq+", an access to the caseload of school:"+o.school+", showed these [1-9][0-9]* people and no others", said.String())
	require.NotContains(t, proof, o.known)

	_, errs := prove("0", tools.ExitUsage)
	require.Contains(t, errs, "it is no access to a caseload")
	_, errs = prove("99999999", tools.ExitUsage)
	require.Contains(t, errs, "there is no such entry")
	var out, refused bytes.Buffer
	require.Equal(t, tools.ExitNotPermitted, tools.Main([]string{"prove", "--caseload", "--url", o.url, "--token-file", o.path("T_SCHOOL_NURSE"), "--seq", seq}, &out, &refused), refused.String())
	require.NoError(t, os.Remove(file))
}
