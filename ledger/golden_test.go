package ledger

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	goldenDir  = "testdata/v1"
	goldenDir2 = "testdata/v2"
	formatFile = "../docs/FORMAT.md"
)

// goldenStory is the fixed input of the golden files: a ledger in which every
// kind of format 1 happens. Commands are added at its end and nowhere else.
func goldenStory(t testing.TB) *world {
	w := blankWorld(t)
	w.grant(w.cmd(system(), &OpenLog{ID: ID{0xc0}, Origin: "log.example/custos", Verifier: "log.example/custos+00000000+AA==", Synthetic: true}))
	for _, o := range []Organisation{
		{Code: authorityA, Name: "Aldershire", Sort: SortAuthority, Directory: Directory{OfficeHours: "01234 000001", EmergencyDuty: "01234 000002"}},
		{Code: emergency, Name: "Felpersham General", Sort: SortTrust, Setting: SettingUnscheduled},
		{Code: nursing, Name: "School Nursing", Sort: SortTrust, Setting: SettingScheduled},
		{Code: school.Code(), Name: "Loxley Barratt", Sort: SortSchool},
	} {
		w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: o}))
	}
	w.grant(w.cmd(system(), &RecordKey{Purpose: "log", Name: "2026", Digest: Hash{1}}))
	w.grant(w.cmd(system(), &VoidBatch{Proposer: "n3", Size: 4, Root: Hash{1}, Batch: Hash{2}}))
	uploader := as(RoleUploader, authorityA, "up1")
	w.grant(w.cmd(uploader, &RecordDirectory{Code: authorityA, Directory: Directory{OfficeHours: "01234 567890"}}))
	open := &OpenUpload{Upload: ID{0xa1}, Sequence: 10, Content: tag("f1"), Format: 1}
	w.grant(w.cmd(uploader, open))
	w.grant(w.cmd(uploader, open))
	w.deny(RefusedSequenceLower, w.cmd(uploader, &OpenUpload{Upload: ID{0xa0}, Sequence: 9, Format: 1}))
	one, two := row(1), row(2)
	one.N, two.N, two.Type, two.Restricted = 1, 2, LookedAfter, true
	again := one
	again.N = 3
	w.grant(w.chunk(uploader, ID{0xa1}, 1, one, two, again, Row{N: 4, Fault: "nhs-number-check-digit"}))
	gone := two
	gone.N, gone.Delete = 5, w.now.Day()
	w.grant(w.chunk(uploader, ID{0xa1}, 2, gone))
	w.grant(w.cmd(uploader, &CheckRows{Rows: []Row{one}}))
	w.grant(w.cmd(uploader, &CloseUpload{Upload: ID{0xa1}, Rows: 5, Chunks: 2}))
	w.grant(w.cmd(uploader, &ReadAck{Upload: ID{0xa1}}))
	doctor := named(clinician())
	asked := w.cmd(doctor, &LookUp{Person: person(1), Birth: tag("birth1"), Attendance: tag("a")}, PayloadAccess)
	seen := w.grant(asked)
	shownAgain := *asked
	shownAgain.Seed = ID{0x5e}
	w.grant(&shownAgain)
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, emergency, "a"), &LookUp{Person: person(1)}, PayloadAccess))
	w.grant(w.cmd(doctor, &CorrectAccess{Access: seen[1].Seq}, PayloadReason))
	w.grant(w.cmd(doctor, &MissAppointment{Person: person(1), At: w.now - Hour}, PayloadAppointment))
	worker := as(RoleSocialWorker, authorityA, "sw")
	w.grant(w.cmd(worker, &OpenNotification{Notification: seen[2].Seq}))
	w.grant(w.cmd(worker, &Acknowledge{Notification: seen[2].Seq}, PayloadNote))
	w.grant(w.cmd(as(RoleChildHealth, nursing, "clerk"), &Enrol{Rows: []EnrolmentRow{
		{N: 1, Person: person(1), Place: school, From: w.now.Day()}, {N: 2, Person: person(9), Place: school, From: w.now.Day()}, {N: 3, Fault: "x"}}}))
	w.grant(w.cmd(as(RoleTeamLeader, nursing, "lead"), &Assign{Place: school, Subject: "nurse", From: w.now.Day()}))
	w.now += Minute
	w.grant(w.cmd(as(RoleSchoolNurse, nursing, "nurse"), &ReadCaseload{Place: school}))
	w.grant(w.cmd(as(RoleIGOfficer, "X26", "ig"), &ReadTrail{Person: person(1), From: begin}, PayloadReason))
	return w
}

