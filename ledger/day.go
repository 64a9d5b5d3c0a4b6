package ledger

import (
	"errors"
	"time"
)

// Time is a moment: microseconds since the Unix epoch, UTC.
type Time int64

// Units of [Time].
const (
	Microsecond Time = 1
	Millisecond      = 1_000 * Microsecond
	Second           = 1_000 * Millisecond
	Minute           = 60 * Second
	Hour             = 60 * Minute
)

// Day is a calendar day in Europe/London: days since 1 January 1970. The zero
// Day means "not given"; no plan starts or ends in 1970.
type Day int32

// ErrDay is returned for text that is not a date of the form 2006-01-02
// between 1900 and 2199.
var ErrDay = errors.New("not a date of the form YYYY-MM-DD")

// Of returns a time.Time as a Time; what is finer than a microsecond is cut.
func Of(t time.Time) Time { return Time(t.UnixMicro()) }

// Std returns the moment as a time.Time in UTC.
func (t Time) Std() time.Time { return time.UnixMicro(int64(t)).UTC() }

// String returns the moment as RFC 3339 with microseconds, in UTC.
func (t Time) String() string { return t.Std().Format("2006-01-02T15:04:05.000000Z07:00") }

// Day returns the calendar day in Europe/London at the moment.
func (t Time) Day() Day {
	s := int64(t) / int64(Second)
	if int64(t)%int64(Second) < 0 {
		s--
	}
	if summerTime(s) {
		s += 3600
	}
	d := s / 86400
	if s%86400 < 0 {
		d--
	}
	return Day(d)
}

// minute returns how many minutes past midnight a clock in London shows.
func (t Time) minute() int {
	const day = 24 * Hour
	if summerTime(int64(t / Second)) {
		t += Hour
	}
	return int(((t%day + day) % day) / Minute)
}

// Start returns the moment at which the day begins in Europe/London.
func (d Day) Start() Time {
	s := int64(d) * 86400
	if summerTime(s - 3600) {
		s -= 3600
	}
	return Time(s) * Second
}

// String returns the day as YYYY-MM-DD, and "" for the zero Day.
func (d Day) String() string {
	if d == 0 {
		return ""
	}
	return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly)
}

// AddYears returns the same date n years on; 29 February becomes 1 March in a
// year without one, as English law has it for birthdays.
func (d Day) AddYears(n int) Day {
	return Day(time.Unix(int64(d)*86400, 0).UTC().AddDate(n, 0, 0).Unix() / 86400)
}

// ParseDay reads a date of the form YYYY-MM-DD. 1 January 1970 is refused: its
// number says that no day is given.
func ParseDay(s string) (Day, error) {
	d, err := ParseBirth(s)
	if err == nil && d == 0 {
		err = ErrDay
	}
	return d, err
}

// ParseBirth reads a birth date of the form YYYY-MM-DD. People were born on
// 1 January 1970, so here 0 is a day like any other; its text, not its number,
// is what is kept and compared.
func ParseBirth(s string) (Day, error) {
	if len(s) != len(time.DateOnly) {
		return 0, ErrDay
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1900 || t.Year() > 2199 {
		return 0, ErrDay
	}
	return Day(t.Unix() / 86400), nil
}

// summerTime reports whether British Summer Time is in force at a moment given
// in Unix seconds: from 01:00 UTC on the last Sunday of March to 01:00 UTC on
// the last Sunday of October (the rule since 1996). It is written out here,
// not read from the machine's zone files, so that a decision about a day is
// the same on every machine for ever.
func summerTime(unix int64) bool {
	at := time.Unix(unix, 0).UTC()
	_, month, day := at.Date()
	if month != time.March && month != time.October {
		return month > time.March && month < time.October
	}
	last := 31 - (int(at.Weekday())+31-day)%7 // both months have 31 days
	begun := day > last || day == last && at.Hour() >= 1
	return begun == (month == time.March)
}
