package tools

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"custos/ledger"
	"custos/tools/synthetic"
)

// benchFile is a file of people who never were, on the disk: so that measuring
// a server takes no memory of the machine they share.
type benchFile struct {
	path string
	xml  bool
	size int64
}

func newBenchFile(xml bool, rows int, seed uint64, today ledger.Day) (*benchFile, error) {
	f, err := os.CreateTemp("", "bench-upload-*")
	if err != nil {
		return nil, err
	}
	b := &benchFile{path: f.Name(), xml: xml}
	if xml {
		err = writeMessage(f, rows, seed, today)
	} else {
		var text []byte
		if text, err = uploadFile(rows, seed, today); err == nil {
			_, err = f.Write(text)
		}
	}
	if err == nil {
		b.size, err = f.Seek(0, io.SeekEnd)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		b.remove()
		return nil, err
	}
	return b, nil
}

// writeMessage writes message 01 of exactly so many records, of people whom the
// demo does not have, from the demo's second authority.
func writeMessage(to io.Writer, records int, seed uint64, today ledger.Day) error {
	s, err := synthetic.Generate(synthetic.GenConfig{Seed: seed, Children: records, Authorities: 1, Visits: 1, Today: today, UpperHalf: true})
	if err != nil {
		return err
	}
	demo, err := synthetic.Generate(synthetic.GenConfig{Seed: 1, Children: 12, Authorities: 2, Visits: 1, Today: today})
	if err != nil {
		return err
	}
	u, err := syntheticUpload(s, 0)
	if err != nil {
		return err
	}
	if len(u.records) < records {
		return fmt.Errorf("%d people have %d plans", records, len(u.records))
	}
	u.records = u.records[:records]
	u.header.Sequence, u.header.Sender.Code, u.header.Sender.Name = int64(seed), demo.Authorities[1].Code, demo.Authorities[1].Name
	for i := range u.records {
		for j := range u.records[i].Subjects {
			u.records[i].Subjects[j].Assigner = u.header.Sender.Code
		}
	}
	return u.write(to, "xml")
}

func (b *benchFile) open() (io.ReadCloser, error) { return os.Open(b.path) }

func (b *benchFile) remove() { // from the folder for what is temporary
	_ = os.Remove(b.path)
	_ = os.Remove(b.answer())
}

func (b *benchFile) answer() string { return b.path + "-answer" }

func (b *benchFile) keepAnswer(body io.Reader) error {
	f, err := os.OpenFile(b.answer(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (b *benchFile) countAnswer() (accepted, rejected int, err error) {
	f, err := os.Open(b.answer())
	if err != nil {
		return 0, 0, failing(ExitUnreadable, err)
	}
	defer func() { _ = f.Close() }() // only read
	if b.xml {
		return countRecords(f)
	}
	return countRows(f)
}

// memoryWatch is how much memory servers have, and how much they had at most
// since the watch began.
type memoryWatch struct {
	pids   []string
	before *float64 // MiB; nil where /proc does not say
}

func watchMemory(pids []string) memoryWatch {
	for _, pid := range pids {
		if err := os.WriteFile("/proc/"+pid+"/clear_refs", []byte("5"), 0o200); err != nil { // the peak counts from here
			return memoryWatch{}
		}
	}
	w := memoryWatch{pids: pids}
	w.before = w.sum("VmRSS:")
	return w
}

func (w memoryWatch) peak() *float64 { return w.sum("VmHWM:") }

func (w memoryWatch) sum(field string) *float64 {
	total := 0.0
	for _, pid := range w.pids {
		b, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			return nil
		}
		_, rest, _ := strings.Cut(string(b), field)
		f := strings.Fields(rest)
		if len(f) == 0 {
			return nil
		}
		kib, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			return nil
		}
		total += kib / 1024
	}
	if len(w.pids) == 0 {
		return nil
	}
	return &total
}
