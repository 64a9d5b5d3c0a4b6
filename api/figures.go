package api

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"custos/ledger"
	"custos/projection"
)

const (
	figuresFor = 90  // days that figures are of, unless others are asked for
	figuresMax = 366 // and at most
	smallCount = 5   // fewer than this are not told to whom they are not
	overdue    = 24 * ledger.Hour
	overdueLow = 7 * 24 * ledger.Hour // of a birth date that differs
)

// authorityFigures are how an authority's notifications of a period fare. They
// are counts and times, of nobody.
type authorityFigures struct {
	Authority    named      `json:"authority"`
	Queued       *int       `json:"queued"`
	Unread       *int       `json:"unread"`
	Overdue      *int       `json:"overdue"`
	Opened       *int       `json:"opened"`
	Acknowledged *int       `json:"acknowledged"`
	ToOpen       *waitTimes `json:"secondsToOpen,omitempty"`
	ToAct        *waitTimes `json:"secondsToAct,omitempty"`
	Suppressed   bool       `json:"suppressed,omitempty"` // a count below five is left out
}

// waitTimes are the median and the 90th percentile, in seconds.
type waitTimes struct {
	Median    int64 `json:"median"`
	Ninetieth int64 `json:"ninetieth"`
}

// getFigures tells managers how notifications fare: an authority its own, the
// operator every authority's, without counts so small that they might tell of
// somebody. As JSON, as CSV, or as a page with a chart.
func (s *Server) getFigures(w http.ResponseWriter, r *http.Request, who *Identity) error {
	view := s.node.View()
	now := s.moment()
	from, to, err := figuresPeriod(r, now.Day())
	if err != nil {
		return err
	}
	all, err := view.Organisations()
	if err != nil {
		return err
	}
	role, _ := ledger.ParseRole(who.Role)
	operator := role == ledger.RoleOperator
	out := []authorityFigures{}
	for i := range all {
		if all[i].Sort != ledger.SortAuthority || (!operator && all[i].Code != who.Organisation) {
			continue
		}
		one, err := figuresOf(view, &all[i], from.Start(), (to + 1).Start(), now)
		if err != nil {
			return err
		}
		if operator {
			one.suppress()
		}
		out = append(out, one)
	}
	switch accept := r.Header.Get("Accept"); {
	case strings.HasPrefix(accept, "text/csv"):
		return sendFigures(w, "text/csv; charset=utf-8", figuresCSV(out))
	case strings.HasPrefix(accept, "text/html"):
		return sendFigures(w, "text/html; charset=utf-8", figuresPage(out, from, to))
	}
	return sendJSON(w, struct {
		From        string             `json:"from"`
		To          string             `json:"to"`
		Authorities []authorityFigures `json:"authorities"`
		AsOf        ledger.Seq         `json:"asOf"`
	}{from.String(), to.String(), out, view.R.Head().Size})
}

func figuresPeriod(r *http.Request, today ledger.Day) (from, to ledger.Day, err error) {
	to = today
	given := r.URL.Query()
	for name, values := range given {
		if len(values) != 1 || (name != "from" && name != "to") {
			return 0, 0, problem("query-parameter")
		}
		day, err := ledger.ParseDay(values[0])
		if err != nil {
			return 0, 0, problem("query-parameter").with("from and to are dates.")
		}
		if name == "from" {
			from = day
		} else {
			to = day
		}
	}
	if from == 0 {
		from = to - figuresFor + 1
	}
	if to < from || to-from >= figuresMax {
		return 0, 0, problem("query-parameter").with("The period has 1 to 366 days.")
	}
	return from, to, nil
}

func figuresOf(view projection.View, o *ledger.Organisation, from, to, now ledger.Time) (authorityFigures, error) {
	var queued, unread, late, opened, acted int
	var toOpen, toAct []ledger.Time
	err := view.EachNotificationSince(o.Code, from, func(n *ledger.Notification) {
		if n.Queued >= to {
			return
		}
		queued++
		patience := ledger.Time(overdue)
		if n.Type == ledger.NotifyDataQuality {
			patience = overdueLow
		}
		switch {
		case n.Opened != 0:
			opened++
			toOpen = append(toOpen, n.Opened-n.Queued)
		case now-n.Queued > patience:
			late++
			unread++
		default:
			unread++
		}
		if n.Acknowledged != 0 {
			acted++
			toAct = append(toAct, n.Acknowledged-n.Queued)
		}
	})
	return authorityFigures{Authority: named{o.Code, o.Name}, Queued: &queued, Unread: &unread, Overdue: &late, Opened: &opened,
		Acknowledged: &acted, ToOpen: timesOf(toOpen), ToAct: timesOf(toAct)}, err
}

