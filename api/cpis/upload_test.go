package cpis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bytes of all six messages, for ever: what is written does not change, and
// what once was written is read. New ones may be added, none is changed.
func TestGolden(t *testing.T) {
	for k, m := range messages(t) {
		path := filepath.Join("testdata", fmt.Sprintf("%02d-%s.xml", k, strings.ToLower(k.Root())))
		want, err := os.ReadFile(path)
		if os.IsNotExist(err) && os.Getenv("CUSTOS_WRITE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(path, m, 0o600))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, string(want), string(m), "%s", k)
		got, again, err := Identify(bytes.NewReader(want))
		require.NoError(t, err)
		require.Equal(t, k, got)
		all, err := io.ReadAll(again)
		require.NoError(t, err)
		require.Equal(t, string(want), string(all))
	}
}

// A file as another system writes it: other prefixes, other order of attributes,
// other quotation marks, indented, with comments, nil dates and a time of birth.
func TestAnotherHand(t *testing.T) {
	file, err := os.ReadFile("testdata/another-hand.xml")
	require.NoError(t, err)
	for _, doc := range [][]byte{file, bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")), append([]byte("\ufeff"), file...)} {
		got := readAll(bytes.NewReader(doc), Options{})
		require.ErrorIs(t, got.err, io.EOF, "%v", got.rejected)
		require.Empty(t, got.rejected)
		require.Equal(t, Header{Created: "202603021400+0000", Sequence: 18, Quantity: 1, Sender: Organisation{Code: "D9X1A", Site: true, Name: "Fablethorpe Council & Partners",
			EmergencyDuty: "01134960999", OfficeHours: "01134960999"}}, got.header)
		require.Equal(t, []Record{{
			Plans:    []Plan{{Type: LookedAfter, Start: 202601050900}, {Type: ChildProtection, Start: 202501050900, End: 202601050900}},
			Subjects: []Subject{{Person: Person{Identity: Identity{NHSNumber: number(0)}, Given: "Ada Mei", Family: "O'Fableton", Birth: 20180305}}},
		}}, got.records)
	}
	if folder := os.Getenv("CUSTOS_CPIS_SCHEMAS"); folder != "" {
		complaints, ok := validate(t, folder, Upload, file)
		require.True(t, ok, complaints)
	}
}

// endless gives a file of n records without holding it.
type endless struct {
	head, record, tail []byte
	n                  int
	left               []byte
}

func (e *endless) Read(b []byte) (int, error) {
	for len(e.left) == 0 {
		switch {
		case e.head != nil:
			e.left, e.head = e.head, nil
		case e.n > 0:
			e.left, e.n = e.record, e.n-1
		case e.tail != nil:
			e.left, e.tail = e.tail, nil
		default:
			return 0, io.EOF
		}
	}
	n := copy(b, e.left)
	e.left = e.left[n:]
	return n, nil
}

// However long a file is, reading takes the same room: here the room for a
// hundred thousand records is less than one MiB, without the numbers that show a
// plan that stands twice, which are ten more.
func TestReadingTakesTheSameRoom(t *testing.T) {
	const n = 100_000
	file := someFile(t, 1)
	from, to := bytes.Index(file, []byte("<record>")), bytes.Index(file, []byte("</File>"))
	head := bytes.Replace(file[:from], []byte(`Quantity value="1"`), []byte(fmt.Sprintf(`Quantity value="%d"`, n)), 1)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, err := NewReader(&endless{head: head, record: file[from:to], tail: file[to:], n: n}, Options{})
	require.NoError(t, err)
	var rec Record
	var most uint64
	good, bad := 0, 0
	for {
		err := r.Next(&rec)
		var rejected *RecordError
		switch {
		case errors.As(err, &rejected):
			require.Equal(t, PlanRepeated, rejected.Detail)
			bad++
		case errors.Is(err, io.EOF):
			require.Equal(t, [2]int{1, n - 1}, [2]int{good, bad})
			require.Less(t, most, before.HeapAlloc+1<<20)
			return
		default:
			require.NoError(t, err)
			good++
		}
		if r.Read()%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	}
}

// The same plans of different people take ten bytes or so each.
func TestRememberingPlansTakesLittle(t *testing.T) {
	const n = 100_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var keys repeats
	r := usualRecords()[0]
	for i := range n {
		r.Subjects[0].NHSNumber = fmt.Sprint(9_990_000_000 + i)
		d, _ := keys.note(&r)
		require.Empty(t, d)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, after.HeapAlloc-before.HeapAlloc, uint64(40*n))
	runtime.KeepAlive(&keys)
}

// Nobody is printed by accident.
func TestPeopleAreWithheld(t *testing.T) {
	q, a, n, i, r := usualQuery(), usualAnswer(), usualNotification(), usualInactive(), usualResponse()
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	records := usualRecords()
	for _, v := range []any{records, records[0], &records[0], records[0].Subjects[0], records[0].Subjects[0].Person, q, a, n, i, r, n.Accesses[0].Asked[0].Person, q.Author, q.Author.Staff.Name, i.People[0]} {
		fmt.Fprintf(&b, "%v %+v %#v %s %q", v, v, v, v, v)
		log.Info("x", "v", v)
	}
	got := readAll(bytes.NewReader(bytes.Replace(usualFile(t), []byte("Ada"), []byte("\xff"), 1)), Options{})
	fmt.Fprintf(&b, "%v %+v %#v %s %d", got.rejected[0], got.rejected[0], got.rejected[0], got.rejected[0], got.rejected[0])
	for _, p := range []string{number(0), number(1), "Ada", "Fableton", "C000001", "20180305", "Quillwick", "Thistleby"} {
		require.Falsef(t, strings.Contains(b.String(), p), "%s", p)
	}
}

func TestWhatCannotBeReadIsNotWritten(t *testing.T) {
	bad := func(change func(*Record)) *Record {
		r := usualRecords()[2]
		change(&r)
		return &r
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, usualHeader(1))
	require.NoError(t, err)
	for want, r := range map[Detail]*Record{
		ElementMissing:   bad(func(r *Record) { r.Plans = nil }),
		PlanTypeUnknown:  bad(func(r *Record) { r.Plans[0].Type = 9 }),
		StartFormat:      bad(func(r *Record) { r.Plans[0].Start = 202602300000 }),
		EndFormat:        bad(func(r *Record) { r.Plans[0].End = 1 }),
		UnbornNeedsEnd:   bad(func(r *Record) { r.Plans[0].End = 0 }),
		DeleteFormat:     bad(func(r *Record) { r.Plans[0].Delete = 202602010060 }),
		NameMissing:      bad(func(r *Record) { r.Subjects[0].Given = "" }),
		TextEncoding:     bad(func(r *Record) { r.Subjects[0].Family = "\xff" }),
		FieldTooLong:     bad(func(r *Record) { r.Subjects[0].LocalID = strings.Repeat("x", 65) }),
		BirthFormat:      bad(func(r *Record) { r.Subjects[0].Birth = 0 }),
		AttributeMissing: bad(func(r *Record) { r.Subjects[0].NHSNumber, r.Subjects[0].LocalID = "", "" }),
	} {
		var refused *ValueError
		require.ErrorAs(t, w.Write(r), &refused)
		require.Equal(t, want, refused.Detail)
	}
	r := usualRecords()[0]
	require.NoError(t, w.Write(&r))
	require.Error(t, w.Write(&r), "one more than was said")
	h := usualHeader(2)
	for want, change := range map[Detail]func(*Header){
		TimeFormat: func(h *Header) { h.Created = "now" }, SequenceNumber: func(h *Header) { h.Sequence = 0 }, QuantityFormat: func(h *Header) { h.Quantity = 0 },
		OrganisationCode: func(h *Header) { h.Sender.Code = "x" }, OrganisationName: func(h *Header) { h.Sender.Name = " x" },
		TelephoneEmergency: func(h *Header) { h.Sender.EmergencyDuty = "" }, TelephoneFormat: func(h *Header) { h.Sender.OfficeHours = "0113 496" },
	} {
		h := h
		change(&h)
		var refused *ValueError
		_, err := NewWriter(&b, h)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, want, refused.Detail)
	}
	w, err = NewWriter(&b, h)
	require.NoError(t, err)
	require.Error(t, w.Close(), "fewer than was said")
}

