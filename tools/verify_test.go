package tools

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// verify verifies a copy of the world's folder with its keys.
func (w *world) verify(args ...string) (int, verifyReport) {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "copy")
	require.NoError(w.t, os.CopyFS(dir, os.DirFS(w.dir)))
	defer os.RemoveAll(dir)
	var o, e bytes.Buffer
	code := Main(append([]string{"verify", "--data", dir, "--keys", w.keyDir, "-o", "json"}, args...), &o, &e)
	var r verifyReport
	require.NoError(w.t, json.Unmarshal(o.Bytes(), &r), "%s%s", o.String(), e.String())
	return code, r
}

func TestVerifyOfAnIntactFolder(t *testing.T) {
	w := usualFolder(t)
	code, r := w.verify()
	require.Zero(t, code, r)
	require.Equal(t, verified, r.Verdict)
	require.Len(t, r.Levels, 6)
	for _, l := range r.Levels {
		require.True(t, l.OK, l)
		require.NotZero(t, l.Checked, l)
	}
	require.Greater(t, r.Size, int64(20))
	require.Nil(t, r.FirstBad)

	before := folderSum(t, w.dir)
	code, out, _ := run(t, "verify", "--data", w.dir)
	require.Equal(t, before, folderSum(t, w.dir), "verify must not write")
	require.Zero(t, code)
	require.Contains(t, out, "not checked against your own copy")
	require.Contains(t, out, "VERIFIED: ")
}

func TestVerifyOfAnAlteredRecord(t *testing.T) {
	w := usualFolder(t)
	for n := ledger.Seq(0); n < w.size(); n++ {
		record := w.record(n)
		altered := bytes.Clone(record)
		altered[len(altered)/2] ^= 1
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Set(rowKey('e', n), altered, nil) })
		code, r := w.verify()
		require.Equal(t, ExitIntegrity, code)
		require.Equal(t, failed, r.Verdict)
		require.NotNil(t, r.FirstBad, "%v", r)
		require.Equal(t, n, r.FirstBad.Seq, r)
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Set(rowKey('e', n), record, nil) })
	}
	code, _ := w.verify()
	require.Zero(t, code)
}

func TestVerifyOfAFlippedByteInATable(t *testing.T) {
	w := usualFolder(t)
	size := w.size()
	for n := ledger.Seq(0); n < size; n++ {
		record := w.record(n)
		found := false
		for _, path := range files(t, w.tables(), ".sst") {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			at := bytes.Index(b, record)
			if at < 0 {
				continue
			}
			found = true
			flip(t, path, at+len(record)/3)
			code, r := w.verify()
			require.Equal(t, ExitIntegrity, code, r)
			require.NotNil(t, r.FirstBad, "%v", r)
			require.Equal(t, n, r.FirstBad.Seq, "%v", r)
			require.Contains(t, r.FirstBad.Why, "is damaged")
			flip(t, path, at+len(record)/3)
		}
		require.True(t, found, "entry %d lies in no table", n)
	}
}

// In a larger ledger the block of an entry holds neither head nor tree.
func TestVerifyOfAFlippedByteAmongManyEntries(t *testing.T) {
	w := newWorld(t)
	w.usual()
	for range 400 {
		w.lookup("nurse", nhsChild)
	}
	w.close()
	size := w.size()
	for _, n := range []ledger.Seq{0, 1, 255, 256, size / 2, size - 2, size - 1} {
		record := w.record(n)
		for _, path := range files(t, w.tables(), ".sst") {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			at := bytes.Index(b, record)
			if at < 0 {
				continue
			}
			flip(t, path, at+len(record)-1)
			code, r := w.verify()
			require.Equal(t, ExitIntegrity, code, r)
			require.NotNil(t, r.FirstBad, "%v", r)
			require.Equal(t, n, r.FirstBad.Seq, "%v", r)
			require.Contains(t, r.FirstBad.Why, "is damaged")
			flip(t, path, at+len(record)-1)
		}
	}
}

