package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// telltale repeats a text for n bytes.
func telltale(n int) []byte {
	const text = "9990000018,Featherstonehaugh,2015-05-04\n"
	return bytes.Repeat([]byte(text), n/len(text)+1)[:n]
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	sizes := []int{0, 1, 1000, spoolMemory + 1}
	if !testing.Short() {
		sizes = append(sizes, spoolMemory-1, spoolMemory, spoolMemory+3<<20)
	}
	for _, size := range sizes {
		content := telltale(size)
		s, err := spool(bytes.NewReader(content))
		require.NoError(t, err)
		require.EqualValues(t, size, s.size)
		require.Equal(t, sha256.Sum256(content), s.sum)
		require.LessOrEqual(t, len(s.small), spoolMemory)
		for range 2 { // it can be read again
			r, err := s.reader()
			require.NoError(t, err)
			back, err := io.ReadAll(r)
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, back), "%d bytes", size)
		}
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "the file has no name")
		if size > spoolMemory {
			onDisk := make([]byte, size-spoolMemory)
			_, err := s.file.ReadAt(onDisk, 0)
			require.NoError(t, err)
			require.False(t, bytes.Equal(onDisk, content[spoolMemory:]))
			for _, text := range []string{"9990000018", "Featherstonehaugh", "2015-05-04"} {
				require.NotContains(t, string(onDisk), text)
			}
		}
		s.close()
	}
	// Two files are under two keys.
	a, err := spool(bytes.NewReader(telltale(spoolMemory + 4096)))
	require.NoError(t, err)
	defer a.close()
	b, err := spool(bytes.NewReader(telltale(spoolMemory + 4096)))
	require.NoError(t, err)
	defer b.close()
	ab, bb := make([]byte, 4096), make([]byte, 4096)
	_, err = a.file.ReadAt(ab, 0)
	require.NoError(t, err)
	_, err = b.file.ReadAt(bb, 0)
	require.NoError(t, err)
	require.NotEqual(t, ab, bb)
}

func TestSpoolPassesErrorsOn(t *testing.T) {
	broken := errors.New("the connection broke")
	for _, size := range []int{10, spoolMemory + 10, spoolMemory + spoolPiece} {
		for _, end := range []error{broken, io.ErrUnexpectedEOF} { // the second is a body that is shorter than it said
			_, err := spool(io.MultiReader(bytes.NewReader(telltale(size)), iotest.ErrReader(end)))
			require.ErrorIs(t, err, end)
		}
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	_, err := spool(bytes.NewReader(telltale(spoolMemory + 10)))
	require.Error(t, err)
}

// A file that does not fit in memory goes through the whole service, and what
// waits on disk meanwhile shows nothing.
func TestLargeFile(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no file of 5 MiB went through the whole service, because of -short")
	}
	w := newWorld(t)
	var file strings.Builder
	file.WriteString(toCSV(ann(nil)))
	long := ann(func(p *planRow) { p.GivenNames = strings.Repeat("Annunziata ", 1200) })
	row := strings.SplitAfter(toCSV(long), "\n")[1]
	rows := 1
	for file.Len() < spoolMemory+4<<20 {
		file.WriteString(row)
		rows++
	}
	last := ann(func(p *planRow) { p.NHSNumber, p.LocalID = nhs(2), "LAST-0001" })
	file.WriteString(strings.SplitAfter(toCSV(last), "\n")[1])
	w.keep(last, long)
	looked := 0
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		if q, ok := c.Request.(*ledger.UploadChunk); ok && q.No == 3 {
			looked += requireNothingInOpenFiles(t, "Annunziata", nhs(2), "LAST-0001")
		}
		return next(ctx, c)
	}, func() {
		r := w.call(uploader, "POST", "/v1/uploads?sequence=1", file.String(), asCSV)
		require.Equal(t, 200, r.status, "%.300s", r.body)
		lines := csvLines(t, r.body)
		require.Len(t, lines, rows+2)
		require.Equal(t, []string{strconv.Itoa(rows + 1), "recorded", "", "", "LAST-0001"}, lines[rows+1])
	})
	require.Equal(t, 1, looked, "the spooled file was looked into")
}

// requireNothingInOpenFiles reads this process's nameless files.
func requireNothingInOpenFiles(t *testing.T, texts ...string) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIPPED: OPEN FILES WERE NOT LOOKED INTO: there is no /proc here")
	}
	found := 0
	for _, fd := range fds {
		path := filepath.Join("/proc/self/fd", fd.Name())
		name, err := os.Readlink(path)
		if err != nil || !strings.Contains(name, "upload-") || !strings.HasSuffix(name, "(deleted)") {
			continue
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotEmpty(t, content)
		for _, text := range texts {
			require.NotContains(t, string(content), text)
		}
		found++
	}
	return found
}
