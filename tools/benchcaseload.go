package tools

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
	"custos/tools/synthetic"
)

// caseloadResult is how long a caseload takes to be recorded, opened and sent.
type caseloadResult struct {
	People  int     `json:"people"`
	Bytes   int     `json:"bytes"`
	Reads   int     `json:"reads"`
	Median  float64 `json:"medianMs"`
	Longest float64 `json:"longestMs"`
}

func (a *app) benchCaseloadCommand(b *benchFlags) *cobra.Command {
	var people, reads int
	cmd := &cobra.Command{
		Use: "caseload", Short: "Measure a large caseload: each read is recorded with an entry for everybody on it",
		Long: "Measure a large caseload of a running demo: uploads plans, enrols their people at the demo's school, and reads\n" +
			"its nurse's caseload again and again. Each read is recorded, with an entry for everybody on it.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.benchCaseload(b, people, reads) },
	}
	cmd.Flags().IntVar(&people, "people", 2000, "people to enrol")
	cmd.Flags().IntVar(&reads, "reads", 20, "how often the caseload is read")
	return cmd
}

func (a *app) benchCaseload(b *benchFlags, people, reads int) error {
	l, _, env, err := b.prepareUpload(false)
	if err != nil {
		return err
	}
	if people < 12 || people > synthetic.MaxChildren || reads < 1 {
		return failf(ExitUsage, "12 to %d --people and some --reads are needed", synthetic.MaxChildren)
	}
	base, now := "http://"+l.addrs[0], time.Now()
	file, err := uploadFile(people, uint64(now.Unix()), ledger.Of(now).Day())
	if err != nil {
		return failing(ExitUsage, err)
	}
	if _, err := benchPost(base+"/v1/uploads?sequence="+strconv.FormatInt(now.Unix(), 10), env["T_LA2_UPLOADER"], "text/csv", file); err != nil {
		return err
	}
	enrolments, err := benchEnrolments(file, env["SCHOOL_URN"])
	if err != nil {
		return failing(ExitUsage, err)
	}
	if _, err := benchPost(base+"/v1/enrolments", env["T_CHILD_HEALTH"], "text/csv", enrolments); err != nil {
		return err
	}
	ask, _ := json.Marshal(map[string]string{"school": env["SCHOOL_URN"]}) // of strings alone
	out := caseloadResult{Reads: reads}
	var took []float64
	for range reads {
		began := time.Now()
		body, err := benchPost(base+"/v1/caseloads/lookups", env["T_SCHOOL_NURSE"], "application/json", ask)
		if err != nil {
			return err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		var list struct{ People, Ended []json.RawMessage }
		if err := json.Unmarshal(body, &list); err != nil {
			return failf(ExitNoServer, "the caseload does not read: %w", err)
		}
		out.People, out.Bytes = len(list.People)+len(list.Ended), len(body)
	}
	slices.Sort(took)
	out.Median, out.Longest = round(took[len(took)/2]), round(took[len(took)-1])
	if a.json() {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintf(a.stdout, "%d people, %d bytes: median %.1f ms, longest %.1f ms of %d reads, each recorded\n", out.People, out.Bytes, out.Median, out.Longest, reads)
	return failing(ExitUnreadable, err)
}

// benchEnrolments enrols everybody whom an upload names at one school.
func benchEnrolments(upload []byte, urn string) ([]byte, error) {
	rows, err := csv.NewReader(bytes.NewReader(upload)).ReadAll()
	if err != nil {
		return nil, err
	}
	at := -1
	if len(rows) > 0 {
		at = slices.Index(rows[0], "nhs_number")
	}
	if at < 0 {
		return nil, fmt.Errorf("the upload has no column nhs_number")
	}
	var b bytes.Buffer
	b.WriteString("nhs_number,school,from\n")
	for _, r := range rows[1:] {
		fmt.Fprintf(&b, "%s,%s,2025-09-01\n", r[at], urn)
	}
	return b.Bytes(), nil
}

// benchPost sends one request and reads the whole answer.
func benchPost(url, token, media string, body []byte) ([]byte, error) {
	q, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, failing(ExitUsage, err)
	}
	q.Header.Set("Content-Type", media)
	return benchDo(q, token)
}
