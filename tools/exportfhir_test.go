package tools

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/api/fhir/fhirtest"
)

// Every line is a resource of base R4, and what it claims holds; with persons
// left out it claims less.
func TestExportFHIR(t *testing.T) {
	w := usualFolder(t)
	claimed := func(args ...string) map[string]int {
		code, out, errs := run(t, append([]string{"export", "--data", w.dir, "--format", "fhir"}, args...)...)
		require.Zero(t, code, errs)
		n := map[string]int{}
		for line := range bytes.Lines([]byte(out)) {
			require.Empty(t, fhirtest.Check(line), "%s", line)
			profile, wrong := fhirtest.Claimed(line)
			require.Empty(t, wrong, "%s", line)
			n[profile]++
		}
		require.NotContains(t, out, base64.StdEncoding.EncodeToString([]byte(nhsChild)))
		return n
	}
	require.Equal(t, map[string]int{"PatientQuery": 5, "PatientRead": 1, "": 1}, claimed())
	require.Equal(t, map[string]int{"Query": 5, "Read": 1, "": 1}, claimed("--redact"))
}
