package demographics

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Date is a calendar date as the decimal number YYYYMMDD. Zero is no date, and
// equals none: a date that is only known in part is zero.
type Date int32

// ErrDate is returned for text that is not a date of the form 2006-01-02
// between 1870 and 2199.
var ErrDate = errors.New("not a date of the form YYYY-MM-DD")

// ParseDate reads a date of the form YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	if len(s) != len(time.DateOnly) {
		return 0, ErrDate
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1870 || t.Year() > 2199 {
		return 0, ErrDate
	}
	return Date(t.Year()*10000 + int(t.Month())*100 + t.Day()), nil
}

// Text returns the date as YYYY-MM-DD, and "" for no date; every call is a
// place to ask why.
func (d Date) Text() string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", int(d/10000), int(d/100%100), int(d%100))
}

// Format withholds the date from every verb of fmt.
func (Date) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the date from slog.
func (Date) LogValue() slog.Value { return slog.StringValue(withheld) }

// swapped returns the date with day and month exchanged, or zero if that is no
// other date.
func (d Date) swapped() Date {
	day, month := d%100, d/100%100
	if day == month || day > 12 {
		return 0
	}
	return d - d%10000 + day*100 + month
}
