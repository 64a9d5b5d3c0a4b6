package cpis

import (
	"strconv"
	"sync"
	"time"
	_ "time/tzdata" // a plan's minute must not depend on the machine's zone files
)

// Date is a calendar day as the wire has it: the number yyyyMMdd. Zero is none.
// Dates compare as numbers do.
type Date int32

// DateTime is a minute of Europe/London's clocks: the number yyyyMMddHHmm. Zero
// is none. The wire carries no zone, so a minute of the hour that comes twice in
// October is the first of both. DateTimes compare as numbers do.
type DateTime int64

// DateOf returns a day; ok is false for one that no calendar has, and for one
// outside 1900 to 2099, which the schema's form cannot write.
func DateOf(year, month, day int) (d Date, ok bool) {
	if year < 1900 || year > 2099 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return Date(year*10000 + month*100 + day), true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// At gives a minute of the day.
func (d Date) At(hour, minute int) DateTime { return DateTime(d)*10000 + DateTime(hour*100+minute) }

// Date is the calendar day.
func (t DateTime) Date() Date { return Date(t / 10000) }

// ISO is the day as YYYY-MM-DD, empty for none.
func (d Date) ISO() string {
	if d == 0 {
		return ""
	}
	s := strconv.Itoa(int(d))
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}

// Years returns the same date n years on; 29 February becomes 1 March in a year
// without one, as English law has it for birthdays.
func (d Date) Years(n int) Date {
	d += Date(n * 10000)
	if y, m, day := int(d/10000), int(d/100%100), int(d%100); day > daysIn(y, m) {
		d += 100 - 28 // the 29th of February becomes the 1st of March
	}
	return d
}

// ISO is the minute as YYYY-MM-DD HH:MM, empty for none.
func (t DateTime) ISO() string {
	if t == 0 {
		return ""
	}
	s := strconv.FormatInt(int64(t), 10)
	return t.Date().ISO() + " " + s[8:10] + ":" + s[10:]
}

var london = sync.OnceValue(func() *time.Location {
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(err) // it is linked in
	}
	return l
})

// Time is the moment. One that the clocks leave out in March is read as if they
// had not yet been changed.
func (t DateTime) Time() time.Time {
	d := int(t.Date())
	return time.Date(d/10000, time.Month(d/100%100), d%100, int(t/100%100), int(t%100), 0, 0, london())
}

// DateTimeOf is the minute that London's clocks show.
func DateTimeOf(t time.Time) DateTime {
	l := t.In(london())
	return Date(l.Year()*10000+int(l.Month())*100+l.Day()).At(l.Hour(), l.Minute())
}

// ParseISO reads a date of the form YYYY-MM-DD.
func ParseISO(s string) (Date, bool) {
	if len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	return parseDate([]byte(s[:4] + s[5:7] + s[8:]))
}

// parseDate reads yyyyMMdd, and a birth time, of which the day is taken.
func parseDate(b []byte) (Date, bool) {
	y, ok1 := digits(b, 0, 4)
	m, ok2 := digits(b, 4, 2)
	d, ok3 := digits(b, 6, 2)
	if !ok1 || !ok2 || !ok3 {
		return 0, false
	}
	return DateOf(y, m, d)
}

// parseDateTime reads yyyyMMddHHmm, and nothing shorter or longer.
func parseDateTime(b []byte) (DateTime, bool) {
	if len(b) != 12 {
		return 0, false
	}
	d, ok1 := parseDate(b)
	h, ok2 := digits(b, 8, 2)
	m, ok3 := digits(b, 10, 2)
	return d.At(h, m), ok1 && ok2 && ok3 && h < 24 && m < 60
}

// digits reads n digits at i.
func digits(b []byte, i, n int) (v int, ok bool) {
	if len(b) < i+n {
		return 0, false
	}
	for _, c := range b[i : i+n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// parseBirth reads a birth date; of a time of birth, with its zone, the day as
// it is written is taken.
func parseBirth(b []byte) (Date, bool) {
	if len(b) != 8 {
		if t, ok := ParseTimestamp(string(b)); !ok || len(t) < 8 {
			return 0, false
		}
	}
	return parseDate(b)
}

func (d Date) valid() bool {
	_, ok := DateOf(int(d/10000), int(d/100%100), int(d%100))
	return ok
}

func (t DateTime) valid() bool {
	return t > 0 && t.Date().valid() && t/100%100 < 24 && t%100 < 60
}

// Timestamp is a time as HL7 writes it: yyyyMMddHHmmss±ZZzz, cut from the right.
// It is kept as it came.
type Timestamp string

// TimestampOf is a moment, to the second.
func TimestampOf(t time.Time) Timestamp {
	return Timestamp(t.In(london()).Format("20060102150405-0700"))
}

// ParseTimestamp checks the form. A zone may be left out, though the domain's
// specification wants one with the hours; London's is meant then.
func ParseTimestamp(s string) (Timestamp, bool) {
	_, ok := Timestamp(s).Time()
	return Timestamp(s), ok
}

// Time is the moment that the timestamp begins; ok is false if it is of no form.
func (t Timestamp) Time() (at time.Time, ok bool) {
	form, zone, digits := "20060102150405", "", string(t)
	for i := range digits {
		if c := digits[i]; c == '+' || c == '-' {
			digits, zone = digits[:i], digits[i:]
			break
		} else if c < '0' || c > '9' {
			return at, false
		}
	}
	if n := len(digits); n < 4 || n > len(form) || n%2 == 1 || n < 10 && zone != "" || zone != "" && len(zone) != 5 {
		return at, false
	}
	form = form[:len(digits)]
	if zone != "" {
		form += "-0700"
	}
	at, err := time.ParseInLocation(form, digits+zone, london())
	return at, err == nil && at.Year() >= 1900 && at.Year() < 2200
}
