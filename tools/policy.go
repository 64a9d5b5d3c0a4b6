package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"custos/ledger"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "Show which rules care settings look people up by, and change them",
		Long: "Show which rules care settings look people up by, on any date, and change them (docs/POLICY.md).",
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.policyShowCommand(), a.policySetCommand())
	return cmd
}

type policyShow struct {
	of              serviceFlags
	data, place, on string
}

func (a *app) policyShowCommand() *cobra.Command {
	var p policyShow
	cmd := &cobra.Command{
		Use: "show", Short: "Show what each place says, or which rules hold at one place on a date",
		Long: "Show what each place has said and will say, or with --place which rules hold there, whose word each is and since\n" +
			"when. --on asks for a date, past or to come. From --data, a stopped node's folder, the answer comes from the entries\n" +
			"alone, as they were at the end of that day; from --url, parents are as they are now.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.showPolicy(&p) },
	}
	p.of.add(cmd)
	f := cmd.Flags()
	f.StringVar(&p.data, "data", "", "a node's data folder, instead of --url")
	f.StringVar(&p.place, "place", "", "an organisation's code, or "+ledger.Nation+" for England")
	f.StringVar(&p.on, "on", "", "a date, YYYY-MM-DD (today, or the last day in the folder)")
	return cmd
}

// policySaid is a policy as the service spells it, item by item.
type policySaid struct {
	Live    string   `json:"live,omitempty"`
	Setting string   `json:"setting,omitempty"`
	Notify  string   `json:"notify,omitempty"`
	History string   `json:"history,omitempty"`
	Roles   []string `json:"roles,omitempty"`
	Ended   string   `json:"ended,omitempty"`
	Links   string   `json:"links,omitempty"`
	DPIA    string   `json:"dpia,omitempty"`
	Days    int      `json:"linkDays,omitempty"`
}

// item is what the policy says of one thing.
func (s *policySaid) item(name string) string {
	switch name {
	case "live":
		return s.Live
	case "setting":
		return s.Setting
	case "notify":
		return s.Notify
	case "history":
		return s.History
	case "roles":
		return strings.Join(s.Roles, " ")
	case "ended":
		return s.Ended
	}
	switch {
	case s.DPIA == "":
		return s.Links
	case s.Days == 0: // what the place said; what holds always has a number
		return s.Links + " (" + s.DPIA + ")"
	}
	return fmt.Sprintf("%s (%s), for %d days", s.Links, s.DPIA, s.Days)
}

// policyList is what every place says.
type policyList struct {
	Nation string             `json:"nation"`
	Places []policyOfOnePlace `json:"places"`
	AsOf   ledger.Seq         `json:"asOf"`
}

type policyOfOnePlace struct {
	ODS     string        `json:"ods"`
	Name    string        `json:"name"`
	Parent  string        `json:"parent,omitempty"`
	Entries []policyEntry `json:"entries"`
}

type policyEntry struct {
	From     string     `json:"from"`
	Seq      ledger.Seq `json:"seq"`
	Recorded string     `json:"recordedAt"`
	Says     policySaid `json:"says"`
}

// policyHeld is which rules hold at one place.
type policyHeld struct {
	Place struct {
		ODS  string `json:"ods"`
		Name string `json:"name"`
	} `json:"place"`
	On       string         `json:"on"`
	Care     bool           `json:"careSetting"`
	Holds    policySaid     `json:"holds"`
	Of       []policySource `json:"of"`
	LiveFrom string         `json:"liveFrom,omitempty"`
	AsOf     ledger.Seq     `json:"asOf"`
}

type policySource struct {
	Item  string      `json:"item"`
	ODS   string      `json:"ods,omitempty"`
	Name  string      `json:"name,omitempty"`
	Seq   *ledger.Seq `json:"seq,omitempty"`
	Since string      `json:"since,omitempty"`
}

func (a *app) showPolicy(p *policyShow) error {
	switch {
	case (p.data == "") == (p.of.url == ""):
		return failf(ExitUsage, "give one of --data and --url")
	case p.on != "" && p.place == "":
		return failf(ExitUsage, "--on asks about one place: give --place")
	}
	on := ledger.Day(0)
	if p.on != "" {
		var err error
		if on, err = ledger.ParseDay(p.on); err != nil {
			return failf(ExitUsage, "--on is a date, YYYY-MM-DD")
		}
	}
	if p.data != "" {
		return a.showRecorded(p.data, p.place, on)
	}
	s, err := p.of.open()
	if err != nil {
		return err
	}
	if p.place == "" {
		var list policyList
		if err := s.read("/v1/policies", &list); err != nil {
			return err
		}
		return a.printPolicies(&list)
	}
	path := "/v1/policies/" + url.PathEscape(p.place)
	if p.on != "" {
		path += "?on=" + p.on
	}
	var held policyHeld
	if err := s.read(path, &held); err != nil {
		return err
	}
	return a.printHeld(&held)
}

// read gets a JSON resource.
func (s *service) read(path string, into any) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := s.get(ctx, path)
	if err != nil {
		return err
	}
	if json.Unmarshal(b, into) != nil {
		return failf(ExitNoServer, "the service's answer does not read")
	}
	return nil
}

func (a *app) printPolicies(list *policyList) error {
	if a.json() {
		return a.printJSON(list)
	}
	if len(list.Places) == 0 {
		fmt.Fprintln(a.stdout, "no place says anything: every care setting is live, told and shown as its own record has it")
		return nil
	}
	var rows [][]any
	for _, p := range list.Places {
		for _, e := range p.Entries {
			var says []string
			for _, i := range ledger.PolicyItems() {
				if text := e.Says.item(i.String()); text != "" {
					says = append(says, i.String()+" "+text)
				}
			}
			rows = append(rows, []any{brief(p.ODS), brief(p.Name), brief(e.From), brief(strings.Join(says, ", ")), e.Seq, brief(e.Recorded)})
		}
	}
	return table(a.stdout, []any{"PLACE", "NAME", "FROM", "SAYS", "ENTRY", "RECORDED"}, rows)
}

func (a *app) printHeld(h *policyHeld) error {
	if a.json() {
		return a.printJSON(h)
	}
	fmt.Fprintf(a.stdout, "%s %s on %s, as of %d entries\n", brief(h.Place.ODS), brief(h.Place.Name), brief(h.On), h.AsOf)
	if !h.Care {
		fmt.Fprintln(a.stdout, "its record is of no care setting: nobody is looked up from there")
	}
	switch {
	case h.LiveFrom != "":
		fmt.Fprintf(a.stdout, "not live; live from %s\n", brief(h.LiveFrom))
	case h.Holds.Live == ledger.No.String():
		fmt.Fprintln(a.stdout, "not live, and no day is set")
	}
	var rows [][]any
	for _, of := range h.Of {
		whose, entry := "nobody's: the default", ""
		switch {
		case of.Seq != nil:
			whose, entry = of.ODS+" "+of.Name, seqText(*of.Seq)
		case of.ODS != "":
			whose = of.ODS + " " + of.Name + ", its record"
		}
		value := h.Holds.item(of.Item)
		if value == "" {
			value = "any that may"
		}
		rows = append(rows, []any{brief(of.Item), brief(value), brief(whose), brief(of.Since), entry})
	}
	return table(a.stdout, []any{"ITEM", "HOLDS", "WHOSE WORD", "SINCE", "ENTRY"}, rows)
}
