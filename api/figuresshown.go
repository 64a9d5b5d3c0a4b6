package api

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"custos/ledger"
)

// teamsNamed is how many teams a caller may name.
const teamsNamed = 64

// teamFigures are one team's. What a team is called is sealed, and figures open
// nothing: whoever asks says the names, and the others are told apart alone.
type teamFigures struct {
	Team string `json:"team"` // as the caller named it; else "team-" and eight digits; empty: the plan names none
	counted
}

// teamFigures lists an authority's teams, those without a name last.
func (s *Server) teamFigures(authority string, teams map[ledger.Tag]*noticeCount, names []string) []teamFigures {
	called := map[ledger.Tag]string{}
	for _, name := range names {
		called[s.teamTag(authority, name)] = name
	}
	var out []teamFigures
	for tag, t := range teams {
		name, known := called[tag]
		if !known && !tag.IsZero() {
			name = "team-" + hex.EncodeToString(tag[:4])
		}
		out = append(out, teamFigures{Team: name, counted: t.figures()})
	}
	slices.SortFunc(out, func(a, b teamFigures) int {
		if (a.Team == "") != (b.Team == "") {
			return -strings.Compare(a.Team, b.Team)
		}
		return strings.Compare(a.Team, b.Team)
	})
	return out
}

func (f *counted) cells() []string {
	var out []string
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
	if f.Escalated == nil {
		return append(out, "")
	}
	return append(out, strconv.Itoa(*f.Escalated))
}

var figuresColumns = []string{"ods", "authority", "queued", "unread", "overdue", "opened", "acknowledged",
	"seconds_to_open_median", "seconds_to_open_90th", "seconds_to_act_median", "seconds_to_act_90th", "escalated"}

// figuresLine is a line of a table, and a bar of the chart.
type figuresLine struct {
	label string
	of    *counted
	cells []string
}

// figuresTable lays figures out: a line for each authority, or for each team.
func figuresTable(all []authorityFigures, byTeam bool) (columns []string, lines []figuresLine) {
	columns = figuresColumns
	if byTeam {
		columns = slices.Insert(slices.Clone(columns), 2, "team")
	}
	for i := range all {
		a := &all[i]
		head := []string{a.Authority.ODS, a.Authority.Name}
		if !byTeam {
			lines = append(lines, figuresLine{a.Authority.Name, &a.counted, append(head, a.cells()...)})
			continue
		}
		for k := range a.Teams {
			t := &a.Teams[k]
			label := t.Team
			if label == "" {
				label = "no team"
			}
			lines = append(lines, figuresLine{label, &t.counted, slices.Concat(head, []string{t.Team}, t.cells())})
		}
	}
	return columns, lines
}

func figuresCSV(all []authorityFigures, byTeam bool) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	columns, lines := figuresTable(all, byTeam)
	_ = w.Write(columns) // a buffer takes every line
	for _, l := range lines {
		for i := range l.cells {
			l.cells[i] = inert(l.cells[i])
		}
		_ = w.Write(l.cells)
	}
	w.Flush()
	return b.Bytes()
}

// figuresPage is one page without scripts or outside parts, which prints.
func figuresPage(all []authorityFigures, ask figuresAsked) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Notifications</title></head><body><h1>Notifications, %s to %s</h1>", ask.from, ask.to)
	columns, lines := figuresTable(all, ask.byTeam)
	most := 1
	for _, l := range lines {
		for _, n := range []*int{l.of.Unread, l.of.Overdue} {
			if n != nil {
				most = max(most, *n)
			}
		}
	}
	fmt.Fprintf(&b, "<h2>Unread, and of these overdue</h2><svg viewBox=\"0 0 760 %d\" role=\"img\" aria-label=\"Unread and overdue notifications\">", 26*len(lines)+4)
	for i, l := range lines {
		y := 26*i + 4
		fmt.Fprintf(&b, `<text x="240" y="%d" text-anchor="end" font-size="13">%s</text>`, y+14, html.EscapeString(l.label))
		for _, bar := range []struct {
			n     *int
			fill  string
			label string
		}{{l.of.Unread, "#768692", "unread"}, {l.of.Overdue, "#8a1538", "overdue"}} {
			if bar.n != nil && *bar.n > 0 {
				fmt.Fprintf(&b, `<rect x="250" y="%d" width="%d" height="18" fill="%s"><title>%d %s</title></rect>`, y, max(1, 440**bar.n/most), bar.fill, *bar.n, bar.label)
			}
		}
	}
	b.WriteString("</svg><table><tr>")
	for _, c := range columns {
		fmt.Fprintf(&b, "<th>%s</th>", strings.ReplaceAll(c, "_", " "))
	}
	b.WriteString("</tr>")
	for _, l := range lines {
		b.WriteString("<tr>")
		for _, c := range l.cells {
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