// golden is what the files must hold: each kind's first command, and the whole
// ledger.
func golden(t testing.TB) map[string][][]byte {
	out := map[string][][]byte{}
	w := goldenStory(t)
	for _, group := range w.groups {
		add(out, group)
		for i := range group {
			out["ledger.hex"] = append(out["ledger.hex"], group[i].Record())
		}
	}
	add(out, w.grant(w.cmd(system(), &RaiseRules{To: 2})))
	later := sinceRules3()
	for k := range events {
		name := fmt.Sprintf("%03d-%s.hex", uint16(k), k)
		require.Equal(t, !sinceRules2[k] && !later[k], out[name] != nil, "every kind of version 1 has a golden file: %s", name)
	}
	return out
}

// golden2 is the same of rules version 2: the ledger, and the kinds that came with it.
func golden2(t testing.TB) map[string][][]byte {
	out := map[string][][]byte{}
	all := map[string][][]byte{}
	for _, group := range goldenStory2(t).groups {
		add(all, group)
		for i := range group {
			out["ledger.hex"] = append(out["ledger.hex"], group[i].Record())
		}
	}
	for k := range sinceRules2 {
		name := fmt.Sprintf("%03d-%s.hex", uint16(k), k)
		require.NotEmpty(t, all[name], "every kind of version 2 has a golden file")
		out[name] = all[name]
	}
	return out
}

func add(out map[string][][]byte, group []Entry) {
	var records [][]byte
	for i := range group {
		records = append(records, group[i].Record())
	}
	for i := range group {
		name := fmt.Sprintf("%03d-%s.hex", uint16(group[i].Kind), group[i].Kind)
		if _, ok := out[name]; !ok {
			out[name] = records
		}
	}
}

func hexLines(records [][]byte) []byte {
	var b bytes.Buffer
	for _, r := range records {
		fmt.Fprintf(&b, "%x\n", r)
	}
	return b.Bytes()
}

func readHex(t testing.TB, path string) [][]byte {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var out [][]byte
	for _, l := range strings.Fields(string(text)) {
		b, err := hex.DecodeString(l)
		require.NoError(t, err)
		out = append(out, b)
	}
	return out
}

// TestGoldenFiles: what this program writes is what format 1 was when its
// files were made. -update adds files that are missing and never changes one.
func TestGoldenFiles(t *testing.T) {
	compareGolden(t, goldenDir, golden(t))
	compareGolden(t, goldenDir2, golden2(t))
	for _, s := range allTales() {
		compareGolden(t, s.dir(), goldenTale(t, s))
	}
}

func compareGolden(t *testing.T, dir string, want map[string][][]byte) {
	for name, records := range want {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); *update && os.IsNotExist(err) {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(path, hexLines(records), 0o644))
		}
		require.Equal(t, string(hexLines(records)), string(hexLines(readHex(t, path))), "%s is another than this program writes", name)
	}
	files, err := filepath.Glob(dir + "/*.hex")
	require.NoError(t, err)
	require.Len(t, files, len(want), "a golden file that nothing writes any more, or is new without a story")
}

// TestGoldenLedgerIsDecidedAgain is the golden replay of each rules version: the
// files alone, whatever the tests' helpers have become, give the same ledger.
func TestGoldenLedgerIsDecidedAgain(t *testing.T) {
	for _, dir := range []string{goldenDir, goldenDir2} {
		t.Run(dir, func(t *testing.T) {
			root := decidedAgain(t, dir)
			require.True(t, strings.Contains(formatText(t), hex.EncodeToString(root[:])), "FORMAT.md gives the golden ledger's root, %s", hex.EncodeToString(root[:]))
		})
	}
	for _, s := range allTales() {
		t.Run(s.dir(), func(t *testing.T) { decidedAgain(t, s.dir()) })
	}
}

func decidedAgain(t *testing.T, dir string) Hash {
	var check Checker
	var groups [][]Entry
	for _, record := range readHex(t, dir+"/ledger.hex") {
		require.NoError(t, check.Add(record))
		e, err := ParseEntry(record)
		require.NoError(t, err)
		if e.Nth == 0 {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], e)
	}
	require.NoError(t, check.End())
	v := newFakeView()
	for _, g := range groups {
		v.fold(g)
	}
	replayed(t, &world{t: t, groups: groups, head: check.Head(), view: v})
	return check.Tree().Hash
}

func formatText(t testing.TB) string {
	b, err := os.ReadFile(formatFile)
	require.NoError(t, err)
	return string(b)
}

// blocks are the fenced blocks of FORMAT.md by their label.
func blocks(t testing.TB) map[string]string {
	out := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```(?:hex|text) ([a-z0-9.-]+)\n(.*?)^```").FindAllStringSubmatch(formatText(t), -1) {
		out[m[1]] = m[2]
	}
	return out
}

