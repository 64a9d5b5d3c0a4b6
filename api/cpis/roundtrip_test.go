package cpis

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// text draws text that may be written: nothing of it is personal.
func text(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringOfN(rapid.RuneFrom([]rune(`abc&<>"']]>éĆ雪 -_#;`+"\u00a0\u2028😀")), 1, most/4, most).Draw(t, "text")
		if s = collapse(s); s == "" {
			return "x"
		}
		return s
	})
}

func maybe[T any](g *rapid.Generator[T]) *rapid.Generator[T] {
	return rapid.Custom(func(t *rapid.T) (v T) {
		if rapid.Bool().Draw(t, "there") {
			v = g.Draw(t, "value")
		}
		return v
	})
}

var (
	anyDate = rapid.Custom(func(t *rapid.T) Date {
		for {
			d, ok := DateOf(rapid.IntRange(1900, 2099).Draw(t, "y"), rapid.IntRange(1, 12).Draw(t, "m"), rapid.IntRange(1, 31).Draw(t, "d"))
			if ok {
				return d
			}
		}
	})
	anyDateTime = rapid.Custom(func(t *rapid.T) DateTime {
		return anyDate.Draw(t, "day").At(rapid.IntRange(0, 23).Draw(t, "h"), rapid.IntRange(0, 59).Draw(t, "m"))
	})
	anyTime  = rapid.SampledFrom([]Timestamp{"2026", "202603", "20260302", "2026030214+0000", "202603021400-0030", "20260302140000+0100", "20260302140000"})
	anyUUID  = rapid.StringMatching(`[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}`)
	anyNHS   = rapid.Map(rapid.IntRange(0, 50), number)
	anyPhone = rapid.StringMatching(`\+?[0-9]{3,15}`)
	anyCode  = rapid.StringMatching(`[A-Z0-9]{3,10}`)
	anyParty = rapid.Custom(func(t *rapid.T) Party {
		return Party{Code: anyCode.Draw(t, "code"), Site: rapid.Bool().Draw(t, "site"), Name: text(100).Draw(t, "name")}
	})
	anyOrganisation = rapid.Custom(func(t *rapid.T) Organisation {
		p := anyParty.Draw(t, "party")
		return Organisation{p.Code, p.Site, p.Name, anyPhone.Draw(t, "EC"), maybe(anyPhone).Draw(t, "WP")}
	})
	anyIdentity = rapid.Custom(func(t *rapid.T) (i Identity) {
		if rapid.IntRange(0, 3).Draw(t, "which") > 0 {
			i.NHSNumber = anyNHS.Draw(t, "nhs")
		}
		if i.NHSNumber == "" || rapid.Bool().Draw(t, "local") {
			i.LocalID, i.Assigner = text(40).Draw(t, "id"), maybe(text(40)).Draw(t, "assigner")
		}
		return i
	})
	anyName = rapid.Custom(func(t *rapid.T) (n Name) {
		if rapid.Bool().Draw(t, "one text") {
			return Name{Text: text(60).Draw(t, "text")}
		}
		return Name{Prefix: maybe(text(20)).Draw(t, "prefix"), Given: rapid.SliceOfN(text(30), 1, 3).Draw(t, "given"),
			Family: maybe(text(40)).Draw(t, "family"), Suffix: maybe(text(20)).Draw(t, "suffix")}
	})
	anyRole = rapid.Custom(func(t *rapid.T) JobRole {
		return JobRole{Code: rapid.StringMatching(`[A-Z0-9]{1,10}`).Draw(t, "code"), System: JobRoles, Words: text(60).Draw(t, "words")}
	})
	anyAuthor = rapid.Custom(func(t *rapid.T) Author {
		if rapid.Bool().Draw(t, "staff") {
			return Author{Staff: &Staff{text(20).Draw(t, "user"), maybe(text(20)).Draw(t, "profile"), anyRole.Draw(t, "role"), anyName.Draw(t, "name"), anyParty.Draw(t, "employer")}}
		}
		s := &System{ID: rapid.StringMatching(`[0-9]{12}`).Draw(t, "asid"), Keeper: anyParty.Draw(t, "keeper")}
		for range rapid.IntRange(0, 2).Draw(t, "responsible") {
			s.Responsible = append(s.Responsible, Responsible{anyRole.Draw(t, "role"), anyName.Draw(t, "name")})
		}
		return Author{System: s}
	})
)

