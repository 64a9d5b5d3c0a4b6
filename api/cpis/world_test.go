package cpis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// fable is an authority that never was; its numbers are kept free for drama.
var fable = Organisation{Code: "D9X1A", Name: "Fablethorpe Council", EmergencyDuty: "01134960999", OfficeHours: "+441134960100"}

var ed = Party{Code: "RZ901", Name: "Fable General Hospital, Emergency Department", Site: true}

// number is the nth valid NHS number of the range that is issued to nobody.
func number(n int) string {
	for i := 0; ; i++ {
		for d := range 10 {
			if s := fmt.Sprintf("999%06d%d", i, d); CheckNHSNumber(s) == "" {
				if n == 0 {
					return s
				}
				n--
			}
		}
	}
}

func child(n int) Subject {
	return Subject{Person: Person{Identity: Identity{number(n), fmt.Sprintf("C%06d", n), "D9X1A"}, Given: "Ada Mei", Family: "O'Fableton & Sons", Birth: 20180305}}
}

func mother(n int) Subject {
	s := child(n)
	s.Unborn, s.Given, s.Birth = true, "Marian", 20080229
	return s
}

// usualRecords are one of each sort: a child protection plan, looked after since
// and formerly protected, an unborn child, and a girl who is both.
func usualRecords() []Record {
	return []Record{
		{Plans: []Plan{{Type: ChildProtection, Start: 202601050900}}, Subjects: []Subject{child(0)}},
		{Plans: []Plan{{Type: LookedAfter, Start: 202511300000}, {Type: ChildProtection, Start: 202409010000, End: 202511300000}}, Subjects: []Subject{child(1)}},
		{Plans: []Plan{{Type: UnbornChild, Start: 202601120000, End: 202607010000}}, Subjects: []Subject{mother(2)}},
		{Plans: []Plan{{Type: UnbornChild, Start: 202602010000, End: 202608010000}, {Type: LookedAfter, Start: 202001010000}},
			Subjects: []Subject{func() Subject { s := mother(3); s.Unborn = false; return s }(), mother(3)}},
		{Plans: []Plan{{Type: ChildProtection, Start: 202601060000, Delete: 202601070000}},
			Subjects: []Subject{{Person: Person{Identity: Identity{LocalID: "C000099"}, Given: "Zoë", Family: "Ćopper", Birth: 20240229}}}},
	}
}

func usualHeader(n int) Header {
	return Header{Created: "20260302140000+0000", Sequence: 17, Quantity: n, Sender: fable}
}

func usualFile(t testing.TB) []byte { return fileOf(t, usualRecords()) }

