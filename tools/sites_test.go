package tools

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the figures say, the page says: each site of the file with its bar, red
// where it looks up little, and nothing that a browser would fetch or run.
func TestSitesAsFiguresAndAsAPage(t *testing.T) {
	w := usualFolder(t)
	file := filepath.Join(t.TempDir(), "attendances.csv")
	require.NoError(t, os.WriteFile(file, []byte("attendances,ods\n4,RXX01\n200,RNONE\n10,G81001\n"), 0o600))
	ask := func(form string) string {
		code, out, stderr := run(t, "sites", "--data", w.dir, "--attendances", file, "--least", "40", "-o", form)
		require.Zero(t, code, stderr)
		return out
	}
	var figures struct{ Sites []siteLine }
	require.NoError(t, json.Unmarshal([]byte(ask("json")), &figures))
	require.Len(t, figures.Sites, 3)
	require.Equal(t, siteLine{"RNONE", "", 200, 0, 0, true}, figures.Sites[0], "who looks nobody up comes first")
	lookups := 0
	for _, l := range figures.Sites {
		lookups += l.Lookups
		require.Equal(t, l.Percent < 40, l.Little)
	}
	require.Positive(t, lookups)
	lines, err := csv.NewReader(strings.NewReader(ask("csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"ods", "attendances", "lookups", "percent", "little"}, lines[0])
	require.Equal(t, []string{"RNONE", "200", "0", "0.0", "little"}, lines[1])

	page := ask("html")
	require.Equal(t, page, ask("html"), "the same ledger gives the same page")
	little := 0
	for _, l := range figures.Sites {
		class := "enough"
		if l.Little {
			class, little = "little", little+1
		}
		require.Regexp(t, fmt.Sprintf(`<rect class="%s"[^>]*><title>%s: %d lookups for %d attendances</title>`, class, l.ODS, l.Lookups, l.Attendances), page)
		require.Contains(t, page, fmt.Sprintf(`%.1f %%</td>`, l.Percent))
	}
	require.Equal(t, little, strings.Count(page, `<rect class="little"`))
	require.Contains(t, page, fmt.Sprintf("%d of 3 sites looked up fewer than 40 of 100 attendances", little))
	require.Contains(t, page, "@media print")
	require.Contains(t, page, "made-up people only")
	for _, outside := range []string{"<script", "<link", "<img", "url(", "http:", "https:", " src=", "@import"} {
		require.NotContains(t, page, outside)
	}
	code, _, _ := run(t, "sites", "--data", w.dir, "--attendances", file, "-o", "pdf")
	require.Equal(t, ExitUsage, code)
}

// One site, as many as are drawn, and more; far over 100 %, and with a name that
// is no text for a page: it stays a drawing, and no bar leaves it.
func TestSitesOfEachSizeAreDrawn(t *testing.T) {
	width := regexp.MustCompile(`<rect class="[a-z]+" x="([0-9.]+)" y="([0-9.]+)" width="([0-9.]+)" height="([0-9.]+)"`)
	for _, n := range []int{0, 1, sitesDrawn, sitesDrawn + 9} {
		r := sitesReport{Log: "log", Least: 50}
		for i := range n {
			r.Sites = append(r.Sites, siteLine{ODS: fmt.Sprintf("R%03d", i), Name: `<script>"&' of a very long name indeed`, Attendances: 2, Lookups: i, Percent: 50 * float64(i), Little: i < 1})
		}
		page, err := r.page()
		require.NoError(t, err)
		require.NotContains(t, string(page), "<script")
		require.Equal(t, n > sitesDrawn, strings.Contains(string(page), "are drawn"))
		svg := string(chartSites(r.Sites, r.Least))
		in := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := in.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, svg)
		}
		var height float64
		_, err = fmt.Sscanf(svg, `<svg viewBox="0 0 760 %f"`, &height)
		require.NoError(t, err)
		bars := width.FindAllStringSubmatch(svg, -1)
		require.Len(t, bars, min(n, sitesDrawn))
		for _, b := range bars {
			var x, y, wide, high float64
			_, err := fmt.Sscan(strings.Join(b[1:], " "), &x, &y, &wide, &high)
			require.NoError(t, err)
			require.GreaterOrEqual(t, wide, 1.0, "no lookups at all is seen too")
			require.LessOrEqual(t, x+wide, float64(chartWidth-60), "there is room for the figure")
			require.LessOrEqual(t, y+high, height)
		}
	}
}
