package tools

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/spf13/cobra"

	"custos/api/cpis"
	"custos/ledger"
	"custos/tools/synthetic"
)

// cpisSpeed is what bench cpis -o json prints.
type cpisSpeed struct {
	Records   int     `json:"records"`
	Rejected  int     `json:"rejected"`
	Bytes     int64   `json:"bytes"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"recordsPerSecond"`
	PeakHeap  int64   `json:"peakHeapBytes"` // above what was in use before, garbage included
}

func (a *app) benchCPISCommand() *cobra.Command {
	var records int
	var seed uint64
	cmd := &cobra.Command{
		Use: "cpis [FILE]", Short: "Measure the reading of message 01: records a second and peak memory",
		Long: "Measure the reading of message 01, every rule of the file alone included, on one core: records a second and\n" +
			"peak memory. The file is FILE, or a synthetic one of so many records.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return failf(ExitUsage, "this command takes one file at most")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.benchCPIS(args, records, seed) },
	}
	cmd.Flags().IntVar(&records, "records", 225_000, "records of a synthetic file")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "what it is derived from")
	return cmd
}

func (a *app) benchCPIS(args []string, records int, seed uint64) error {
	path := ""
	if len(args) == 1 {
		path = args[0]
	} else {
		if records < 1 || records > synthetic.MaxChildren {
			return failf(ExitUsage, "--records takes 1 to %d", synthetic.MaxChildren)
		}
		f, err := os.CreateTemp("", "custos-cpis-*.xml")
		if err != nil {
			return failing(ExitUnreadable, err)
		}
		path = f.Name()
		defer func() { _ = os.Remove(path) }() // ours, in the folder for such files
		if err := errors.Join(writeSynthetic(f, records, seed), f.Close()); err != nil {
			return failing(ExitUnreadable, err)
		}
	}
	r, err := measureCPIS(path)
	if d, ok := defectOf(err); ok {
		return failf(ExitUnreadable, "%s", d)
	} else if err != nil {
		return failing(ExitUnreadable, err)
	}
	if a.json() {
		return a.printJSON(r)
	}
	_, err = fmt.Fprintf(a.stdout, "%.0f records/s: %d records, %d of them rejected, %.1f MB in %.2f s, %.1f MiB of memory at most\n",
		r.PerSecond, r.Records, r.Rejected, float64(r.Bytes)/1e6, r.Seconds, float64(r.PeakHeap)/(1<<20))
	return failing(ExitUnreadable, err)
}

// writeSynthetic writes message 01 of so many records of people who never were.
func writeSynthetic(w io.Writer, records int, seed uint64) error {
	s, err := synthetic.Generate(synthetic.GenConfig{Seed: seed, Children: max(12, records), Authorities: 1, Today: ledger.Of(time.Now()).Day()})
	if err != nil {
		return err
	}
	all, err := syntheticUpload(s, 0)
	if err != nil {
		return err
	}
	all.records = all.records[:records]
	return all.write(w, "xml")
}

// syntheticUpload is what a made-up authority knows today: as many records as
// its CSV file has rows.
func syntheticUpload(s *synthetic.Synthetic, authority int) (*upload, error) {
	b, _, err := s.Upload(authority, s.Config.Today)
	if err != nil {
		return nil, err
	}
	in, err := newRows(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	rows, err := in.all()
	if err != nil {
		return nil, err
	}
	u := &upload{rows: rows}
	la := s.Authorities[authority]
	u.header = cpis.Header{Created: cpis.TimestampOf(s.Config.Today.Start().Std()), Sequence: 1, Sender: cpis.Organisation{Code: la.Code, Name: la.Name}}
	for _, o := range s.Organisations {
		if o.Code == la.Code {
			u.header.Sender.EmergencyDuty, u.header.Sender.OfficeHours = cpis.Telephone(o.Directory.EmergencyDuty), cpis.Telephone(o.Directory.OfficeHours)
		}
	}
	u.asRecords()
	if len(u.defects) > 0 {
		return nil, errors.New(u.defects[0])
	}
	return u, nil
}

// measureCPIS reads a file once, from the disk.
func measureCPIS(path string) (out cpisSpeed, err error) {
	f, err := os.Open(path)
	if err != nil {
		return out, err
	}
	defer func() { _ = f.Close() }() // only read
	runtime.GC()
	debug.FreeOSMemory()
	before := heapInUse()
	most := before
	began := time.Now()
	r, err := cpis.NewReader(f, cpis.Options{Now: began})
	var rec cpis.Record
	for err == nil {
		err = r.Next(&rec)
		var bad *cpis.RecordError
		if errors.As(err, &bad) {
			out.Rejected++
			err = nil
		}
		if r.Read()%512 == 0 {
			most = max(most, heapInUse())
		}
	}
	took := time.Since(began).Seconds()
	if !errors.Is(err, io.EOF) {
		return out, err
	}
	out.Records, out.Bytes, out.Seconds = r.Read(), r.Offset(), took
	out.PerSecond, out.PeakHeap = round(float64(out.Records)/max(took, 1e-9)), most-before
	return out, nil
}

// heapInUse is what objects take, those included that nothing needs any more.
func heapInUse() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
