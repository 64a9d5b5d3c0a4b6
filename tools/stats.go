package tools

import (
	"fmt"

	"github.com/spf13/cobra"

	"custos/ledger"
)

// prefixes are the kinds of rows of a ledger's store, as docs/FORMAT.md lists them.
var prefixes = []struct {
	prefix byte
	name   string
}{
	{'e', "entries"}, {'s', "sealed rows"}, {'k', "wrapped keys"}, {'t', "tree tiles"}, {'v', "views"}, {'m', "heads"},
}

// statsReport is what stats -o json prints.
type statsReport struct {
	Size    ledger.Seq          `json:"size"`
	First   string              `json:"first"`
	Last    string              `json:"last"`
	People  int                 `json:"people"`
	Kinds   map[string]int      `json:"kinds"`
	Days    []dayCount          `json:"days"`
	Rows    map[string]rowCount `json:"rows"`
	Average float64             `json:"averageRecord"` // bytes
	Longest int                 `json:"longestRecord"`
}

type dayCount struct {
	Day     string `json:"day"`
	Entries int    `json:"entries"`
	Lookups int    `json:"lookups"`
	Total   int    `json:"total"` // entries up to the end of the day
}

type rowCount struct {
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

func (a *app) statsCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use: "stats", Short: "Count entries by kind and day, people, and what takes how much room",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.stats(data) },
	}
	cmd.Flags().StringVar(&data, "data", "", "a node's data folder")
	return cmd
}

func (a *app) stats(data string) error {
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	r := statsReport{Size: f.db.Head().Size, Kinds: map[string]int{}, Days: []dayCount{}, Rows: map[string]rowCount{}}
	if err := f.count(&r); err != nil {
		return err
	}
	for _, p := range prefixes {
		var b rowCount
		err := guard(func() error {
			for row, err := range f.db.Scan([]byte{p.prefix}) {
				if err != nil {
					return err
				}
				b.Rows++
				b.Bytes += int64(len(row.Key) + len(row.Value))
			}
			return nil
		})
		if err != nil {
			f.struck = true
			return failf(ExitIntegrity, "%s do not read; verify says more: %w", p.name, err)
		}
		r.Rows[p.name] = b
	}
	return a.printStats(&r)
}

// count walks the entries. Its memory grows with people and days.
func (f *folder) count(r *statsReport) error {
	people := map[ledger.PersonRef]bool{}
	total := int64(0)
	err := f.entries(r.Size, func(group []ledger.Entry) (bool, error) {
		for i := range group {
			e := &group[i]
			r.Kinds[e.Kind.String()]++
			if e.Person != nil {
				people[e.Person.Ref] = true
			}
			day := e.Time.Day().String()
			if n := len(r.Days); n == 0 || r.Days[n-1].Day != day {
				r.Days = append(r.Days, dayCount{Day: day})
			}
			d := &r.Days[len(r.Days)-1]
			d.Entries++
			d.Total = int(e.Seq) + 1
			if e.Kind == ledger.KindAccessed {
				d.Lookups++
			}
			if e.Seq == 0 {
				r.First = e.Time.String()
			}
			r.Last = e.Time.String()
			total += int64(len(e.Record()))
			r.Longest = max(r.Longest, len(e.Record()))
		}
		return true, nil
	})
	r.People = len(people)
	if r.Size > 0 {
		r.Average = round(float64(total) / float64(r.Size))
	}
	return err
}

func (a *app) printStats(r *statsReport) error {
	if a.json() {
		return a.printJSON(r)
	}
	fmt.Fprintf(a.stdout, "%d entries from %s to %s about %d people; a record has %.0f bytes on average, %d at most\n\n",
		r.Size, r.First, r.Last, r.People, r.Average, r.Longest)
	var rows [][]any
	for _, p := range prefixes {
		rows = append(rows, []any{p.name, r.Rows[p.name].Rows, r.Rows[p.name].Bytes})
	}
	if err := table(a.stdout, []any{"WHAT", "ROWS", "BYTES"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	rows = nil
	var kinds []string
	for k := range r.Kinds {
		kinds = append(kinds, k)
	}
	for _, k := range sorted(kinds) {
		rows = append(rows, []any{k, r.Kinds[k]})
	}
	if err := table(a.stdout, []any{"KIND", "ENTRIES"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	rows = nil
	for _, d := range r.Days {
		rows = append(rows, []any{d.Day, d.Entries, d.Lookups, d.Total})
	}
	return table(a.stdout, []any{"DAY", "ENTRIES", "LOOKUPS", "TOTAL"}, rows)
}