// Whatever byte of a cleanly stopped folder's tables is wrong, the answer is
// never "verified" unless nobody reads that byte.
func TestVerifyOfAnyFlippedByte(t *testing.T) {
	w := usualFolder(t)
	verdicts := map[int]int{}
	for _, path := range files(t, w.tables(), ".sst") {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		for at := 3; at < len(b); at += max(1, len(b)/25) {
			dir := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(dir, os.DirFS(w.dir)))
			rel, err := filepath.Rel(w.dir, path)
			require.NoError(t, err)
			flip(t, filepath.Join(dir, rel), at)
			code, out, errs := run(t, "verify", "--data", dir, "--keys", w.keyDir)
			verdicts[code]++
			require.Contains(t, []int{ExitDone, ExitIntegrity}, code, "byte %d of %s: %s%s", at, path, out, errs)
		}
	}
	t.Log("exit codes:", verdicts)
	require.Greater(t, verdicts[ExitIntegrity], 9*verdicts[ExitDone])
}

func TestVerifyOfAFolderThatLostItsEnd(t *testing.T) {
	t.Run("killed before it applied", func(t *testing.T) {
		w := newWorld(t)
		w.usual()
		w.log(w.lookupCommand("doctor", nhsChild))
		w.close()
		code, r := w.verify()
		require.Equal(t, ExitIncomplete, code, r)
		require.Equal(t, incomplete, r.Verdict)
		require.Contains(t, r.Incomplete[0], "raft/ holds 1 commands after the ledger's end")
	})
	t.Run("write-ahead log cut", func(t *testing.T) {
		w := newWorld(t)
		w.usual()
		require.NoError(t, w.db.Close()) // no flush, as after a kill
		require.NoError(t, w.raft.Close())
		code, r := w.verify()
		require.Zero(t, code, r)
		logs := files(t, w.tables(), ".log")
		last := logs[len(logs)-1]
		info, err := os.Stat(last)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(last, info.Size()*2/3))
		code, r = w.verify()
		require.Equal(t, ExitIncomplete, code, r)
	})
	t.Run("write-ahead log flipped", func(t *testing.T) {
		w := newWorld(t)
		w.usual()
		require.NoError(t, w.db.Close())
		require.NoError(t, w.raft.Close())
		logs := files(t, w.tables(), ".log")
		last := logs[len(logs)-1]
		info, err := os.Stat(last)
		require.NoError(t, err)
		for at := int(info.Size()) / 10; at < int(info.Size())*9/10; at += int(info.Size()) / 20 {
			flip(t, last, at)
			code, r := w.verify()
			require.Equal(t, ExitIncomplete, code, "byte %d: %v", at, r)
			flip(t, last, at)
		}
	})
	t.Run("raft lost its end", func(t *testing.T) {
		w := newWorld(t)
		w.usual()
		require.NoError(t, w.db.Flush())
		require.NoError(t, w.db.Close())
		logs := files(t, filepath.Join(w.dir, "raft"), ".log")
		require.NoError(t, os.Truncate(logs[len(logs)-1], 1000))
		code, r := w.verify()
		require.Equal(t, ExitIncomplete, code, r)
		require.Contains(t, r.Incomplete[0], "raft/")
	})
	t.Run("a signed checkpoint is larger", func(t *testing.T) {
		w := newWorld(t)
		w.usual()
		require.NoError(t, w.db.Flush())
		signed, err := ledger.SignCheckpoint(testOrigin, tlog.Tree{N: w.db.Tree().N + 5}, w.signer)
		require.NoError(t, err)
		w.close()
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, "checkpoint"), signed, 0o644))
		code, r := w.verify()
		require.Equal(t, ExitIncomplete, code, r)
		require.Contains(t, r.Incomplete[0], "its end is lost")
	})
	t.Run("no raft folder", func(t *testing.T) {
		w := usualFolder(t)
		require.NoError(t, os.RemoveAll(filepath.Join(w.dir, "raft")))
		code, r := w.verify()
		require.Equal(t, ExitIncomplete, code, r)
	})
	t.Run("a table is gone, or cut", func(t *testing.T) {
		w := usualFolder(t)
		tables := files(t, w.tables(), ".sst")
		last := tables[len(tables)-1]
		info, err := os.Stat(last)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(last, info.Size()/2))
		code, r := w.verify()
		require.Equal(t, ExitIncomplete, code, r)
		require.NoError(t, os.Remove(last))
		code, r = w.verify()
		require.Equal(t, ExitIncomplete, code, r)
		require.Contains(t, r.Incomplete[0], "the copy is not whole")
	})
	t.Run("newest entries deleted", func(t *testing.T) {
		w := usualFolder(t)
		n := w.size() - 1
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Delete(rowKey('e', n), nil) })
		code, r := w.verify()
		require.Equal(t, ExitIncomplete, code, r)
	})
}

