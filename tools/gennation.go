package tools

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"custos/tools/synthetic"
)

func (a *app) genNationCommand() *cobra.Command {
	var n synthetic.Nation
	var rows, file int
	var out, today string
	cmd := &cobra.Command{
		Use: "nation", Short: "Make a nation's plans, schools and a year of enrolment rows as files for upload",
		Long: "Make a nation's plans, schools and a year of enrolment rows as files for upload: schools.csv in the shape of GIAS,\n" +
			"upload-CODE.csv for each authority, enrolments-lists.csv with two large caseloads, and enrolments-NNNNN.csv. They are\n" +
			"written as they are made, in the same memory whatever the number of rows. The same day gives the same bytes.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			if err := required(map[string]string{"out": out}); err != nil {
				return err
			}
			var err error
			if n.Today, err = givenDay(today); err != nil {
				return err
			}
			if rows < 0 || file < 1 {
				return failf(ExitUsage, "--rows and --file-rows must be greater than zero")
			}
			return a.genNation(n, rows, file, out)
		},
	}
	f := cmd.Flags()
	f.IntVar(&n.Plans, "plans", 200_000, "people with a plan")
	f.IntVar(&n.Schools, "schools", 24_000, "schools")
	f.IntVar(&n.Authorities, "authorities", 150, "local authorities")
	f.IntVar(&n.Caseload, "caseload", 2000, "people of each large list")
	f.StringVar(&n.School, "school", "990001", "school of the first large caseload")
	f.StringVar(&n.Area, "area", "E05999001", "area of the second")
	f.IntVar(&rows, "rows", 12_000_000, "enrolment rows")
	f.IntVar(&file, "file-rows", 100_000, "rows of one file")
	f.StringVar(&today, "today", "", "the day on which everything is true, YYYY-MM-DD (today)")
	f.StringVar(&out, "out", "", "folder to write to; made if need be")
	return cmd
}

func (a *app) genNation(c synthetic.Nation, rows, file int, out string) error {
	n, err := synthetic.NewNation(c)
	if err != nil {
		return failing(ExitUsage, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return failing(ExitUnreadable, err)
	}
	write := func(name string, make func(io.Writer) error) error {
		f, err := os.Create(filepath.Join(out, name))
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		err = make(f)
		if closed := f.Close(); err == nil {
			err = closed
		}
		return failing(ExitUnreadable, err)
	}
	if err := write("schools.csv", n.WriteSchools); err != nil {
		return err
	}
	plans := 0
	for i := range n.Authorities {
		if err := write("upload-"+n.Authority(i)+".csv", func(w io.Writer) error {
			k, err := n.WritePlans(w, i)
			plans += k
			return err
		}); err != nil {
			return err
		}
	}
	if err := write("enrolments-lists.csv", n.WriteCaseloads); err != nil {
		return err
	}
	year := n.NewEnrolments()
	for i, done := 1, 0; done < rows; i++ {
		k := min(file, rows-done)
		if err := write(fmt.Sprintf("enrolments-%05d.csv", i), func(w io.Writer) error { return year.Write(w, k) }); err != nil {
			return err
		}
		done += k
	}
	if a.json() {
		return a.printJSON(map[string]any{"plans": plans, "authorities": n.Authorities, "schools": n.Schools, "enrolmentRows": rows, "out": out})
	}
	_, err = fmt.Fprintf(a.stdout, "%d plans of %d authorities, %d schools and %d enrolment rows, in %s\n", plans, n.Authorities, n.Schools, rows, out)
	return failing(ExitUnreadable, err)
}
