package tools

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"custos/ledger"
)

// A site that looks nobody up is silent in every other figure: it is found only
// beside how many people attended there, which is not ours to know. The file of
// attendances says it.

// siteLine is one site with what attended and what was looked up there.
type siteLine struct {
	ODS         string  `json:"ods"`
	Name        string  `json:"name,omitempty"` // as the ledger has it
	Attendances int     `json:"attendances"`
	Lookups     int     `json:"lookups"`
	Percent     float64 `json:"percent"` // lookups of attendances
	Little      bool    `json:"little"`  // below --least
}

type sitesFlags struct {
	data, attendances, from, to string
	least                       float64
}

func (a *app) sitesCommand() *cobra.Command {
	var s sitesFlags
	cmd := &cobra.Command{
		Use: "sites", Short: "Find sites that look up little for their attendances",
		Long: "Find sites that look up little for their attendances. FILE of --attendances is CSV with the columns ods and\n" +
			"attendances: how many children attended there in the time asked for. Lookups are counted by the organisation that\n" +
			"made them, denied ones not, from a stopped node's folder or a copy. Lowest first; nobody is named. With -o html it\n" +
			"is one page with a chart, without scripts or outside parts, that prints.",
		Args: exactly(0, ""),
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains([]string{"text", "json", "csv", "html"}, a.output) {
				return failf(ExitUsage, "-o takes text, json, csv or html")
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { return a.sites(s) },
	}
	f := cmd.Flags()
	f.StringVar(&s.data, "data", "", "a node's data folder")
	f.StringVar(&s.attendances, "attendances", "", "CSV file: ods,attendances")
	f.StringVar(&s.from, "from", "", "from this time or day")
	f.StringVar(&s.to, "to", "", "to this time or day")
	f.Float64Var(&s.least, "least", 50, "per cent of attendances below which a site looks up little")
	f.StringVarP(&a.output, "output", "o", "text", "text, json, csv or html")
	return cmd
}

func (a *app) sites(s sitesFlags) error {
	if err := required(map[string]string{"data": s.data, "attendances": s.attendances}); err != nil {
		return err
	}
	var from, to ledger.Time
	var err error
	if s.from != "" {
		if from, err = parseSince(s.from); err != nil {
			return failing(ExitUsage, err)
		}
	}
	if s.to != "" {
		if to, err = parseMoment(s.to); err != nil {
			return failing(ExitUsage, err)
		}
	}
	attended, err := readAttendances(s.attendances)
	if err != nil {
		return err
	}
	f, err := openFolder(s.data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	lookups, names := map[string]int{}, map[string]string{}
	r := sitesReport{Period: period(from, to), Least: s.least}
	err = f.entries(f.db.Head().Size, func(group []ledger.Entry) (bool, error) {
		for i := range group {
			e := &group[i]
			switch ev := e.Event.(type) {
			case *ledger.LogOpened:
				r.Log, r.Synthetic = ev.Origin, ev.Synthetic
			case *ledger.OrganisationRecorded:
				names[ev.Organisation.Code] = ev.Organisation.Name
			case *ledger.Accessed:
				if e.Time >= from && (to == 0 || e.Time <= to) {
					lookups[group[0].Actor.Organisation]++
				}
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	out := []siteLine{}
	for _, ods := range attended.order {
		n := attended.of[ods]
		percent := round(100 * float64(lookups[ods]) / float64(n))
		out = append(out, siteLine{ods, names[ods], n, lookups[ods], percent, percent < s.least})
	}
	slices.SortStableFunc(out, func(x, y siteLine) int {
		switch {
		case x.Percent < y.Percent:
			return -1
		case x.Percent > y.Percent:
			return 1
		}
		return 0
	})
	if a.output != "html" {
		return a.printSites(out)
	}
	r.Sites = out
	page, err := r.page()
	if err == nil {
		_, err = a.stdout.Write(page)
	}
	return failing(ExitUnreadable, err)
}

func (a *app) printSites(all []siteLine) error {
	if a.json() {
		return a.printJSON(map[string]any{"sites": all})
	}
	var rows [][]any
	w := csv.NewWriter(a.stdout)
	cells := []string{"ods", "attendances", "lookups", "percent", "little"}
	if a.output == "csv" {
		_ = w.Write(cells) // its error is kept until the end
	}
	for _, l := range all {
		little := ""
		if l.Little {
			little = "little"
		}
		cells = []string{l.ODS, strconv.Itoa(l.Attendances), strconv.Itoa(l.Lookups), strconv.FormatFloat(l.Percent, 'f', 1, 64), little}
		if a.output == "csv" {
			_ = w.Write(inert(cells))
			continue
		}
		rows = append(rows, []any{cells[0], cells[1], cells[2], cells[3] + " %", cells[4]})
	}
	if a.output == "csv" {
		w.Flush()
		return failing(ExitUnreadable, w.Error())
	}
	return table(a.stdout, []any{"SITE", "ATTENDANCES", "LOOKUPS", "OF THEM", ""}, rows)
}

type attendances struct {
	order []string
	of    map[string]int
}

func readAttendances(path string) (attendances, error) {
	out := attendances{of: map[string]int{}}
	f, err := os.Open(path)
	if err != nil {
		return out, failing(ExitUnreadable, err)
	}
	defer func() { _ = f.Close() }() // only read
	r := csv.NewReader(f)
	head, err := r.Read()
	ods, n := slices.Index(head, "ods"), slices.Index(head, "attendances")
	if err != nil || ods < 0 || n < 0 {
		return out, failf(ExitUnreadable, "the first line of --attendances names the columns ods and attendances")
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, failf(ExitUnreadable, "a row of --attendances does not read")
		}
		line, _ := r.FieldPos(0)
		count, err := strconv.Atoi(strings.TrimSpace(row[n]))
		code := strings.TrimSpace(row[ods])
		if _, twice := out.of[code]; err != nil || count < 1 || code == "" || twice {
			return out, failf(ExitUnreadable, "--attendances, line %d: each site stands once, with a whole number from 1", line)
		}
		out.order = append(out.order, code)
		out.of[code] = count
	}
}