func TestVerifyOfAFailureWinsOverAMissingEnd(t *testing.T) {
	w := newWorld(t)
	w.usual()
	w.log(w.lookupCommand("doctor", nhsChild))
	w.close()
	w.tamper(func(b *pebble.Batch, get func([]byte) []byte) {
		r := get(rowKey('e', 5))
		r[len(r)-1] ^= 1
		_ = b.Set(rowKey('e', 5), r, nil)
	})
	code, r := w.verify()
	require.Equal(t, ExitIntegrity, code)
	require.Equal(t, ledger.Seq(5), r.FirstBad.Seq)
	require.NotEmpty(t, r.Incomplete)
}

func TestVerifyOfARunningNode(t *testing.T) {
	w := newWorld(t)
	defer w.close()
	code, _, errs := run(t, "verify", "--data", w.dir)
	require.Equal(t, ExitUnreadable, code)
	require.Contains(t, errs, "in use by a running process; stop it, or read a copy")
}

func TestVerifyPin(t *testing.T) {
	w := usualFolder(t)
	pin := filepath.Join(t.TempDir(), "pin")
	code, _ := w.verify("--pin", pin)
	require.Zero(t, code)
	first, err := os.ReadFile(pin)
	require.NoError(t, err)
	w.open()
	w.lookup("nurse", nhsChild)
	w.close()
	code, _ = w.verify("--pin", pin)
	require.Zero(t, code)
	second, err := os.ReadFile(pin)
	require.NoError(t, err)
	require.NotEqual(t, first, second)

	other := newWorld(t)
	other.upload(7, nhsNobody)
	for other.db.Tree().N < int64(w.size()) {
		other.lookup("nurse", nhsNobody)
	}
	other.close()
	code, r := other.verify("--pin", pin)
	require.Equal(t, ExitIntegrity, code, r)
	require.Contains(t, r.FirstBad.Why, "the pin signs another tree")
}

func TestVerifyErasureIsLawful(t *testing.T) {
	w := usualFolder(t)
	n := ledger.Seq(0)
	for ; n < w.size(); n++ {
		if e, err := ledger.ParseEntry(w.record(n)); err == nil && len(e.Commitments) > 0 {
			break
		}
	}
	w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Delete(append(rowKey('s', n), 0), nil) })
	code, r := w.verify()
	require.Zero(t, code, r)
	require.Contains(t, r.Levels[2].Detail, "1 were erased")
}

// Each level is measured, and what is one pass in a verification is measured alone too.
func TestBenchVerifySaysWhatACoreDoes(t *testing.T) {
	w := usualFolder(t)
	code, out, _ := run(t, "bench", "verify", "--data", w.dir, "-o", "json")
	require.Zero(t, code, out)
	var r struct{ Levels, Alone []verifySpeed }
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Levels, 5)
	require.Len(t, r.Alone, 3)
	for _, s := range append(r.Levels, r.Alone...) {
		require.EqualValues(t, w.size(), s.Entries, s)
		require.Positive(t, s.PerSecond, s)
		require.Positive(t, s.PerCore, s)
	}
	code, out, _ = run(t, "bench", "verify", "--data", w.dir, "--level", "3", "-o", "json")
	require.Zero(t, code, out)
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Levels, 3, "hashes and tree, sealed rows, chains")
	code, _, errs := run(t, "bench", "verify", "--data", w.dir, "--level", "4")
	require.Equal(t, ExitUsage, code, errs)
}
