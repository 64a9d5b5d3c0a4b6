package main

import (
	"bytes"
	"os"
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