// anyRecord draws a record that has the form; what its dates say of each other
// is as it comes, unless it must keep the rules.
func anyRecord(t *rapid.T, deletes, keeps bool) (r Record) {
	kinds := rapid.SampledFrom([][]PlanType{{ChildProtection}, {LookedAfter}, {UnbornChild}, {LookedAfter, UnbornChild}, {ChildProtection, LookedAfter, UnbornChild}}).Draw(t, "kinds")
	unborn, own := false, false
	for _, k := range kinds {
		p := Plan{Type: k, Start: anyDateTime.Draw(t, "start"), End: maybe(anyDateTime).Draw(t, "end")}
		if k == UnbornChild && p.End == 0 {
			p.End = p.Start
		}
		if deletes {
			p.Delete = maybe(anyDateTime).Draw(t, "delete")
		}
		if keeps && p.End != 0 && p.End < p.Start {
			p.Start, p.End = p.End, p.Start
		}
		unborn, own = unborn || k == UnbornChild, own || k != UnbornChild
		r.Plans = append(r.Plans, p)
	}
	for _, u := range []bool{false, true} {
		if u && !unborn || !u && !own {
			continue
		}
		s := Subject{Unborn: u, Person: Person{anyIdentity.Draw(t, "identity"), text(100).Draw(t, "given"), text(100).Draw(t, "family"), anyDate.Draw(t, "birth")}}
		for i := range r.Plans {
			if keeps && !u && r.Plans[i].Type != UnbornChild { // born a year before the plan
				s.Birth = r.Plans[i].Start.Date()
			}
		}
		r.Subjects = append(r.Subjects, s)
	}
	return r
}

// anyUpload draws a file whose records keep the rules.
func anyUpload(t *rapid.T) (Header, []Record) {
	var records []Record
	var keys repeats
	for range rapid.IntRange(1, 4).Draw(t, "records") {
		r := anyRecord(t, true, true)
		if d, _ := r.wrong(0); d == "" {
			if d, _ = keys.note(&r); d == "" {
				records = append(records, r)
			}
		}
	}
	if len(records) == 0 {
		records = usualRecords()
	}
	return Header{Created: anyTime.Draw(t, "created"), Sequence: rapid.Int64Range(1, 1<<60).Draw(t, "sequence"), Quantity: len(records), Sender: anyOrganisation.Draw(t, "sender")}, records
}

