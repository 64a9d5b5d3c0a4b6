package tools

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// The scripts are the forgeries that verify must name, each with the exact
// message. In each, node/ is a fresh copy of a stopped node's folder after the
// main job, keys/ the auditor's, and forge NAME [ENTRY] does what the name says.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"custos-tools": func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	usual := sync.OnceValue(func() *world { return usualFolder(t) })
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			w := usual()
			e.Setenv("VKEY", w.vkey)
			for name, nhs := range map[string]string{"CHILD": nhsChild, "SISTER": nhsSister, "NOBODY": nhsNobody, "STRANGER": nhsStranger} {
				e.Setenv(name, w.keys.Person(nhs).String())
			}
			if err := os.CopyFS(filepath.Join(e.WorkDir, "keys"), os.DirFS(w.keyDir)); err != nil {
				return err
			}
			return os.CopyFS(filepath.Join(e.WorkDir, "node"), os.DirFS(w.dir))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"forge":      func(ts *testscript.TestScript, _ bool, args []string) { forge(ts, usual(), "node", args) },
			"forge-in":   func(ts *testscript.TestScript, _ bool, args []string) { forge(ts, usual(), args[0], args[1:]) },
			"edit-proof": func(ts *testscript.TestScript, _ bool, args []string) { editProof(ts, args) },
			// pack FOLDER INTO writes a tar archive of a folder, by the name's end compressed or not.
			"pack": func(ts *testscript.TestScript, _ bool, args []string) {
				packed, err := packFolder(ts.MkAbs(args[0]), strings.HasSuffix(args[1], ".gz"))
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), packed, 0o600))
			},
			// cut FILE INTO FROM[-] leaves bytes out: FROM on, or so many at the end.
			"cut": func(ts *testscript.TestScript, _ bool, args []string) {
				text := ts.ReadFile(args[0])
				n, err := strconv.Atoi(strings.TrimSuffix(args[2], "-"))
				ts.Check(err)
				if strings.HasSuffix(args[2], "-") {
					n = len(text) - n
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text[:n]), 0o600))
			},
			// edit FILE INTO FROM TO writes a file with one text in place of another.
			"edit": func(ts *testscript.TestScript, _ bool, args []string) {
				text := ts.ReadFile(args[0])
				if !strings.Contains(text, args[2]) {
					ts.Fatalf("%s does not hold %s", args[0], args[2])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.ReplaceAll(text, args[2], args[3])), 0o600))
			},
			"run": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				code := 0
				var exit *exec.ExitError
				if err := ts.Exec("custos-tools", args[1:]...); errors.As(err, &exit) {
					code = exit.ExitCode()
				} else {
					ts.Check(err)
				}
				if code != want {
					ts.Fatalf("exit %d and not %d", code, want)
				}
			},
		},
	})
}

