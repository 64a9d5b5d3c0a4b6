package tools

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// fhirRound is one way of asking, measured in turn with the others.
type fhirRound struct {
	name  string
	url   string // what stands before the NHS number; empty: POST /v1/lookups
	check func(status int, body []byte) string
	all   []benchResult
}

// fhirResult is what bench fhir -o json prints, for each way of asking: the
// median of its rounds.
type fhirResult struct {
	Name           string         `json:"name"`
	CPUPerLookup   *float64       `json:"cpuUsPerLookup,omitempty"`
	Ratio          *float64       `json:"ratio,omitempty"` // of that to POST /v1/lookups
	PerSecond      float64        `json:"perSecond"`
	BytesPerAnswer int            `json:"bytesPerAnswer"` // of the last answer that counted
	Lookups        int            `json:"lookups"`
	Errors         int            `json:"errors"`
	ErrorKinds     map[string]int `json:"errorKinds,omitempty"`
}

func (a *app) benchFHIRCommand(b *benchFlags) *cobra.Command {
	var rounds int
	cmd := &cobra.Command{
		Use: "fhir", Short: "Measure what a lookup costs as FHIR asks for it, beside POST /v1/lookups",
		Long: "Measure what a lookup costs as FHIR asks for it, beside POST /v1/lookups: in turn, several rounds of each, so that\n" +
			"a machine that grows slower does so for all. What is compared is processor time for each answer, not speed.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.benchFHIR(b, rounds) },
	}
	cmd.Flags().IntVar(&rounds, "rounds", 3, "how often each is measured")
	return cmd
}

func (a *app) benchFHIR(b *benchFlags, rounds int) error {
	if rounds < 1 || rounds > 100 {
		return failf(ExitUsage, "--rounds takes 1 to 100")
	}
	l, pids, env, err := b.prepare()
	if err != nil {
		return err
	}
	tokens, err := b.lines(b.tokens, "bench-tokens")
	if err != nil {
		return err
	}
	people, err := b.lines(b.people, "bench-people")
	if err != nil {
		return err
	}
	const identifier = "?patient:identifier=https://fhir.nhs.uk/Id/nhs-number%7C"
	ways := []*fhirRound{
		{name: "POST /v1/lookups", check: checkFound},
		{name: "CareTeam", url: "/FHIR/R4/CareTeam" + identifier, check: checkBundle("CareTeam")},
		{name: "AuditEvent", url: "/FHIR/R4/AuditEvent" + identifier, check: checkHistory},
		{name: "PatientFlag", url: "/FHIR/R4/PatientFlag?code=child-protection-information-system-flag&patient=", check: checkBundle("Flag")},
	}
	sizes := make([]int, len(ways))
	for range rounds {
		for i, w := range ways {
			l.check = func(status int, body []byte) string {
				wrong := w.check(status, body)
				if wrong == "" {
					sizes[i] = len(body)
				}
				return wrong
			}
			if w.url == "" {
				cachedRequests(l, tokens, people)
			} else {
				fhirRequests(l, w.url, tokens, people)
			}
			r, err := b.measure(l, pids)
			if err != nil {
				return err
			}
			if r.Lookups == 0 {
				return failf(ExitNoServer, "no lookup succeeded: %s%s", kinds(r.ErrorKinds), hint(env))
			}
			w.all = append(w.all, r)
		}
	}
	var out []fhirResult
	for i, w := range ways {
		r := w.median()
		if r.BytesPerAnswer = sizes[i]; r.CPUPerLookup != nil && len(out) > 0 && out[0].CPUPerLookup != nil {
			ratio := float64(int64(*r.CPUPerLookup / *out[0].CPUPerLookup * 100 + 0.5)) / 100
			r.Ratio = &ratio
		}
		out = append(out, r)
	}
	return a.printFHIR(out)
}

// fhirRequests is cachedRequests with a number in the address.
func fhirRequests(l *load, url string, tokens, people []string) {
	turns := make([]int, l.clients)
	l.next = func(client int, buf []byte) ([]byte, bool) {
		turn := turns[client]
		turns[client]++
		buf = append(append(append(buf, "GET "...), url...), people[(client*7919+turn)%len(people)]...)
		return fmt.Appendf(buf, " HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/fhir+json\r\n\r\n",
			l.addrs[0], tokens[(client+turn*l.clients)%len(tokens)]), true
	}
}

// checkBundle accepts a bundle that holds a resource of a type.
func checkBundle(kind string) func(int, []byte) string {
	mark := []byte(`"resource":{"resourceType":"` + kind + `"`)
	return func(status int, body []byte) string {
		switch {
		case status == 200 && bytes.Contains(body, mark):
			return ""
		case status == 200:
			return "200 without " + kind
		}
		return fmt.Sprintf("%d %s", status, problemCode(body))
	}
}

// checkHistory accepts a history, one that is hidden included: nothing found
// would have its caution beside it.
func checkHistory(status int, body []byte) string {
	if status == 200 && bytes.Contains(body, []byte(`"total":0`)) && !bytes.Contains(body, []byte(`"OperationOutcome"`)) {
		return ""
	}
	return checkBundle("AuditEvent")(status, body)
}

// median is the round in the middle, by processor time where that is known and
// by speed where it is not, with everything that went wrong in any.
func (w *fhirRound) median() fhirResult {
	slices.SortFunc(w.all, func(a, b benchResult) int {
		x, y := -a.PerSecond, -b.PerSecond
		if a.CPUPerLookup != nil && b.CPUPerLookup != nil {
			x, y = *a.CPUPerLookup, *b.CPUPerLookup
		}
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	m := w.all[len(w.all)/2]
	out := fhirResult{Name: w.name, CPUPerLookup: m.CPUPerLookup, PerSecond: m.PerSecond}
	for _, r := range w.all {
		out.Lookups += r.Lookups
		out.Errors += r.Errors
		for k, n := range r.ErrorKinds {
			if out.ErrorKinds == nil {
				out.ErrorKinds = map[string]int{}
			}
			out.ErrorKinds[k] += n
		}
	}
	return out
}

func (a *app) printFHIR(all []fhirResult) error {
	if a.json() {
		return a.printJSON(all)
	}
	for _, r := range all {
		fmt.Fprintf(a.stdout, "%-17s %6.0f lookups/s, %6d bytes an answer, %d errors", r.Name, r.PerSecond, r.BytesPerAnswer, r.Errors)
		if r.CPUPerLookup != nil {
			fmt.Fprintf(a.stdout, ", %.0f microseconds of CPU each", *r.CPUPerLookup)
		}
		if r.Ratio != nil {
			fmt.Fprintf(a.stdout, ", x %.2f", *r.Ratio)
		}
		if r.Errors > 0 {
			fmt.Fprintf(a.stdout, " (%s)", kinds(r.ErrorKinds))
		}
		fmt.Fprintln(a.stdout)
	}
	return nil
}