// TestFormatPageQuotesTheGoldenFiles reads the whole entries that the page
// shows, and wants them to be those of the golden files and to be read.
func TestFormatPageQuotesTheGoldenFiles(t *testing.T) {
	quoted := 0
	for name, text := range blocks(t) {
		if !strings.HasSuffix(name, ".hex") || name == "sealed.hex" {
			continue
		}
		quoted++
		var have []byte
		for _, l := range strings.Split(text, "\n") {
			l, _, _ = strings.Cut(l, "#")
			b, err := hex.DecodeString(strings.Join(strings.Fields(l), ""))
			require.NoError(t, err, "%s: %q", name, l)
			have = append(have, b...)
		}
		var want []byte
		for _, r := range readHex(t, filepath.Join(goldenDir, name)) {
			_, err := ParseEntry(r)
			require.NoError(t, err)
			want = append(want, r...)
		}
		require.Equal(t, want, have, name)
	}
	require.GreaterOrEqual(t, quoted, 2)
}

// TestFormatPageNamesEveryNumber: kinds, reserved ones too, requests, envelope
// keys and prefixes of the store stand on the page.
func TestFormatPageNamesEveryNumber(t *testing.T) {
	text := formatText(t)
	for k := range events {
		require.Contains(t, text, fmt.Sprintf("| %d | %s |", k, k))
	}
	for k, fresh := range requests {
		require.Contains(t, text, fmt.Sprintf("%d %s", k, kebab(reflectName(fresh()))))
	}
	source, err := os.ReadFile("kind.go")
	require.NoError(t, err)
	reserved := regexp.MustCompile(`Kind(\w+) +Kind = (\d+) // reserved`).FindAllStringSubmatch(string(source), -1)
	require.NotEmpty(t, reserved)
	for _, m := range reserved {
		require.Contains(t, text, fmt.Sprintf("%s %s", m[2], kebab(m[1])))
	}
	source, err = os.ReadFile("store/keys.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`prefix\w+ += '(.)'`).FindAllStringSubmatch(string(source), -1) {
		require.Contains(t, text, "| `"+m[1]+"` |")
	}
}

func reflectName(q Request) string { return strings.TrimPrefix(fmt.Sprintf("%T", q), "*ledger.") }

// TestFormatPageOpensASealedPayload follows the page by hand, with nothing of
// this package but the ciphertext.
func TestFormatPageOpensASealedPayload(t *testing.T) {
	value := map[string][]byte{}
	for _, l := range strings.Split(strings.TrimSpace(blocks(t)["sealed.hex"]), "\n") {
		name, text, ok := strings.Cut(l, ":")
		require.True(t, ok, l)
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		require.NoError(t, err)
		value[strings.TrimSpace(name)] = b
	}
	open := func(key, sealed, data []byte) []byte {
		block, err := aes.NewCipher(key)
		require.NoError(t, err)
		gcm, err := cipher.NewGCM(block)
		require.NoError(t, err)
		plain, err := gcm.Open(nil, sealed[:12], sealed[12:], data)
		require.NoError(t, err)
		return plain
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	log, command, keyID, holder := value["log"], value["command"], value["key id"], value["holder"]
	dataKey := open(value["KEK"], value["wrapped"], join([]byte("custos key v1"), log, []byte{1}, []byte{0, 0, 0, 1}, keyID, holder))
	plain := open(dataKey, value["ciphertext"], join([]byte("custos payload v1"), log, []byte{1, byte(PayloadAccess)}, command, []byte{0, 0, 0, 0}, holder))
	require.Equal(t, value["plaintext"], plain)

	var details AccessDetails
	require.NoError(t, Unmarshal(plain, &details))
	ring, err := NewKeyring(Secrets{Log: ID(log), Person: map[byte][]byte{1: value["person key"]}, KEK: map[uint32][]byte{1: value["KEK"]}}, bytes.NewReader(nil))
	require.NoError(t, err)
	ref := ring.Person(details.NHSNumber)
	require.Equal(t, holder, ref[:], "the person reference follows from the number and its key")
	require.NoError(t, ring.Open(Shown{Payload: PayloadAccess, Command: ID(command), Ciphertext: value["ciphertext"],
		Key: WrappedKey{Holder: HolderPerson, ID: holder, Key: ID(keyID), KEK: 1, Wrapped: value["wrapped"]}}, new(AccessDetails)))
}

// TestFormatPageReceipt: the receipt on the page proves an entry of the golden
// ledger under the verifier key on the page.
func TestFormatPageReceipt(t *testing.T) {
	b := blocks(t)
	verifier, err := note.NewVerifier(strings.TrimSpace(b["verifier"]))
	require.NoError(t, err)
	r, err := ParseReceipt([]byte(b["receipt"]))
	require.NoError(t, err)
	records := readHex(t, goldenDir+"/ledger.hex")
	tree, err := r.Verify(tlog.RecordHash(records[r.Seq]), "log.example/custos", note.VerifierList(verifier))
	require.NoError(t, err)
	require.Equal(t, int64(len(records)), tree.N)
}