// forge does a forgery to a script's copy of the usual folder.
func forge(ts *testscript.TestScript, w *world, dir string, args []string) {
	n := 0
	if len(args) > 1 {
		var err error
		n, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	f, ok := forgeries[args[0]]
	if !ok {
		ts.Fatalf("no forgery of that name")
	}
	at := &world{t: w.t, dir: ts.MkAbs(dir), keyDir: ts.MkAbs("keys"), keys: w.keys, signer: w.signer, vkey: w.vkey,
		now: w.now, n: 1 << 20, index: w.index, held: maps.Clone(w.held), signing: true}
	// What a forgery before this one did is not done again.
	if db, err := store.Open(at.tables(), store.Options{ReadOnly: true}); err == nil {
		at.n += 1000 * uint64(db.Head().Size)
		at.index = max(at.index, db.Applied().Index)
		ts.Check(db.Close())
	}
	f(at, ledger.Seq(n))
}

// forgeries are what an attacker, or a bad disk, does to a stopped node's folder.
var forgeries = map[string]func(w *world, n ledger.Seq){
	// A byte of a record flips on the disk, beneath the database's checksums.
	"flip-byte": func(w *world, n ledger.Seq) {
		record := w.record(n)
		for _, path := range files(w.t, w.tables(), ".sst") {
			b, err := os.ReadFile(path)
			require.NoError(w.t, err)
			for at := range len(b) - len(record) {
				if string(b[at:at+len(record)]) == string(record) {
					flip(w.t, path, at+len(record)/2)
					return
				}
			}
		}
		require.Fail(w.t, "the record is in no table")
	},
	// The same to the row of the ledger's head: the last entry's hash stands there first.
	"flip-head": func(w *world, _ ledger.Seq) {
		last := sha256.Sum256(append([]byte{0}, w.record(ledger.Seq(w.size()-1))...))
		for _, path := range files(w.t, w.tables(), ".sst") {
			b, err := os.ReadFile(path)
			require.NoError(w.t, err)
			if at := bytes.Index(b, last[:]); at >= 0 {
				flip(w.t, path, at)
				return
			}
		}
		require.Fail(w.t, "the head is in no table")
	},
	// A record is changed through the database, so that its checksums hold.
	"alter-record": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) {
			r := get(rowKey('e', n))
			r[len(r)-1] ^= 1
			_ = b.Set(rowKey('e', n), r, nil)
		})
	},
	"swap-records": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) {
			one, two := get(rowKey('e', n)), get(rowKey('e', n+1))
			_ = b.Set(rowKey('e', n), two, nil)
			_ = b.Set(rowKey('e', n+1), one, nil)
		})
	},
	"delete-record": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Delete(rowKey('e', n), nil) })
	},
	"add-record": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) { _ = b.Set(rowKey('e', n), get(rowKey('e', n-1)), nil) })
	},
	"alter-tile": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) {
			key := rowKey('t', 0)
			key = append(key[:1:1], append([]byte{0}, key[1:]...)...)
			tile := get(key)
			tile[32*int(n)] ^= 1
			_ = b.Set(key, tile, nil)
		})
	},
	"alter-sealed": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) {
			key := append(rowKey('s', n), 0)
			v := get(key)
			v[0] ^= 1
			_ = b.Set(key, v, nil)
		})
	},
	"add-sealed": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Set(append(rowKey('s', n), 9), []byte("x"), nil) })
	},
	// A plan vanishes from the view that lookups read, and the entries stay.
	"hide-plan": func(w *world, _ ledger.Seq) {
		p := w.keys.Person(nhsChild)
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) {
			key := append(append([]byte{'v', 'i'}, p[:]...), 'p')
			_ = get(key)
			_ = b.Delete(key, nil)
		})
	},
	"alter-organisation": func(w *world, _ ledger.Seq) {
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) {
			key := []byte("voLA1")
			v := get(key)
			v[len(v)-1] ^= 1
			_ = b.Set(key, v, nil)
		})
	},
	// The whole history is written anew without one lookup in it, consistently,
	// by somebody who has the disk and not the log's key.
	"rewrite-history": func(w *world, _ ledger.Seq) {
		other := newWorldOf(w.t, false)
		other.upload(1, nhsChild, nhsSister)
		for other.db.Tree().N < int64(w.size()) {
			other.lookup("somebody-else", nhsNobody)
		}
		signed := w.lastSigned()
		require.NoError(w.t, other.db.SetLastSigned(signed))
		other.close()
		require.NoError(w.t, os.RemoveAll(w.dir))
		require.NoError(w.t, os.CopyFS(w.dir, os.DirFS(other.dir)))
	},
	"repeat-record": func(w *world, n ledger.Seq) {
		w.tamper(func(b *pebble.Batch, get func([]byte) []byte) { _ = b.Set(rowKey('e', n), get(rowKey('e', n-1)), nil) })
	},
	// Another history, signed by a key of the log's name: under the log's own entry 0, and under one that names that key.
	"sign-again": func(w *world, _ ledger.Seq) { w.signedAgain(false) },
	"open-again": func(w *world, _ ledger.Seq) { w.signedAgain(true) },
	// A ledger that nobody signed.
	"never-signed": func(w *world, _ ledger.Seq) {
		other := newWorldOf(w.t, false)
		other.upload(1, nhsChild)
		other.close()
		require.NoError(w.t, os.RemoveAll(w.dir))
		require.NoError(w.t, os.CopyFS(w.dir, os.DirFS(other.dir)))
	},
	// The log's own key signs a second tree of the same size.
	"fork": func(w *world, _ ledger.Seq) {
		signed, err := ledger.SignCheckpoint(testOrigin, tlog.Tree{N: int64(w.size()), Hash: tlog.Hash{1}}, w.signer)
		require.NoError(w.t, err)
		require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "checkpoint"), signed, 0o644))
	},
	// A checkpoint is signed by a key of the same name.
	"forge-signature": func(w *world, _ ledger.Seq) {
		skey, _, err := note.GenerateKey(nil, testOrigin)
		require.NoError(w.t, err)
		s, err := note.NewSigner(skey)
		require.NoError(w.t, err)
		signed, err := ledger.SignCheckpoint(testOrigin, tlog.Tree{N: 3}, s)
		require.NoError(w.t, err)
		require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "checkpoint"), signed, 0o644))
	},
	"other-key": func(w *world, _ ledger.Seq) {
		_, vkey, err := note.GenerateKey(nil, testOrigin)
		require.NoError(w.t, err)
		require.NoError(w.t, os.WriteFile(filepath.Join(w.keyDir, "log.vkey"), []byte(vkey), 0o644))
	},
	// An insider with the log's key records a lookup that found a plan as one
	// that found nothing, and signs it. Every hash and signature holds.
	"lie": func(w *world, _ ledger.Seq) {
		w.insider(func(d *ledger.Decision) {
			for i := range d.Happened {
				if a, ok := d.Happened[i].Event.(*ledger.Accessed); ok {
					d.Happened[i].Event = &ledger.Accessed{Outcome: ledger.OutcomeNotFound, Profile: a.Profile}
				}
			}
		})
	},
	// Nothing is forged: the node goes on.
	"go-on": func(w *world, _ ledger.Seq) { w.insider(func(*ledger.Decision) {}) },
	// An IG officer has the child's copy recorded, without one of the lookups.
	"copy-subject": func(w *world, n ledger.Seq) {
		w.open()
		c := w.command(w.actor("ig", ledger.RoleIGOfficer, "NAT"), &ledger.CopySubject{Person: w.keys.Person(nhsChild), For: ledger.ToPerson,
			Harm: true, Competent: true, Withheld: []ledger.Seq{n}})
		id := c.Actor.ID()
		w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "reviewed"})
		w.step(c)
		w.close()
	},
	// Somebody looks twice in the evening, as a spreadsheet's formula.
	"look-at-night": func(w *world, _ ledger.Seq) {
		w.now = w.now.Add(5 * time.Hour)
		w.open()
		w.lookup("=night", nhsNobody)
		w.lookup("=night", nhsNobody)
		w.close()
	},
	// The emergency department is for scheduled care alone from tomorrow on.
	"scheduled-only": func(w *world, _ ledger.Seq) {
		w.open()
		c := w.command(w.actor("operator", ledger.RoleOperator, "NAT"), &ledger.RecordPolicy{Place: "RXX01", From: w.day("2026-03-04"),
			Says: ledger.Policy{Roles: []ledger.Role{ledger.RoleScheduledClinician}}})
		id := c.Actor.ID()
		w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "moved"})
		require.Nil(w.t, w.step(c).Refusal)
		w.close()
	},
	// Somebody looks, so many minutes after the main job.
	"look-after": func(w *world, n ledger.Seq) {
		w.now = w.now.Add(time.Duration(n) * time.Minute)
		w.open()
		w.lookup("nurse", nhsNobody)
		w.close()
	},
	// The leader looks for what is due, so many minutes after the main job.
	"tell-due": func(w *world, n ledger.Seq) {
		w.now = w.now.Add(time.Duration(n) * time.Minute)
		w.open()
		w.system(&ledger.TellDue{Until: ledger.Of(w.now)})
		w.close()
	},
	// An insider with the log's key goes on from an older copy with another history.
	"go-on-otherwise": func(w *world, n ledger.Seq) {
		w.open()
		for range n + 1 {
			w.lookup("somebody-else", nhsNobody)
		}
		w.close()
		w.insider(func(*ledger.Decision) {})
	},
	// An insider leaves out the notification of an access.
	"tell-nobody": func(w *world, _ ledger.Seq) {
		w.insider(func(d *ledger.Decision) {
			for i := range d.Happened {
				if d.Happened[i].Event.Kind() == ledger.KindNotificationQueued {
					d.Happened = append(d.Happened[:i], d.Happened[i+1:]...)
					return
				}
			}
		})
	},
	// The node was killed after Raft had a lookup on disk and before the ledger had.
	"kill-before-apply": func(w *world, _ ledger.Seq) {
		w.open()
		w.log(w.lookupCommand("nurse", nhsChild))
		w.close()
	},
	"sign-ahead": func(w *world, _ ledger.Seq) {
		signed, err := ledger.SignCheckpoint(testOrigin, tlog.Tree{N: int64(w.size()) + 4}, w.signer)
		require.NoError(w.t, err)
		require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "checkpoint"), signed, 0o644))
	},
	// The write-ahead log of a killed node's ledger is gone.
	"lose-log": func(w *world, _ ledger.Seq) {
		w.open()
		w.lookup("nurse", nhsChild)
		require.NoError(w.t, w.db.Close()) // without a flush, as after a kill
		require.NoError(w.t, w.raft.Close())
		logs := files(w.t, w.tables(), ".log")
		require.NoError(w.t, os.Truncate(logs[len(logs)-1], 0))
	},
	"lose-raft": func(w *world, _ ledger.Seq) { require.NoError(w.t, os.RemoveAll(filepath.Join(w.dir, "raft"))) },
}

