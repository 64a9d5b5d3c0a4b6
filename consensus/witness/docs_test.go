package witness

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/WITNESS.md has every status that a witness answers and every failure of
// what asks it, each with a test. That the tests exist is
// TestDocumentsNameTestsThatExist's.
func TestTheDocumentHasEveryAnswer(t *testing.T) {
	b, err := os.ReadFile("../../docs/WITNESS.md")
	require.NoError(t, err)
	text := string(b)
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); len(cells) == 3 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows[cells[0]] = cells[1:]
		}
	}
	test := regexp.MustCompile("`(Test|Fuzz)[A-Z]\\w+`")
	source, err := os.ReadFile("server.go")
	require.NoError(t, err)
	used := map[string]bool{"200": true}
	for _, m := range regexp.MustCompile(`http\.Status(\w+)`).FindAllStringSubmatch(string(source), -1) {
		for code := 400; code < 600; code++ {
			if strings.ReplaceAll(http.StatusText(code), " ", "") == m[1] {
				used[strconv.Itoa(code)] = true
			}
		}
	}
	require.Len(t, used, 7)
	for code := range used {
		require.Lenf(t, rows[code], 2, "status %s", code)
		require.Regexp(t, test, rows[code][1])
	}
	for first, cells := range rows {
		if first != "status" && first != "what a witness says" && !strings.HasPrefix(first, "--") {
			require.Regexpf(t, test, cells[1], "%s names its test", first)
		}
	}
	for _, needed := range []string{sizeType, strconv.Itoa(maxProof) + " hashes", strconv.Itoa(MaxRequest>>10) + " KiB", "`" + lockName + "`"} {
		require.Contains(t, text, needed)
	}
}
