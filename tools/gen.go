package tools

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
	"custos/tools/synthetic"
)

func (a *app) genCommand() *cobra.Command {
	var c synthetic.GenConfig
	var out, today string
	var xml bool
	cmd := &cobra.Command{
		Use: "gen", Short: "Make synthetic people, plans and places as files for upload",
		Long: "Make synthetic people, plans and places as files for upload: for each authority upload-CODE.csv and\n" +
			"enrolments-CODE.csv; organisations.json; and register.csv, a register of everybody; with --xml also\n" +
			"upload-CODE.xml, the same plans as CP-IS message 01. The same seed and day give the same bytes.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			if err := required(map[string]string{"out": out}); err != nil {
				return err
			}
			var err error
			if c.Today, err = givenDay(today); err != nil {
				return err
			}
			return a.gen(c, out, xml)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&c.Seed, "seed", 1, "what everything is derived from")
	f.IntVar(&c.Children, "children", 400, "people with a plan")
	f.IntVar(&c.Authorities, "authorities", 3, "local authorities")
	f.IntVar(&c.Schools, "schools", 0, "schools of all authorities (12, or one each)")
	f.StringVar(&today, "today", "", "the day on which everything is true, YYYY-MM-DD (today)")
	f.BoolVar(&xml, "xml", false, "write uploads as CP-IS message 01 as well")
	f.StringVar(&out, "out", "", "folder to write to; made if need be")
	cmd.AddCommand(a.genNationCommand())
	return cmd
}

// givenDay reads --today, which is today if it is not given.
func givenDay(text string) (ledger.Day, error) {
	if text == "" {
		return ledger.Of(time.Now()).Day(), nil
	}
	day, err := ledger.ParseDay(text)
	if err != nil {
		return day, failf(ExitUsage, "--today: %w", err)
	}
	return day, nil
}

func (a *app) gen(c synthetic.GenConfig, out string, xml bool) error {
	s, err := synthetic.Generate(c)
	if err != nil {
		return failing(ExitUsage, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return failing(ExitUnreadable, err)
	}
	write := func(name string, b []byte, err error) error {
		if err == nil {
			err = os.WriteFile(filepath.Join(out, name), b, 0o644)
		}
		return failing(ExitUnreadable, err)
	}
	b, err := s.OrganisationsJSON()
	if err := write("organisations.json", b, err); err != nil {
		return err
	}
	b, _, err = s.Register()
	if err := write("register.csv", b, err); err != nil {
		return err
	}
	rows := 0
	for i, la := range s.Authorities {
		b, n, err := s.Upload(i, s.Config.Today)
		if err := write("upload-"+la.Code+".csv", b, err); err != nil {
			return err
		}
		rows += n
		if xml {
			var b bytes.Buffer
			u, err := syntheticUpload(s, i)
			if err == nil {
				err = u.write(&b, "xml")
			}
			if err := write("upload-"+la.Code+".xml", b.Bytes(), err); err != nil {
				return err
			}
		}
		b, _, err = s.Enrolments(i, s.Config.Today)
		if err := write("enrolments-"+la.Code+".csv", b, err); err != nil {
			return err
		}
	}
	if a.json() {
		return a.printJSON(map[string]any{"people": len(s.People), "plans": rows, "authorities": len(s.Authorities),
			"organisations": len(s.Organisations), "out": out})
	}
	_, err = fmt.Fprintf(a.stdout, "%d people with %d plans of %d authorities, and %d organisations, in %s\n",
		len(s.People), rows, len(s.Authorities), len(s.Organisations), out)
	return failing(ExitUnreadable, err)
}