// signedAgain puts another history in the ledger's place, signed by a stranger.
func (w *world) signedAgain(opened bool) {
	w.t.Helper()
	skey, vkey, err := note.GenerateKey(nil, testOrigin)
	require.NoError(w.t, err)
	s, err := note.NewSigner(skey)
	require.NoError(w.t, err)
	if !opened {
		vkey = w.vkey
	}
	other := newWorldSigned(w.t, s, vkey, true)
	other.upload(1, nhsChild, nhsSister)
	other.lookup("somebody-else", nhsNobody)
	other.close()
	require.NoError(w.t, os.RemoveAll(w.dir))
	require.NoError(w.t, os.CopyFS(w.dir, os.DirFS(other.dir)))
}

// lastSigned reads the newest checkpoint of the stopped ledger.
func (w *world) lastSigned() []byte {
	w.t.Helper()
	db, err := store.Open(w.tables(), store.Options{ReadOnly: true})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, db.Close()) }()
	b, err := db.LastSigned()
	require.NoError(w.t, err)
	return b
}

// insider does a lookup whose decision is changed before it is sealed, folded,
// committed and signed.
func (w *world) insider(change func(d *ledger.Decision)) {
	w.t.Helper()
	w.insiderOf(w.lookupCommand("nurse", nhsSister), change)
}

func (w *world) insiderOf(c *ledger.Command, change func(d *ledger.Decision)) {
	w.t.Helper()
	w.open()
	w.log(c)
	txn := w.db.Begin()
	view := projection.View{R: txn}
	d, err := ledger.Decide(view, txn.Head(), c)
	require.NoError(w.t, err)
	change(&d)
	entries, head, err := ledger.Seal(txn.Head(), d.As, d, view.PersonHead)
	require.NoError(w.t, err)
	for i := range entries {
		after := ledger.Head{Log: head.Log, Size: entries[i].Seq + 1, Last: entries[i].Hash(), Time: entries[i].Time}
		require.NoError(w.t, txn.Append(&entries[i], after, nil))
		require.NoError(w.t, projection.Fold(txn, &entries[i], &entries[0]))
	}
	txn.SetApplied(store.Applied{Index: w.index, Term: 1})
	require.NoError(w.t, txn.Commit())
	w.sign()
	w.close()
}
