package ledger

import (
	"math"
	"testing"
	"time"
	_ "time/tzdata" // the tests' second opinion must not depend on the machine

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func london(t testing.TB) *time.Location {
	l, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	return l
}

// Every day from 1996 to 2100 begins, ends and is named as tzdata has it.
func TestDaysAreLondonDays(t *testing.T) {
	zone := london(t)
	first := time.Date(1996, time.January, 1, 0, 0, 0, 0, zone)
	day, err := ParseDay("1996-01-01")
	require.NoError(t, err)
	for at := first; at.Year() <= 2100; at, day = at.AddDate(0, 0, 1), day+1 {
		if Of(at) != day.Start() || Of(at).Day() != day || Of(at.Add(-time.Second)).Day() != day-1 || Of(at.Add(time.Second)).Day() != day ||
			Of(at.Add(-time.Microsecond)).Day() != day-1 || day.String() != at.Format(time.DateOnly) {
			require.Failf(t, "another day", "%s: day %d starts %s", at, day, day.Start())
		}
	}
}

// One second either side of every change of the clocks.
func TestClocksChangeAsTzdataHasIt(t *testing.T) {
	zone := london(t)
	changes := 0
	at := time.Date(1996, time.January, 1, 0, 0, 0, 0, time.UTC)
	for at.Year() <= 2100 {
		_, end := at.In(zone).ZoneBounds()
		for _, d := range []time.Duration{-time.Second, -time.Microsecond, 0, time.Second} {
			moment := end.Add(d)
			_, offset := moment.In(zone).Zone()
			require.Equal(t, offset != 0, summerTime(moment.Add(-moment.Sub(moment.Truncate(time.Second))).Unix()), "%s", moment)
			require.Equal(t, moment.In(zone).Format(time.DateOnly), Of(moment).Day().String())
		}
		changes++
		at = end.UTC().AddDate(0, 1, 0) // well inside the next half year
	}
	require.GreaterOrEqual(t, changes, 2*105)
}

// The rule of 1996, for any moment that a Time or a Day can say, by the standard
// library's calendar: near the changes of any year, and anywhere.
func TestSummerTimeIsThatOfTheCalendar(t *testing.T) {
	lastSunday := func(year int, m time.Month) int64 {
		end := time.Date(year, m, 31, 1, 0, 0, 0, time.UTC)
		return end.AddDate(0, 0, -int(end.Weekday())).Unix()
	}
	rapid.Check(t, func(t *rapid.T) {
		unix := rapid.Int64Range(math.MinInt32*86400, math.MaxInt32*86400).Draw(t, "seconds")
		if rapid.Bool().Draw(t, "near") {
			year := rapid.IntRange(-10_000, 10_000).Draw(t, "year")
			month := rapid.SampledFrom([]time.Month{time.January, time.February, time.March, time.April, time.September, time.October, time.December}).Draw(t, "month")
			unix = time.Date(year, month, rapid.IntRange(0, 32).Draw(t, "day"), 0, 0, 0, 0, time.UTC).Unix() + rapid.Int64Range(-7201, 7201).Draw(t, "beside")
		}
		year := time.Unix(unix, 0).UTC().Year()
		require.Equal(t, unix >= lastSunday(year, time.March) && unix < lastSunday(year, time.October), summerTime(unix), "%d", unix)
	})
}

func TestTimeKeepsMicroseconds(t *testing.T) {
	at := time.Date(2026, time.July, 1, 12, 0, 0, 123_456_789, time.UTC)
	require.Equal(t, "2026-07-01T12:00:00.123456Z", Of(at).String())
	require.Equal(t, at.Truncate(time.Microsecond), Of(at).Std())
	require.Equal(t, "1969-12-31", Time(-1).Day().String(), "before the epoch too")
	require.Equal(t, "1969-12-31", (-Second).Day().String())
}

func TestBirthdays(t *testing.T) {
	for born, grown := range map[string]string{
		"2008-02-29": "2026-03-01", // English law: the first moment of 1 March
		"2008-02-28": "2026-02-28",
		"2006-02-28": "2024-02-28",
		"2008-03-01": "2026-03-01",
		"2000-12-31": "2018-12-31",
		"1990-01-01": "2008-01-01",
	} {
		d, err := ParseDay(born)
		require.NoError(t, err)
		require.Equal(t, grown, d.AddYears(18).String())
	}
}

func TestDaysThatAreNone(t *testing.T) {
	for _, s := range []string{"", "2026-02-30", "2023-02-29", "2026-13-01", "2026-00-10", "26-01-01", "2026-1-1", "20260101", "2026/01/01",
		"2026-01-01 ", " 2026-01-01", "1899-12-31", "2200-01-01", "2026-01-1x", "-026-01-01", "２０２６-1"} {
		d, err := ParseDay(s)
		require.ErrorIs(t, err, ErrDay, "%q", s)
		require.Zero(t, d)
	}
	require.Empty(t, Day(0).String())
}
