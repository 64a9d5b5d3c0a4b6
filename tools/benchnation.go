package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
	"custos/tools/synthetic"
)

// nationSizes are the measures of bench nation.
type nationSizes struct {
	plans, schools, authorities, caseload int
	rows, file, reads                     int
}

// nationResult is what bench nation -o json prints.
type nationResult struct {
	Plans       int           `json:"plans"`
	Schools     int           `json:"schools"`
	PlansPerSec float64       `json:"plansPerSecond"`
	Rows        int           `json:"enrolmentRows"`
	RowsPerSec  float64       `json:"rowsPerSecond"`
	Recorded    int           `json:"rowsRecorded"` // the others named nobody with a visible plan
	Linked      int           `json:"rowsLinked"`   // of these, those that are kept sealed, as policy may allow
	CPUPerRow   *float64      `json:"cpuUsPerRow,omitempty"`
	Memory      []memoryPoint `json:"serverMiB"`
	First       []readSpeed   `json:"readsBeforeTheRows"`
	Last        []readSpeed   `json:"readsAfterTheRows"`
}

// memoryPoint is what the servers take after so many rows.
type memoryPoint struct {
	Rows     int      `json:"rows"`
	Resident *float64 `json:"resident,omitempty"`
	Peak     *float64 `json:"peak,omitempty"` // since the point before
}

// readSpeed is how long one kind of list takes, recorded and opened and sent.
type readSpeed struct {
	List   string  `json:"list"`
	People int     `json:"people"`
	Bytes  int     `json:"bytes"`
	P50    float64 `json:"p50Ms"`
	P99    float64 `json:"p99Ms"` // with fewer than a hundred reads, the longest

	CPU *float64 `json:"serverCPUMs,omitempty"` // of the servers alone, for each read
}

func (a *app) benchNationCommand(b *benchFlags) *cobra.Command {
	var z nationSizes
	cmd := &cobra.Command{
		Use: "nation", Short: "Measure a nation's plans, a year of enrolment rows, and large caseloads among them",
		Long: "Measure a nation's plans, schools and a year of enrolment rows, through a running demo's own interface, with the\n" +
			"servers' memory at several points; and large lists, read before the rows and after them: a school nurse's, a\n" +
			"health visitor's with unborn children's plans, the same as CSV, and an authority's unassigned. Run it once a demo.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.benchNation(b, z) },
	}
	f := cmd.Flags()
	f.IntVar(&z.plans, "plans", 200_000, "people with a plan")
	f.IntVar(&z.schools, "schools", 24_000, "schools")
	f.IntVar(&z.authorities, "authorities", 150, "local authorities")
	f.IntVar(&z.caseload, "caseload", 2000, "people on each large list")
	f.IntVar(&z.rows, "rows", 12_000_000, "enrolment rows")
	f.IntVar(&z.file, "file-rows", 100_000, "rows of one file; memory is read after each tenth of all")
	f.IntVar(&z.reads, "reads", 20, "how often each list is read")
	return cmd
}

// nationBench is one run of it.
type nationBench struct {
	nationSizes
	n     *synthetic.Nation
	base  string
	env   demoEnv
	pids  []string
	staff *minter
}

func (a *app) benchNation(b *benchFlags, z nationSizes) error {
	l, _, env, err := b.prepareUpload(false)
	if err != nil {
		return err
	}
	if z.rows < 1 || z.file < 1 || z.reads < 1 {
		return failf(ExitUsage, "--rows, --file-rows and --reads must be greater than zero")
	}
	x := &nationBench{nationSizes: z, base: "http://" + l.addrs[0], env: env, pids: env.list("CUSTOS_PIDS")}
	if x.n, err = synthetic.NewNation(synthetic.Nation{Plans: z.plans, Schools: z.schools, Authorities: z.authorities, Caseload: z.caseload,
		Today: ledger.Of(time.Now()).Day(), School: env["SCHOOL_URN"], Area: env["AREA_CODE"]}); err != nil {
		return failing(ExitUsage, err)
	}
	if x.staff, err = newMinter(filepath.Join(b.dir, "secrets", "tokens.pem"), []string{env["T_LA2_UPLOADER"]}); err != nil {
		return err
	}
	out := nationResult{Plans: z.plans, Schools: z.schools}
	if err := x.load(a, &out); err != nil {
		return err
	}
	if out.First, err = x.read(); err != nil {
		return err
	}
	if err := x.enrol(a, &out); err != nil {
		return err
	}
	if out.Last, err = x.read(); err != nil {
		return err
	}
	return a.printNation(out)
}