func fileOf(t testing.TB, records []Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, usualHeader(len(records)))
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, w.Write(&records[i]))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// someFile is message 01 with n records of different people.
func someFile(t testing.TB, n int) []byte {
	var b bytes.Buffer
	w, err := NewWriter(&b, usualHeader(n))
	require.NoError(t, err)
	s := child(0)
	for i := 9_990_000_000; n > 0; i++ {
		if s.NHSNumber = strconv.Itoa(i); CheckNHSNumber(s.NHSNumber) == "" {
			require.NoError(t, w.Write(&Record{Plans: []Plan{{Type: ChildProtection, Start: 202601050900, End: 202602050900}}, Subjects: []Subject{s}}))
			n--
		}
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// reading is all that a reader said of a file.
type reading struct {
	header   Header
	records  []Record
	rejected []*RecordError
	echoes   []Record // what of the rejected can be returned
	err      error    // io.EOF where the file is whole
}

func readAll(file io.Reader, o Options) (out reading) {
	r, err := NewReader(file, o)
	out.header = r.Header()
	for err == nil {
		var rec Record
		err = r.Next(&rec)
		var bad *RecordError
		if errors.As(err, &bad) {
			bad.Raw = bytes.Clone(bad.Raw)
			out.rejected = append(out.rejected, bad)
			if bad.Echo {
				out.echoes = append(out.echoes, rec)
			}
			err = nil
		} else if err == nil {
			out.records = append(out.records, rec)
		}
	}
	out.err = err
	return out
}

var staff = Author{Staff: &Staff{UserID: "555000000001", RoleProfile: "555000000101", Role: JobRole{Code: "R0670", System: JobRoles, Words: "Midwife - Sister/Charge Nurse"},
	Name: Name{Prefix: "Mrs", Given: []string{"Nell"}, Family: "Quillwick"}, Employer: ed}}

var system = Author{System: &System{ID: "555000000201", Keeper: Party{Code: "RZ9", Name: "Fable and Quill Hospitals NHS Trust"},
	Responsible: []Responsible{{Role: JobRole{Code: "R0260", System: JobRoles, Words: "General Medical Practitioner"}, Name: Name{Text: "Dr Joan Thistleby"}}}}}

const someID = "7D616840-AE1A-11DB-973A-B18E1E0994CD"

func usualQuery() Query {
	return Query{Time: "20260302140000+0000", ID: someID, Author: staff, NHSNumber: number(0)}
}

func usualAnswer() Answer {
	q := usualQuery()
	q.Author = system
	records := usualRecords()
	return Answer{Time: "20260302140001+0000", ID: someID, Accesses: []Query{usualQuery(), q},
		Holdings: []Holding{{fable, records[0]}, {Organisation{Code: "D9X2A", Name: "Quillhaven Council", EmergencyDuty: "01144960999"}, records[3]}}}
}

func usualNotification() Notification {
	return Notification{Time: "20260303060000+0000", ID: someID, Recipient: Party{Code: "D9X1A", Name: "Fablethorpe Council"}, Accesses: []Access{
		{Asked: []Asked{{"20260302140000+0000", someID, staff, child(0).Identity}}, UploadFile: "17"},
		{Asked: []Asked{{"20260302150000+0000", someID, system, Identity{NHSNumber: number(1)}}, {"20260302160000+0000", someID, staff, child(2).Identity}}, UploadFile: "16"},
	}}
}

func usualInactive() Inactive {
	return Inactive{Time: "20260303060000+0000", ID: someID, Recipient: Party{Code: "D9X1A", Name: "Fablethorpe Council"}, People: []InactivePerson{
		{Identity: child(0).Identity, UploadFile: "17"},
		{Identity: child(1).Identity, ReplacedBy: []string{number(5), number(6)}, UploadFile: "17"},
	}}
}

func usualResponse() Response {
	r := usualRecords()
	return Response{
		ResponseHeader: ResponseHeader{Created: "20260302140500+0000", Sequence: 17, Quantity: 5, Receiver: fable, Codes: []FileCode{FilePartly}, Failed: 2,
			Outcomes: []Outcome{
				{Code: RecordLoaded, Place: "/File/record[1]"},
				{Code: RecordRejected, Detail: EndBeforeStart, Place: "/File/record[2]/CP-ISRecord/pertinentInformation[2]/COCT_TP146101GB01.CPPInformation/component1/cPPEndDate/value/@value"},
				{Code: RecordNoMatch, Place: "/File/record[4]"},
			}},
		Returned: []Returned{
			{Valid: true, Record: Record{Subjects: r[0].Subjects}}, {Record: r[1]},
			{Valid: true, Record: Record{Subjects: r[2].Subjects}}, {Record: r[3]},
		},
		Successful: 3,
	}
}

// messages are all six, as bytes.
func messages(t testing.TB) map[Kind][]byte {
	t.Helper()
	q, a, n, i, r := usualQuery(), usualAnswer(), usualNotification(), usualInactive(), usualResponse()
	out := map[Kind][]byte{Upload: usualFile(t)}
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	out[Acknowledgement] = b.Bytes()
	for k, m := range map[Kind]interface {
		Append([]byte) ([]byte, error)
	}{QueryMessage: &q, AnswerMessage: &a, AccessMessage: &n, InactiveMessage: &i} {
		b, err := m.Append(nil)
		require.NoErrorf(t, err, "%s", k)
		out[k] = b
	}
	return out
}