func anyResponse(t *rapid.T) (r Response) {
	r.Created, r.Sequence, r.Quantity = anyTime.Draw(t, "created"), rapid.Int64Range(1, 1<<60).Draw(t, "sequence"), rapid.IntRange(-1, 99).Draw(t, "quantity")
	r.Receiver = anyOrganisation.Draw(t, "receiver")
	r.Codes = rapid.SliceOfN(rapid.SampledFrom([]FileCode{FileBroken, FileLoaded, FilePartly, FileNotLoaded, FileNoRegister, FileUnsupported}), 1, 3).Draw(t, "codes")
	for range rapid.IntRange(0, 3).Draw(t, "outcomes") {
		o := Outcome{Code: rapid.SampledFrom([]RecordCode{RecordNoMatch, RecordSensitive, RecordUnverified, RecordFormat, RecordSuperseded, RecordLoaded, RecordRejected}).Draw(t, "code"), Place: text(80).Draw(t, "place")}
		if o.Code == RecordRejected {
			o.Detail = rapid.SampledFrom(Details).Draw(t, "detail").Detail
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	for range rapid.IntRange(0, 3).Draw(t, "returned") {
		if rapid.Bool().Draw(t, "valid") {
			r.Returned = append(r.Returned, Returned{true, Record{Subjects: anyRecord(t, true, false).Subjects}})
			r.Successful++
		} else {
			r.Returned = append(r.Returned, Returned{false, anyRecord(t, true, false)})
			r.Failed++
		}
	}
	return r
}

func anyQuery(t *rapid.T) Query {
	return Query{anyTime.Draw(t, "time"), anyUUID.Draw(t, "id"), anyAuthor.Draw(t, "author"), anyNHS.Draw(t, "nhs"), EventNotSaid}
}

func anyAnswer(t *rapid.T) (a Answer) {
	a.Time, a.ID = anyTime.Draw(t, "time"), anyUUID.Draw(t, "id")
	for range rapid.IntRange(0, 3).Draw(t, "accesses") {
		a.Accesses = append(a.Accesses, anyQuery(t))
	}
	for range rapid.IntRange(1, 3).Draw(t, "holdings") {
		a.Holdings = append(a.Holdings, Holding{anyOrganisation.Draw(t, "authority"), anyRecord(t, false, false)})
	}
	return a
}

func anyNotification(t *rapid.T) (n Notification) {
	n.Time, n.ID, n.Recipient = anyTime.Draw(t, "time"), anyUUID.Draw(t, "id"), anyParty.Draw(t, "recipient")
	for range rapid.IntRange(0, 3).Draw(t, "accesses") {
		a := Access{UploadFile: text(20).Draw(t, "file")}
		for range rapid.IntRange(1, 3).Draw(t, "asked") {
			a.Asked = append(a.Asked, Asked{anyTime.Draw(t, "time"), anyUUID.Draw(t, "id"), anyAuthor.Draw(t, "author"), anyIdentity.Draw(t, "person")})
		}
		n.Accesses = append(n.Accesses, a)
	}
	return n
}

func anyInactive(t *rapid.T) (n Inactive) {
	n.Time, n.ID, n.Recipient = anyTime.Draw(t, "time"), anyUUID.Draw(t, "id"), anyParty.Draw(t, "recipient")
	for range rapid.IntRange(1, 3).Draw(t, "people") {
		p := InactivePerson{Identity: anyIdentity.Draw(t, "who"), UploadFile: text(20).Draw(t, "file")}
		for range rapid.IntRange(0, 2).Draw(t, "replaced") {
			p.ReplacedBy = append(p.ReplacedBy, anyNHS.Draw(t, "by"))
		}
		n.People = append(n.People, p)
	}
	return n
}

// same wants what was written to be read as it was.
func same[T any](t require.TestingT, want T, written []byte, err error, read func(io.Reader, Limits) (*T, error)) []byte {
	require.NoError(t, err)
	got, err := read(iotest.HalfReader(bytes.NewReader(written)), Limits{})
	require.NoError(t, err)
	require.Equal(t, want, *got)
	return written
}

// anyMessages draws all six, and wants each to be read as it was written.
func anyMessages(t *rapid.T) map[Kind][]byte {
	out := map[Kind][]byte{}
	h, records := anyUpload(t)
	var b bytes.Buffer
	w, err := NewWriter(&b, h)
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, w.Write(&records[i]))
	}
	require.NoError(t, w.Close())
	got := readAll(bytes.NewReader(b.Bytes()), Options{})
	require.ErrorIs(t, got.err, io.EOF)
	require.Empty(t, got.rejected)
	require.Equal(t, h, got.header)
	require.Equal(t, records, got.records)
	out[Upload] = b.Bytes()

	r := anyResponse(t)
	var ack bytes.Buffer
	err = r.Write(&ack)
	out[Acknowledgement] = same(t, r, ack.Bytes(), err, DecodeResponse)
	q, a, n, i := anyQuery(t), anyAnswer(t), anyNotification(t), anyInactive(t)
	m, err := q.Append(nil)
	out[QueryMessage] = same(t, q, m, err, DecodeQuery)
	m, err = a.Append(nil)
	out[AnswerMessage] = same(t, a, m, err, DecodeAnswer)
	m, err = n.Append(nil)
	out[AccessMessage] = same(t, n, m, err, DecodeNotification)
	m, err = i.Append(nil)
	out[InactiveMessage] = same(t, i, m, err, DecodeInactive)
	return out
}

func TestWhatIsWrittenIsReadTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { anyMessages(t) })
}