// timesOf finds the median and the 90th percentile, by nearest rank.
func timesOf(all []ledger.Time) *waitTimes {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	at := func(percent int) int64 { return int64(all[(len(all)*percent+99)/100-1] / ledger.Second) }
	return &waitTimes{at(50), at(90)}
}

// suppress leaves out what counts fewer than five, and the times of fewer.
func (f *authorityFigures) suppress() {
	if *f.Opened < smallCount {
		f.ToOpen = nil
	}
	if *f.Acknowledged < smallCount {
		f.ToAct = nil
	}
	for _, n := range []**int{&f.Queued, &f.Unread, &f.Overdue, &f.Opened, &f.Acknowledged} {
		if **n > 0 && **n < smallCount {
			*n, f.Suppressed = nil, true
		}
	}
	// One count left out could be reckoned from the others: none stands alone.
	if f.Suppressed {
		f.Queued = nil
	}
}

func (f *authorityFigures) cells() []string {
	out := []string{f.Authority.ODS, f.Authority.Name}
	for _, n := range []*int{f.Queued, f.Unread, f.Overdue, f.Opened, f.Acknowledged} {
		text := ""
		if n != nil {
			text = strconv.Itoa(*n)
		}
		out = append(out, text)
	}
	for _, t := range []*waitTimes{f.ToOpen, f.ToAct} {
		if t == nil {
			out = append(out, "", "")
			continue
		}
		out = append(out, strconv.FormatInt(t.Median, 10), strconv.FormatInt(t.Ninetieth, 10))
	}
	return out
}

var figuresColumns = []string{"ods", "authority", "queued", "unread", "overdue", "opened", "acknowledged",
	"seconds_to_open_median", "seconds_to_open_90th", "seconds_to_act_median", "seconds_to_act_90th"}

func figuresCSV(all []authorityFigures) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(figuresColumns) // a buffer takes every line
	for i := range all {
		cells := all[i].cells()
		cells[1] = inert(cells[1])
		_ = w.Write(cells)
	}
	w.Flush()
	return b.Bytes()
}

// figuresPage is one page without scripts or outside parts, which prints.
func figuresPage(all []authorityFigures, from, to ledger.Day) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Notifications</title></head><body><h1>Notifications, %s to %s</h1>", from, to)
	most := 1
	for i := range all {
		for _, n := range []*int{all[i].Unread, all[i].Overdue} {
			if n != nil {
				most = max(most, *n)
			}
		}
	}
	fmt.Fprintf(&b, "<h2>Unread, and of these overdue</h2><svg viewBox=\"0 0 760 %d\" role=\"img\" aria-label=\"Unread and overdue notifications by authority\">", 26*len(all)+4)
	for i := range all {
		y := 26*i + 4
		fmt.Fprintf(&b, `<text x="240" y="%d" text-anchor="end" font-size="13">%s</text>`, y+14, html.EscapeString(all[i].Authority.Name))
		for _, bar := range []struct {
			n     *int
			fill  string
			label string
		}{{all[i].Unread, "#768692", "unread"}, {all[i].Overdue, "#8a1538", "overdue"}} {
			if bar.n != nil && *bar.n > 0 {
				fmt.Fprintf(&b, `<rect x="250" y="%d" width="%d" height="18" fill="%s"><title>%d %s</title></rect>`, y, max(1, 440**bar.n/most), bar.fill, *bar.n, bar.label)
			}
		}
	}
	b.WriteString("</svg><table><tr>")
	for _, c := range figuresColumns {
		fmt.Fprintf(&b, "<th>%s</th>", strings.ReplaceAll(c, "_", " "))
	}
	b.WriteString("</tr>")
	for i := range all {
		b.WriteString("<tr>")
		for _, c := range all[i].cells() {
			fmt.Fprintf(&b, "<td>%s</td>", html.EscapeString(c))
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table><p>An empty cell is a count below five, or there is nothing to reckon a time from.</p></body></html>")
	return b.Bytes()
}

func sendFigures(w http.ResponseWriter, media string, body []byte) error {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // who reads no more needs no error
	return nil
}
