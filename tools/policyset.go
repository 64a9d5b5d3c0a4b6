package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
)

type policySet struct {
	of       serviceFlags
	place    string
	patience time.Duration
	body     struct {
		policySaid
		From   string `json:"from"`
		Reason string `json:"reason"`
	}
}

func (a *app) policySetCommand() *cobra.Command {
	var p policySet
	cmd := &cobra.Command{
		Use: "set", Short: "Record what a place says from a day on",
		Long: "Record what a place says from a day on. Items that are left out stay as the place said them before; \"inherit\" lets the\n" +
			"place above speak again. A region is switched on by one command:\n\n" +
			"  custos-tools policy set --url https://NODE --place Y56 --from 2026-06-01 --live yes --reason \"pilot, board of 3 May\"\n\n" +
			"Asked again, it records nothing twice. The token, of an operator, is read from --token-file or $" + tokenVariable + ".",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.setPolicy(&p) },
	}
	p.of.add(cmd)
	f := cmd.Flags()
	f.StringVar(&p.place, "place", "", "an organisation's code, or "+ledger.Nation+" for England")
	f.StringVar(&p.body.From, "from", "", "the first day, YYYY-MM-DD: today or later")
	f.StringVar(&p.body.Live, "live", "", "yes, no or inherit: the service answers there")
	f.StringVar(&p.body.Setting, "setting", "", "unscheduled, scheduled or inherit")
	f.StringVar(&p.body.Notify, "notify", "", "yes, no or inherit: authorities are told of unscheduled lookups there")
	f.StringVar(&p.body.History, "history", "", "yes, no or inherit: they show in the access history")
	f.StringSliceVar(&p.body.Roles, "roles", nil, "who may look people up there, with commas between, or inherit")
	f.StringVar(&p.body.Ended, "ended", "", "yes, no or inherit, of an authority: it is told although its plan has ended")
	f.StringVar(&p.body.Links, "links", "", "yes, no or inherit: enrolments of people without a plan are kept, sealed")
	f.StringVar(&p.body.DPIA, "dpia", "", "the assessment that allows --links yes, by its reference")
	f.IntVar(&p.body.Days, "link-days", 0, fmt.Sprintf("for how many days since their source last said anything of the child links are kept without a plan (%d to %d; %d if --links yes says none)",
		ledger.MinLinkDays, ledger.MaxLinkDays, ledger.LinkDays))
	f.StringVar(&p.body.Reason, "reason", "", "why; it is sealed")
	f.DurationVar(&p.patience, "patience", time.Minute, "how long to go on asking for an answer")
	return cmd
}

func (a *app) setPolicy(p *policySet) error {
	if err := required(map[string]string{"place": p.place, "from": p.body.From, "reason": p.body.Reason}); err != nil {
		return err
	}
	s, err := p.of.open()
	if err != nil {
		return err
	}
	body, err := json.Marshal(&p.body)
	if err != nil {
		return err
	}
	var done struct {
		Seq  ledger.Seq `json:"seq"`
		From string     `json:"from"`
	}
	err = a.persist(p.patience, func(ctx context.Context, key string) error {
		header := http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}}
		res, err := s.do(ctx, http.MethodPut, "/v1/policies/"+url.PathEscape(p.place), header, strings.NewReader(string(body)), int64(len(body)))
		if err != nil {
			return repeatable(err)
		}
		defer func() { _ = res.Body.Close() }() // only read
		if res.StatusCode != http.StatusOK {
			return repeatable(refused(res))
		}
		return repeatable(failing(ExitNoServer, json.NewDecoder(res.Body).Decode(&done)))
	})
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(done)
	}
	fmt.Fprintf(a.stdout, "recorded as entry %d; it holds from %s\n", done.Seq, brief(done.From))
	return nil
}
