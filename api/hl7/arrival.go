package hl7

import (
	"strings"
	"time"
)

// Arrival is what an ADT A04 says of somebody who came. Each may be empty but
// the control id; whether that is enough is for whoever looks them up.
type Arrival struct {
	Control   string
	Number    string // the NHS number, as it came
	Family    string
	Given     string
	Birth     string // YYYY-MM-DD
	Postcode  string
	Visit     string
	At        time.Time // zero: not said
	User      string    // the name of who registered them: EVN-5, else the attending doctor of PV1-7
	UserKnown string    // their number in the sender's directory
}

const maxField = 200

// Arrival reads an ADT A04. Its error is a *[Fault].
func (m *Message) Arrival() (*Arrival, error) {
	a := &Arrival{Control: m.Control()}
	switch {
	case m.Value("MSH", 9, 0, 1) != "ADT":
		return a, &Fault{codeEvent, numberMessage, "MSH-9"}
	case m.Value("MSH", 9, 0, 2) != "A04":
		return a, &Fault{codeEvent, numberEvent, "MSH-9"}
	case a.Control == "":
		return a, &Fault{codeControl, numberRequired, "MSH-10"}
	case m.Value("MSH", 11, 0, 1) != "P": // a drill is no arrival
		return a, &Fault{codeMode, numberMode, "MSH-11"}
	case m.repetitions("PID", 1) == nil:
		return a, &Fault{codeMissing, numberRequired, "PID"}
	}
	a.Number = m.number()
	a.Family, a.Given = m.Value("PID", 5, 0, 1), strings.TrimSpace(m.Value("PID", 5, 0, 2)+" "+m.Value("PID", 5, 0, 3))
	a.Postcode, a.Visit = m.Value("PID", 11, 0, 5), m.Value("PV1", 19, 0, 1)
	if born := m.Value("PID", 7, 0, 1); len(born) >= 8 {
		day, err := time.Parse("20060102", born[:8])
		if err != nil {
			return a, &Fault{codeDate, numberType, "PID-7"}
		}
		a.Birth = day.Format(time.DateOnly)
	}
	if at := m.Value("EVN", 2, 0, 1); at != "" {
		var err error
		if a.At, err = moment(at); err != nil {
			return a, &Fault{codeDate, numberType, "EVN-2"}
		}
	}
	for _, from := range []struct {
		name  string
		field int
	}{{"EVN", 5}, {"PV1", 7}} {
		v := func(component int) string { return m.Value(from.name, from.field, 0, component) }
		a.User = strings.Join(strings.Fields(v(6)+" "+v(3)+" "+v(4)+" "+v(2)+" "+v(5)), " ")
		if a.UserKnown = v(1); v(2) != "" {
			break
		}
		a.User, a.UserKnown = "", ""
	}
	for place, v := range map[string]string{"PID-5": a.Family + a.Given, "PID-11": a.Postcode, "PV1-19": a.Visit, "EVN-5": a.User + a.UserKnown, "PID-3": a.Number} {
		if len(v) > maxField {
			return a, &Fault{codeFieldLength, numberType, place}
		}
	}
	return a, nil
}

// number is the NHS number among a patient's identifiers: assigned by NHS, or of
// the type that says so.
func (m *Message) number() string {
	for i := range m.repetitions("PID", 3) {
		if m.Value("PID", 3, i, 4) == "NHS" || m.Value("PID", 3, i, 5) == "NH" {
			return m.Value("PID", 3, i, 1)
		}
	}
	return ""
}

// moment reads a time with its zone; without one it is London's.
func moment(s string) (time.Time, error) {
	zone := ""
	if i := strings.LastIndexAny(s, "+-"); i > 0 {
		s, zone = s[:i], s[i:]
	}
	s, _, _ = strings.Cut(s, ".") // parts of a second
	form := "20060102150405"
	if len(s) > len(form) || len(s) < 8 {
		return time.Time{}, &Fault{codeDate, numberType, ""}
	}
	form = form[:len(s)]
	if zone != "" {
		return time.Parse(form+"-0700", s+zone)
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.Time{}, err
	}
	return time.ParseInLocation(form, s, london)
}