func TestDays(t *testing.T) {
	for _, d := range []Date{19000101, 20000229, 20240229, 20991231} {
		got, ok := ParseISO(d.ISO())
		require.True(t, ok)
		require.Equal(t, d, got)
	}
	for _, s := range []string{"2023-02-29", "1900-02-29", "1899-12-31", "2100-01-01", "2026-00-10", "2026-04-31", "2026-1-01", "20260101", "2026-01-0x"} {
		_, ok := ParseISO(s)
		require.Falsef(t, ok, "%s", s)
	}
	require.Equal(t, Date(20420301), Date(20240229).Years(18), "as English law has it")
	require.Equal(t, Date(20440229), Date(20240229).Years(20))
	require.Equal(t, "2026-03-02 09:05", DateTime(202603020905).ISO())
	require.Empty(t, DateTime(0).ISO())
	summer := time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)
	require.Equal(t, DateTime(202607010900), DateTimeOf(summer))
	require.True(t, summer.Equal(DateTime(202607010900).Time()))
	require.Equal(t, Timestamp("20260701090000+0100"), TimestampOf(summer))
	at, ok := Timestamp("20260701090000+0100").Time()
	require.True(t, ok && at.Equal(summer))
	for _, s := range []string{"", "20", "202", "20261", "2026030", "202613", "20260302+0000", "2026030214000", "20260302140000Z", "20260302140000+00", "20260302140000.5", "18991231"} {
		_, ok := ParseTimestamp(s)
		require.Falsef(t, ok, "%s", s)
	}
}
