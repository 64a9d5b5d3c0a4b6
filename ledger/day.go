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
	day, second := unix/86400, unix%86400
	if second < 0 {
		day, second = day-1, second+86400
	}
	month, of := monthOf(day)
	if month != 3 && month != 10 {
		return month > 3 && month < 10
	}
	// Both months have 31 days; 1 January 1970 was a Thursday. Of Sunday 0 is.
	last := 31 - ((day+31-of+4)%7+7)%7
	begun := of > last || of == last && second >= 3600
	return begun == (month == 3)
}

// monthOf returns the month, from 1, of a day since 1970 in the Gregorian calendar,
// and which day of it that is. It counts from 1 March 0000, so that a leap day ends
// a year, in eras of 400 years. (time.Time has no answer without a date and a zone,
// and every decision asks.)
func monthOf(day int64) (month, of int64) {
	day += 719468
	era := day / 146097
	if day%146097 < 0 {
		era--
	}
	inEra := day - era*146097
	year := (inEra - inEra/1460 + inEra/36524 - inEra/146096) / 365
	inYear := inEra - (365*year + year/4 - year/100)
	fromMarch := (5*inYear + 2) / 153
	of = inYear - (153*fromMarch+2)/5 + 1
	if fromMarch < 10 {
		return fromMarch + 3, of
	}
	return fromMarch - 9, of
}
