package hl7

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// a04 is an arrival as a patient administration system tells of it.
const a04 = "MSH|^~\\&|PAS|RXX01|CUSTOS|X24|20260303141500||ADT^A04^ADT_A01|MSG00017|P|2.4|||AL|NE\r" +
	"EVN|A04|20260303141459|||U55^Winterbourne^Willa^^^Sister\r" +
	"PID|1||M1^^^RXX01^MR~9990000018^^^NHS^NH||Feather\\T\\stone^Annunziata^Mei||20150504|F|||1 High St^^Town^^AB1 2CD\r" +
	"PV1|1|E|||||C9^Attend^Anna\r" +
	"ZZZ|whatever\r"

func read(t testing.TB, text string) (*Arrival, error) {
	t.Helper()
	m, err := Parse([]byte(text))
	if err != nil {
		return &Arrival{Control: m.Control()}, err
	}
	return m.Arrival()
}

func with(pairs ...string) string {
	out := a04
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(out, pairs[i]) {
			panic(pairs[i])
		}
		out = strings.Replace(out, pairs[i], pairs[i+1], 1)
	}
	return out
}

func TestAnArrivalIsRead(t *testing.T) {
	a, err := read(t, a04)
	require.NoError(t, err)
	require.Equal(t, Arrival{Control: "MSG00017", Number: "9990000018", Family: "Feather&stone", Given: "Annunziata Mei", Birth: "2015-05-04", Postcode: "AB1 2CD",
		At: time.Date(2026, 3, 3, 14, 14, 59, 0, time.UTC), User: "Sister Willa Winterbourne", UserKnown: "U55"}, func() Arrival { x := *a; x.At = x.At.UTC(); return x }())
	for name, c := range map[string]struct {
		text string
		look func(*Arrival) string
		want string
	}{
		"the attending doctor, where nobody registered": {with("U55^Winterbourne^Willa^^^Sister", ""), func(a *Arrival) string { return a.User }, "Anna Attend"},
		"nobody":                    {with("U55^Winterbourne^Willa^^^Sister", "U55", "C9^Attend^Anna", ""), func(a *Arrival) string { return a.User + a.UserKnown }, ""},
		"line feeds":                {strings.ReplaceAll(a04, "\r", "\r\n"), func(a *Arrival) string { return a.Number }, "9990000018"},
		"other marks":               {strings.NewReplacer("|", "$", "^~\\&", "!;%*", "^", "!", "~", ";", "\\T\\", "%T%").Replace(a04), func(a *Arrival) string { return a.Family }, "Feather*stone"},
		"ISO 8859-1":                {with("|AL|NE", "|AL|NE||8859/1", "Annunziata", "Zo\xeb"), func(a *Arrival) string { return a.Given }, "Zoë Mei"},
		"UTF-8":                     {with("Annunziata", "Zoë"), func(a *Arrival) string { return a.Given }, "Zoë Mei"},
		"no number":                 {with("9990000018^^^NHS^NH", "77^^^RXX01^XX"), func(a *Arrival) string { return a.Number }, ""},
		"a value that was deleted":  {with("Feather\\T\\stone", `""`), func(a *Arrival) string { return a.Family }, ""},
		"how a text looks":          {with("Annunziata", `\H\Ann\N\`), func(a *Arrival) string { return a.Given }, "Ann Mei"},
		"a zone":                    {with("20260303141459", "20260303161459.123+0200"), func(a *Arrival) string { return a.At.UTC().Format("15:04:05") }, "14:14:59"},
		"a year of birth":           {with("20150504", "2015"), func(a *Arrival) string { return a.Birth }, ""},
		"an escape that never ends": {with("Annunziata", `Ann\F`), func(a *Arrival) string { return a.Given }, "AnnF Mei"},
	} {
		a, err := read(t, c.text)
		require.NoError(t, err, name)
		require.Equal(t, c.want, c.look(a), name)
	}
}

func TestBadArrivals(t *testing.T) {
	for name, c := range map[string]struct{ text, code, number, control string }{
		"nothing":             {"", "hl7-syntax", "100", ""},
		"no head":             {"PID|1||Winterbourne", "hl7-syntax", "100", ""},
		"marks that are one":  {with("^~\\&", "^^\\&"), "hl7-syntax", "100", ""},
		"marks that are text": {with("^~\\&", "^~\\A"), "hl7-syntax", "100", ""},
		"two heads":           {a04 + a04, "hl7-syntax", "100", "MSG00017"},
		"no segment":          {with("ZZZ|whatever", "Winterbourne"), "hl7-syntax", "100", "MSG00017"},
		"too many segments":   {a04 + strings.Repeat("ZZZ|1\r", 200), "hl7-too-many-segments", "100", "MSG00017"},
		"not UTF-8":           {with("Annunziata", "Zo\xeb"), "hl7-encoding", "102", "MSG00017"},
		"a control character": {with("Annunziata", "Ann\x00"), "hl7-encoding", "102", "MSG00017"},
		"another message":     {with("ADT^A04", "ORU^R01"), "hl7-event", "200", "MSG00017"},
		"another event":       {with("ADT^A04", "ADT^A08"), "hl7-event", "201", "MSG00017"},
		"a drill":             {with("|P|2.4", "|T|2.4"), "hl7-processing-id", "202", "MSG00017"},
		"no control id":       {with("MSG00017", ""), "hl7-control-id", "101", ""},
		"a control id of any": {with("MSG00017", "Willa Winterbourne"), "hl7-control-id", "101", ""},
		"nobody at all":       {with("PID|1", "PIX|1"), "hl7-field-missing", "101", "MSG00017"},
		"a birth of no day":   {with("20150504", "20150231"), "date-format", "102", "MSG00017"},
		"a time of none":      {with("20260303141459", "yesterday"), "date-format", "102", "MSG00017"},
		"a long name":         {with("Annunziata", strings.Repeat("A", 300)), "hl7-field-too-long", "102", "MSG00017"},
	} {
		a, err := read(t, c.text)
		var f *Fault
		require.ErrorAs(t, err, &f, name)
		require.Equal(t, []string{c.code, c.number, c.control}, []string{f.Code, f.Number, a.Control}, name)
		said := string(Refused(a.Control, time.Unix(0, 0), f))
		require.NotContains(t, said+f.Error(), "Winterbourne", name)
		want := "MSA|AE|"
		if f.Number[0] == '2' {
			want = "MSA|AR|" // sending it again does not help
		}
		require.Contains(t, said, want+c.control+"\r", name)
	}
}

func TestFrames(t *testing.T) {
	two := append(Frame([]byte("one")), Frame([]byte("two"))...)
	r := bufio.NewReader(bytes.NewReader(two))
	for _, want := range []string{"one", "two"} {
		got, err := ReadFrame(r)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := ReadFrame(r)
	require.ErrorIs(t, err, io.EOF)
	for text, want := range map[string]error{
		"MSH|": ErrFrame, "\x0bMSH": ErrFrame, "\x0bMSH\x1c": ErrFrame, "\x0bMSH\x1c\n": ErrFrame, "\x0bMSH\x0bMSH\x1c\r": ErrFrame,
		"\x0b" + strings.Repeat("x", MaxMessage+1): ErrTooLarge,
	} {
		_, err := ReadFrame(bufio.NewReader(strings.NewReader(text)))
		require.ErrorIs(t, err, want, "%.20q", text)
	}
	most, err := ReadFrame(bufio.NewReader(bytes.NewReader(Frame(make([]byte, MaxMessage)))))
	require.NoError(t, err)
	require.Len(t, most, MaxMessage)
}

// Whatever comes, reading it ends, and an answer repeats the control id alone.
func FuzzArrival(f *testing.F) {
	f.Add([]byte(a04))
	f.Add([]byte(with("|AL|NE", "|AL|NE||8859/1", "Annunziata", "Zo\xeb")))
	f.Add([]byte("MSH|^~\\&|||||||ADT^A04|1|P\rPID|1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ReadFrame(bufio.NewReader(bytes.NewReader(b)))
		if err == nil {
			b = got
		}
		m, err := Parse(b)
		control := m.Control()
		require.NotContains(t, control, "|")
		if err == nil {
			var a *Arrival
			if a, err = m.Arrival(); err == nil {
				answer, err := Parse(Taken(a.Control, time.Unix(0, 0), Found{Outcome: "found"}))
				require.NoError(t, err)
				require.Equal(t, control, answer.Value("MSA", 2, 0, 1))
				return
			}
		}
		var fault *Fault
		require.ErrorAs(t, err, &fault)
		answer, err := Parse(Refused(control, time.Unix(0, 0), fault))
		require.NoError(t, err)
		require.Equal(t, []string{control, fault.Code}, []string{answer.Value("MSA", 2, 0, 1), answer.Value("ERR", 5, 0, 1)})
	})
}
