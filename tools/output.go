package tools

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"text/tabwriter"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// printJSON writes one indented document.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return failing(ExitUnreadable, e.Encode(v))
}

// table writes aligned columns.
func table(w io.Writer, head []any, rows [][]any) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(cells []any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, c)
		}
		fmt.Fprintln(t)
	}
	if head != nil {
		line(head)
	}
	for _, r := range rows {
		line(r)
	}
	return failing(ExitUnreadable, t.Flush())
}

// progress shows how far a long walk is: on a terminal only, so that logs and
// pipes stay clean.
type progress struct{ bar *progressbar.ProgressBar }

func (a *app) progress(total int64, what string, more ...progressbar.Option) *progress {
	f, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || total <= 0 {
		return &progress{}
	}
	return &progress{progressbar.NewOptions64(total, append([]progressbar.Option{progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100e6)}, more...)...)}
}

// at says how many are done, now and then.
func (p *progress) at(n int64) {
	if n%4096 == 0 {
		p.set(n)
	}
}

// set says how many are done.
func (p *progress) set(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n) // a bar that cannot be drawn must not end the work
	}
}

// describe says what is being done now.
func (p *progress) describe(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func sorted(s []string) []string {
	sort.Strings(s)
	return s
}
