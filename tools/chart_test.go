package tools

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However many days, a chart has few bars, and they lose nothing.
func TestBarsHoldEveryDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var days []dayLookups
		want := dayLookups{}
		for range rapid.IntRange(1, 300).Draw(t, "days") {
			d := dayLookups{Day: at.Format(time.DateOnly), Scheduled: rapid.IntRange(0, 9).Draw(t, "scheduled"),
				Unscheduled: rapid.IntRange(0, 9).Draw(t, "unscheduled"), Denied: rapid.IntRange(0, 9).Draw(t, "denied")}
			days = append(days, d)
			want.Scheduled, want.Unscheduled, want.Denied = want.Scheduled+d.Scheduled, want.Unscheduled+d.Unscheduled, want.Denied+d.Denied
			at = at.AddDate(0, 0, rapid.IntRange(1, 40).Draw(t, "gap"))
		}
		bars := spread(days)
		require.LessOrEqual(t, len(bars), barsMost)
		got := dayLookups{}
		for _, b := range bars {
			got.Scheduled, got.Unscheduled, got.Denied = got.Scheduled+b.Scheduled, got.Unscheduled+b.Unscheduled, got.Denied+b.Denied
		}
		require.Equal(t, want, got)
		require.Equal(t, days[0].Day, bars[0].Day)
	})
}

// What a name holds stays text, in well-formed drawings.
func TestChartsAreText(t *testing.T) {
	hostile := `<script>"&'`
	for _, svg := range []string{string(chartBars(hostile, []namedCount{{hostile, 3}, {"", 0}})), string(chartHours([24]int{3: 7})),
		string(chartDays([]dayLookups{{Day: "2026-01-01", Scheduled: 1}})), string(chartDays(nil))} {
		require.NotContains(t, svg, "<script")
		in := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := in.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, svg)
		}
	}
}

func TestFiguresOfTheUsualLedger(t *testing.T) {
	w := usualFolder(t)
	g := newGathering()
	v := &verification{a: &app{stdout: io.Discard, stderr: io.Discard}, flags: verifyFlags{data: w.dir, keys: w.keyDir}, quiet: true, watch: g.add}
	require.NoError(t, v.run())
	f := g.end()
	require.Equal(t, int64(len(f.Months)), int64(1))
	require.Equal(t, v.report.Root, f.Months[0].Root, "the last month's tree is the ledger's")
	require.Equal(t, v.report.ChainHead, f.Months[0].Chain)
	sum := 0
	for _, l := range f.Settings {
		sum += l.Lookups
		require.Equal(t, l.Lookups, l.Found+l.NotFound+l.Mismatch, l.Code)
	}
	require.Equal(t, f.Lookups, sum)
	require.Equal(t, f.Told.Queued, f.Told.Acknowledged+f.Told.Waiting)
	waits := 0
	for _, b := range f.Told.Bands {
		waits += b.Count
	}
	require.Equal(t, f.Told.Queued, waits)
	days := 0
	for _, d := range f.Days {
		days += d.Scheduled + d.Unscheduled
	}
	require.Equal(t, f.Lookups, days)
	require.NotEmpty(t, f.Changes)
	require.Equal(t, "2 days 1 h", span(49*3600e6), fmt.Sprint(f.Quiet))
}
