package tools

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// The charts of a report are drawings in the page itself (SVG): no script, no
// outside part, and readable in print. Each says in words what it shows.

const (
	chartWidth  = 760
	chartHeight = 150
	chartLeft   = 48
	chartBase   = 120 // where bars stand
	barsLeft    = 210
)

// drawing is an SVG while it is made. Only numbers and escaped text go in.
type drawing struct{ strings.Builder }

func (d *drawing) begin(height int, title string) {
	fmt.Fprintf(d, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s"><title>%[3]s</title>`, chartWidth, height, template.HTMLEscapeString(title))
}

func (d *drawing) bar(class string, x, y, width, height float64, title string) {
	if height <= 0 || width <= 0 {
		return
	}
	fmt.Fprintf(d, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, class, x, y, width, height, template.HTMLEscapeString(title))
}

func (d *drawing) text(class string, x, y float64, s string) {
	fmt.Fprintf(d, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, template.HTMLEscapeString(s))
}

func (d *drawing) end() template.HTML {
	d.WriteString("</svg>")
	return template.HTML(d.String()) // #nosec G203 -- made above, of numbers and escaped text
}

// axis draws the line that bars stand on, with the greatest value.
func (d *drawing) axis(most int) {
	fmt.Fprintf(d, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%[2]d"/>`, chartLeft, chartBase, chartWidth)
	d.text("tick end", chartLeft-6, 16, fmt.Sprint(most))
	d.text("tick end", chartLeft-6, chartBase, "0")
}

// chartDays draws lookups over time: a bar a day, or of several days where
// there are too many.
func chartDays(days []dayLookups) template.HTML {
	var d drawing
	spans := spread(days)
	most := 1
	for _, s := range spans {
		most = max(most, s.Scheduled+s.Unscheduled+s.Denied)
	}
	d.begin(chartHeight, "Lookups over time: unscheduled, scheduled and denied")
	d.axis(most)
	width := float64(chartWidth-chartLeft) / float64(max(1, len(spans)))
	for i, s := range spans {
		x, y := float64(chartLeft)+float64(i)*width, float64(chartBase)
		for _, part := range []struct {
			class string
			n     int
		}{{"unscheduled", s.Unscheduled}, {"scheduled", s.Scheduled}, {"denied", s.Denied}} {
			h := float64(part.n) * (chartBase - 10) / float64(most)
			y -= h
			d.bar(part.class, x, y, max(width-1, 0.5), h, fmt.Sprintf("%s: %d %s", s.Day, part.n, part.class))
		}
	}
	if n := len(spans); n > 0 {
		d.text("tick", chartLeft, chartBase+16, spans[0].Day)
		d.text("tick end", chartWidth, chartBase+16, spans[n-1].Day)
	}
	return d.end()
}

// barsMost is how many bars still read well beside each other.
const barsMost = 120

// spread lays days out evenly, empty ones included, several to a bar if need be.
func spread(days []dayLookups) []dayLookups {
	if len(days) == 0 {
		return nil
	}
	first, err := time.Parse(time.DateOnly, days[0].Day)
	last, err2 := time.Parse(time.DateOnly, days[len(days)-1].Day)
	if err != nil || err2 != nil {
		return days
	}
	total := int(last.Sub(first).Hours()/24) + 1
	each := (total + barsMost - 1) / barsMost
	out := make([]dayLookups, (total+each-1)/each)
	for i := range out {
		out[i].Day = first.AddDate(0, 0, i*each).Format(time.DateOnly)
	}
	for _, day := range days {
		at, err := time.Parse(time.DateOnly, day.Day)
		if err != nil {
			continue
		}
		o := &out[int(at.Sub(first).Hours()/24)/each]
		o.Scheduled, o.Unscheduled, o.Denied = o.Scheduled+day.Scheduled, o.Unscheduled+day.Unscheduled, o.Denied+day.Denied
	}
	return out
}

// chartHours draws lookups by the hour of the day.
func chartHours(hours [24]int) template.HTML {
	var d drawing
	most := 1
	for _, n := range hours {
		most = max(most, n)
	}
	d.begin(chartHeight, "Lookups by the hour of the day, in London")
	d.axis(most)
	width := float64(chartWidth-chartLeft) / 24
	for i, n := range hours {
		class := "unscheduled"
		if i < 8 || i >= 18 {
			class = "night"
		}
		h := float64(n) * (chartBase - 10) / float64(most)
		x := float64(chartLeft) + float64(i)*width
		d.bar(class, x+1, chartBase-h, width-2, h, fmt.Sprintf("%02d:00: %d", i, n))
		if i%3 == 0 {
			d.text("tick", x, chartBase+16, fmt.Sprintf("%02d", i))
		}
	}
	return d.end()
}

// chartBars draws a bar to each name.
func chartBars(title string, counts []namedCount) template.HTML {
	var d drawing
	most := 1
	for _, c := range counts {
		most = max(most, c.Count)
	}
	const line = 22
	d.begin(line*len(counts)+6, title)
	for i, c := range counts {
		y := float64(i*line + 4)
		d.text("name end", barsLeft-8, y+13, c.Name)
		w := float64(c.Count) * (chartWidth - barsLeft - 70) / float64(most)
		d.bar("unscheduled", barsLeft, y, max(w, 1), line-7, fmt.Sprintf("%s: %d", c.Name, c.Count))
		d.text("tick", barsLeft+w+6, y+12, fmt.Sprint(c.Count))
	}
	return d.end()
}

// settingsDrawn is how many organisations have a bar: the table below has more.
const settingsDrawn = 20

// chartSettings draws a bar to each organisation that looked up most.
func chartSettings(lines []settingLine) template.HTML {
	var counts []namedCount
	for _, l := range lines[:min(len(lines), settingsDrawn)] {
		counts = append(counts, namedCount{shortened(strings.TrimSpace(l.Code + " " + l.Name)), l.Lookups})
	}
	return chartBars("Lookups by setting: the organisations that looked up most", counts)
}
