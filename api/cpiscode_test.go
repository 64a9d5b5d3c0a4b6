package api

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUploadsPageListsEveryCode: the page has each row code with its meaning and
// what CP-IS calls it, and each problem of a file, and nothing else.
func TestUploadsPageListsEveryCode(t *testing.T) {
	b, err := os.ReadFile("../docs/UPLOADS.md")
	require.NoError(t, err)
	rows := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (CPR\\d\\d) \\| ([^|]+) \\|").FindAllStringSubmatch(string(b), -1) {
		rows[m[1]] = [2]string{m[2], m[3]}
	}
	require.Equal(t, slices.Sorted(maps.Keys(rowMessages)), slices.Sorted(maps.Keys(rows)))
	for code, message := range rowMessages {
		require.Equal(t, [2]string{recordCode(code), message}, rows[code], code)
	}
	files := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (CPF\\d\\d) \\|").FindAllStringSubmatch(string(b), -1) {
		files[m[1]] = m[2]
	}
	for code, cpf := range fileCodes {
		require.Equal(t, cpf, files[code], code)
	}
	for code, cpf := range files {
		require.Contains(t, problems, code)
		require.Equal(t, fileCode(code, 0, 0), cpf, code)
	}
	require.Equal(t, []string{"CPF02", "CPF03", "CPF04", "CPF02"}, []string{fileCode("", 2, 0), fileCode("", 1, 1), fileCode("", 0, 1), fileCode("", 0, 0)})
	require.Equal(t, "CPR06", recordCode(""))
}