// as mints a token of somebody on the staff of an authority.
func (x *nationBench) as(role, org string) (string, error) {
	claims := x.staff.bases[0].claims
	claims["custos_role"], _ = json.Marshal(role) // strings
	claims["org"], _ = json.Marshal(org)
	claims["sub"], _ = json.Marshal("996" + role + org)
	return x.staff.mint(0)
}

// load records authorities, schools and plans, and who is on the large lists.
func (x *nationBench) load(a *app, out *nationResult) error {
	err := x.n.EachAuthority(func(code, name string) error {
		body, err := json.Marshal(map[string]string{"name": name, "sort": "authority", "officeHours": "0113 496 0001", "emergencyDuty": "0113 496 0002"})
		if err == nil {
			_, err = x.send(http.MethodPut, "/v1/organisations/"+code, x.env["T_OPERATOR"], "application/json", func(w io.Writer) error {
				_, err := w.Write(body)
				return err
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := x.send(http.MethodPost, "/v1/schools", x.env["T_OPERATOR"], "text/csv", x.n.WriteSchools); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%d authorities and %d schools are recorded\n", x.authorities, x.schools)
	began, plans := time.Now(), 0
	for i := range x.authorities {
		token, err := x.as("uploader", x.n.Authority(i))
		if err != nil {
			return failing(ExitUsage, err)
		}
		rows := 0
		if _, err := x.send(http.MethodPost, "/v1/uploads?sequence="+strconv.FormatInt(began.Unix(), 10), token, "text/csv",
			func(w io.Writer) (err error) { rows, err = x.n.WritePlans(w, i); return err }); err != nil {
			return err
		}
		plans += rows
	}
	out.PlansPerSec = round(float64(plans) / time.Since(began).Seconds())
	fmt.Fprintf(a.stderr, "%d plans are recorded, %.0f/s\n", plans, out.PlansPerSec)
	_, err = x.send(http.MethodPost, "/v1/enrolments", x.env["T_CHILD_HEALTH"], "text/csv", x.n.WriteCaseloads)
	return err
}

// enrol sends the year's rows, and reads the servers' memory on the way.
func (x *nationBench) enrol(a *app, out *nationResult) error {
	year := x.n.NewEnrolments()
	used, known := usageOf(x.pids)
	began := time.Now()
	memory := watchMemory(x.pids)
	point := func() {
		p := memoryPoint{Rows: out.Rows, Resident: memory.sum("VmRSS:"), Peak: memory.peak()}
		out.Memory = append(out.Memory, p)
		if p.Resident != nil && p.Peak != nil {
			fmt.Fprintf(a.stderr, "%d rows, %.0f/s: %.0f MiB, at the most %.0f\n", p.Rows, float64(p.Rows)/time.Since(began).Seconds(), *p.Resident, *p.Peak)
		}
		memory = watchMemory(x.pids)
	}
	point()
	for every := max(x.rows/10, 1); out.Rows < x.rows; {
		rows := min(x.file, x.rows-out.Rows)
		answer, err := x.send(http.MethodPost, "/v1/enrolments", x.env["T_CHILD_HEALTH"], "text/csv", func(w io.Writer) error { return year.Write(w, rows) })
		if err != nil {
			return err
		}
		recorded, err := recordedOf(answer)
		if err != nil {
			return err
		}
		out.Recorded += recorded
		out.Linked += bytes.Count(answer, []byte(`"status":"linked"`))
		before := out.Rows / every
		if out.Rows += rows; out.Rows/every > before || out.Rows == x.rows {
			point()
		}
	}
	out.RowsPerSec = round(float64(out.Rows) / time.Since(began).Seconds())
	if now, ok := usageOf(x.pids); ok && known {
		each := round(float64((now.cpu - used.cpu).Microseconds()) / float64(out.Rows))
		out.CPUPerRow = &each
	}
	return nil
}

// recordedOf reads how many rows an answer says were recorded. It is long: what
// became of each row is passed over.
func recordedOf(answer []byte) (int, error) {
	var n int
	if _, err := fmt.Sscanf(string(answer[:min(len(answer), 40)]), `{"recorded":%d`, &n); err != nil {
		return 0, failf(ExitNoServer, "the answer to enrolments does not read")
	}
	return n, nil
}

// read reads each large list again and again.
func (x *nationBench) read() ([]readSpeed, error) {
	manager, err := x.as("social-work-manager", x.n.Authority(0))
	if err != nil {
		return nil, failing(ExitUsage, err)
	}
	school := map[string]string{"school": x.n.School}
	area := map[string]string{"area": x.n.Area}
	var out []readSpeed
	for _, list := range []struct {
		name, path, token, accept string
		ask                       map[string]string
	}{
		{"school nurse", "/v1/caseloads/lookups", x.env["T_SCHOOL_NURSE"], "application/json", school},
		{"school nurse, CSV", "/v1/caseloads/lookups", x.env["T_SCHOOL_NURSE"], "text/csv", school},
		{"health visitor", "/v1/caseloads/lookups", x.env["T_HEALTH_VISITOR"], "application/json", area},
		{"health visitor, CSV", "/v1/caseloads/lookups", x.env["T_HEALTH_VISITOR"], "text/csv", area},
		{"unassigned", "/v1/unassigned/lookups", manager, "application/json", map[string]string{}},
	} {
		body, err := json.Marshal(list.ask)
		if err != nil {
			return nil, failing(ExitUsage, err)
		}
		r := readSpeed{List: list.name}
		var took []float64
		var answer []byte
		used, known := serversCPU(x.pids)
		for range x.reads {
			began := time.Now()
			if answer, err = benchAsk(x.base+list.path, list.token, list.accept, body); err != nil {
				return nil, err
			}
			took = append(took, float64(time.Since(began).Microseconds())/1000)
		}
		if now, ok := serversCPU(x.pids); ok && known {
			each := round(float64((now - used).Microseconds()) / 1000 / float64(x.reads))
			r.CPU = &each
		}
		slices.Sort(took)
		r.Bytes, r.P50, r.P99 = len(answer), round(took[len(took)/2]), round(took[len(took)*99/100])
		if r.People, err = peopleOf(answer, list.accept); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (a *app) printNation(r nationResult) error {
	if a.json() {
		return a.printJSON(r)
	}
	fmt.Fprintf(a.stdout, "%d plans, %.0f/s; %d enrolment rows, %.0f/s, %d of them recorded, %d linked\n", r.Plans, r.PlansPerSec, r.Rows, r.RowsPerSec, r.Recorded, r.Linked)
	if r.CPUPerRow != nil {
		fmt.Fprintf(a.stdout, "%.0f microseconds of CPU a row\n", *r.CPUPerRow)
	}
	for i := range r.Last {
		was, is := r.First[i], r.Last[i]
		fmt.Fprintf(a.stdout, "%-20s %5d people: p50 %.1f ms, p99 %.1f ms; before the rows %.1f and %.1f\n", is.List, is.People, is.P50, is.P99, was.P50, was.P99)
	}
	return nil
}
