package tools

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// packFolder packs a folder as tar does, with folders above it.
func packFolder(dir string, compressed bool) ([]byte, error) {
	parent, err := os.MkdirTemp("", "pack-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(parent) }() // a test's
	if err := os.CopyFS(filepath.Join(parent, "backups", "node"), os.DirFS(dir)); err != nil {
		return nil, err
	}
	var out, packed bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.AddFS(os.DirFS(parent)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil || !compressed {
		return out.Bytes(), err
	}
	z := gzip.NewWriter(&packed)
	_, err = z.Write(out.Bytes())
	if err == nil {
		err = z.Close()
	}
	return packed.Bytes(), err
}

// Wherever an archive is cut, it cannot be said what it held: never verified,
// and never a failure of integrity. Cuts between two files are the ones that a
// reader of archives does not see.
func TestABackupCutAnywhereIsIncomplete(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: an archive was not cut everywhere, because of -short")
	}
	t.Parallel()
	w := usualFolder(t)
	whole, err := packFolder(w.dir, false)
	require.NoError(t, err)
	cuts := []int{0, 1, 511, 512, len(whole) - 1, len(whole) - 512, len(whole) - 1024, len(whole) - 1025}
	r := &countingReader{r: bytes.NewReader(whole)}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err != nil {
			break
		}
		if h.Typeflag == tar.TypeReg {
			cuts = append(cuts, r.n-512, r.n, r.n+int(h.Size)/2)
		}
	}
	require.Greater(t, len(cuts), 20)
	at := filepath.Join(t.TempDir(), "backup.tar")
	for _, n := range cuts {
		require.NoError(t, os.WriteFile(at, whole[:n], 0o600))
		code, out, errs := run(t, "verify", "--backup", at, "--keys", w.keyDir)
		require.Equal(t, ExitIncomplete, code, "cut at %d of %d: %s%s", n, len(whole), out, errs)
		require.Contains(t, out, "INCOMPLETE: what is there holds, but not all can be said: the archive ends early: the backup is not whole")
	}
	require.NoError(t, os.WriteFile(at, whole, 0o600))
	code, out, _ := run(t, "verify", "--backup", at, "--keys", w.keyDir)
	require.Zero(t, code, out)
}

type countingReader struct {
	r *bytes.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// A compressed archive has its own checksum: no byte of it can be changed unseen.
func TestABackupDamagedAnywhereIsNotVerified(t *testing.T) {
	t.Parallel()
	w := usualFolder(t)
	whole, err := packFolder(w.dir, true)
	require.NoError(t, err)
	at := filepath.Join(t.TempDir(), "backup.tar.gz")
	for n := 10; n < len(whole); n += len(whole)/12 + 1 { // after gzip's own head, of which nothing depends on the time
		altered := bytes.Clone(whole)
		altered[n] ^= 1
		require.NoError(t, os.WriteFile(at, altered, 0o600))
		code, out, errs := run(t, "verify", "--backup", at, "--keys", w.keyDir)
		require.Contains(t, []int{ExitIntegrity, ExitIncomplete}, code, "byte %d: %s%s", n, out, errs)
	}
	altered := bytes.Clone(whole)
	altered[len(altered)-6] ^= 1 // of the checksum
	require.NoError(t, os.WriteFile(at, altered, 0o600))
	code, out, _ := run(t, "verify", "--backup", at, "--keys", w.keyDir)
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, out, "FAILED: the archive is damaged: its own checksums do not hold\n")
}

// Zeros behind the end are tar's own, up to a megabyte; nobody is made to read more.
func TestABackupThatGoesOnBehindItsEnd(t *testing.T) {
	t.Parallel()
	w := usualFolder(t)
	whole, err := packFolder(w.dir, false)
	require.NoError(t, err)
	at := filepath.Join(t.TempDir(), "backup.tar")
	for padding, want := range map[int]int{10 << 10: ExitDone, 2 << 20: ExitIntegrity} {
		require.NoError(t, os.WriteFile(at, append(bytes.Clone(whole), make([]byte, padding)...), 0o600))
		code, out, errs := run(t, "verify", "--backup", at, "--keys", w.keyDir)
		require.Equal(t, want, code, "%s%s", out, errs)
	}
}

// What an archive must not do: write outside of its folder, or hold what no data folder does.
func TestABackupWritesNowhereElse(t *testing.T) {
	t.Parallel()
	pack := func(h *tar.Header) string {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write(make([]byte, h.Size))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		at := filepath.Join(t.TempDir(), "backup.tar")
		require.NoError(t, os.WriteFile(at, out.Bytes(), 0o600))
		return at
	}
	scratch := t.TempDir()
	for name, h := range map[string]*tar.Header{
		"above":    {Typeflag: tar.TypeReg, Name: "../outside", Size: 3, Mode: 0o600},
		"symlink":  {Typeflag: tar.TypeSymlink, Name: "ledger", Linkname: "/etc"},
		"a device": {Typeflag: tar.TypeChar, Name: "ledger"},
		"a link":   {Typeflag: tar.TypeLink, Name: "ledger", Linkname: "../outside"},
	} {
		code, _, errs := run(t, "verify", "--backup", pack(h), "--scratch", scratch)
		require.Equal(t, ExitUnreadable, code, name)
		require.NotContains(t, errs, "outside")
	}
	left, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left, "what was unpacked is removed")
}
