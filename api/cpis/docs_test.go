package cpis

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/CPIS.md has every code, and every detail with its meaning and the test
// that shows it. That the tests exist is TestDocumentsNameTestsThatExist's.
func TestTheDocumentHasEveryCode(t *testing.T) {
	b, err := os.ReadFile("../../docs/CPIS.md")
	require.NoError(t, err)
	text := string(b)
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); len(cells) > 2 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows[strings.Trim(cells[0], "`")] = cells[1:]
		}
	}
	test := regexp.MustCompile("`Test[A-Z]\\w+`")
	for _, e := range Details {
		r := rows[string(e.Detail)]
		require.Lenf(t, r, 4, "%s", e.Detail)
		require.Equal(t, []string{string(e.Scope), e.Code, e.Meaning}, r[:3])
		require.Regexpf(t, test, r[3], "%s names its test", e.Detail)
	}
	for c := range fileNames {
		require.Regexpf(t, test, strings.Join(rows[string(c)], " "), "%s", c)
	}
	for c := range recordNames {
		require.Regexpf(t, test, strings.Join(rows[string(c)], " "), "%s", c)
	}
	for _, c := range Columns {
		require.Containsf(t, text, "| `"+c+"` | `", "column %s", c)
	}
	for k := Upload; k <= InactiveMessage; k++ {
		require.Contains(t, text, "| `"+k.Root()+"` |")
	}
}
