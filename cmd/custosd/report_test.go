package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/tools"
)

// The report of a demo's data, as somebody opens it who has nothing but the file:
// it asks for nothing outside, each chart has a size, and nothing is wider than the page.
func TestTheReportInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	p := newPage(t)
	o := newOffice(t)
	o.stop()
	keys := filepath.Dir(o.write("log.vkey", o.verifier+"\n"))
	var out, errs bytes.Buffer
	require.Zero(t, tools.Main([]string{"report", "--data", o.data, "--keys", keys, "--out", o.path("report.html")}, &out, &errs), errs.String())
	p.open("file://" + o.path("report.html"))
	p.shows("Verified: each of the ")
	for _, heading := range []string{"What was checked", "What was not", "Lookups", "By setting", "Who was told, and when they answered", "Gaps", "Clock",
		"Keys, rules, policy, organisations and members", "The tree at the end of each month", "How to repeat it"} {
		p.shows(heading)
	}
	seen, err := p.evaluate(`performance.getEntriesByType("resource").length + " asked for, " + document.scripts.length + " scripts, " +
		[...document.querySelectorAll("svg")].filter((s) => s.getBoundingClientRect().height > 20).length + " of " + document.querySelectorAll("svg").length +
		" charts, " + (document.documentElement.scrollWidth > innerWidth ? "too wide" : "fits")`)
	require.NoError(t, err)
	require.Equal(t, "0 asked for, 0 scripts, 5 of 5 charts, fits", seen)
	p.picture("report")
}
