package tools

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"custos/ledger"
)

//go:embed sitespage.html
var sitesPage string

// sitesDrawn is how many sites the chart shows. They come lowest first, and those
// are asked after; the table below it has each.
const sitesDrawn = 60

// sitesReport is what the page is made of. It has no clock of its own: the same
// ledger and file give the same page.
type sitesReport struct {
	Log       string
	Synthetic bool
	Period    string
	Least     float64
	Sites     []siteLine
}

// Little counts the sites that look up little.
func (r *sitesReport) Little() (n int) {
	for _, l := range r.Sites {
		if l.Little {
			n++
		}
	}
	return n
}

// Drawn is how many sites the chart has.
func (r *sitesReport) Drawn() int { return min(len(r.Sites), sitesDrawn) }

// More says that the table has sites which the chart has not.
func (r *sitesReport) More() bool { return len(r.Sites) > sitesDrawn }

// Sentence is what was found, for somebody who reads no further.
func (r *sitesReport) Sentence() string {
	if n := r.Little(); n > 0 {
		return fmt.Sprintf("%d of %d sites looked up fewer than %v of 100 attendances.", n, len(r.Sites), r.Least)
	}
	return fmt.Sprintf("Each of %d sites looked up %v of 100 attendances or more.", len(r.Sites), r.Least)
}

func period(from, to ledger.Time) string {
	switch {
	case from == 0 && to == 0:
		return "from its first entry to its last"
	case to == 0:
		return "from " + minute(from.String()) + " to its last entry"
	case from == 0:
		return "from its first entry to " + minute(to.String())
	}
	return "from " + minute(from.String()) + " to " + minute(to.String())
}

func (r *sitesReport) page() ([]byte, error) {
	t, err := template.New("sites").Funcs(template.FuncMap{"chart": chartSites}).Parse(sitesPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// chartSites draws a bar to each site, as long as its lookups are of its
// attendances, with a line where little ends.
func chartSites(all []siteLine, least float64) template.HTML {
	var d drawing
	all = all[:min(len(all), sitesDrawn)]
	most := max(100, least)
	for _, l := range all {
		most = max(most, l.Percent)
	}
	const line, top = 22, 18
	at := func(percent float64) float64 { return percent * (chartWidth - barsLeft - 70) / most }
	d.begin(top+line*len(all)+6, "Lookups of attendances by site, in per cent, lowest first")
	x := barsLeft + at(least)
	fmt.Fprintf(&d, `<line class="least" x1="%.1f" y1="%d" x2="%.1[1]f" y2="%[3]d"/>`, x, top-2, top+line*len(all))
	d.text("tick", x+4, 12, fmt.Sprintf("%v %%", least))
	for i, l := range all {
		y := float64(top + i*line)
		d.text("name end", barsLeft-8, y+13, shortened(strings.TrimSpace(l.ODS+" "+l.Name)))
		class := "enough"
		if l.Little {
			class = "little"
		}
		// A site without any lookup has a mark as well: it is the one that is looked for.
		d.bar(class, barsLeft, y, max(at(l.Percent), 1), line-7, fmt.Sprintf("%s: %d lookups for %d attendances", l.ODS, l.Lookups, l.Attendances))
		d.text("tick", barsLeft+at(l.Percent)+6, y+12, fmt.Sprintf("%.1f %%", l.Percent))
	}
	return d.end()
}

// shortened cuts a name to what stands beside a bar. The table has it whole.
func shortened(name string) string {
	const most = 28
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
