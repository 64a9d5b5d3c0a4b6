package ledger

import "slices"

// When an authority is reached by which number. Hours are in London, and decide
// also when its notifications go to the emergency duty team.

// Opening is when an office is open on a day of the week, in minutes after
// midnight; both zero: it is shut.
type Opening struct {
	Opens  int `cbor:"1,keyasint,omitempty"`
	Closes int `cbor:"2,keyasint,omitempty"`
}

// daysOfWeek is the length of a week that is given; Monday is its first day.
const daysOfWeek = 7

// soundWeek reports whether a week is one, or none.
func soundWeek(week []Opening) bool {
	for _, o := range week {
		if o != (Opening{}) && (o.Opens < 0 || o.Opens >= o.Closes || o.Closes > 24*60) {
			return false
		}
	}
	return len(week) == 0 || len(week) == daysOfWeek
}

// opening is when the office is open on a day that is no bank holiday.
func (d *Directory) opening(day Day) Opening {
	weekday := (int(day)%daysOfWeek + daysOfWeek + 3) % daysOfWeek // 1 January 1970 was a Thursday; Monday is 0
	if len(d.Week) == daysOfWeek {
		return d.Week[weekday]
	}
	if weekday >= 5 {
		return Opening{}
	}
	l := d.LadderOn(day)
	return Opening{l.Opens, l.Closes}
}

// works reports whether the authority works at a moment.
func (d *Directory) works(at Time) bool {
	day := at.Day()
	if len(d.BankHolidays) > 0 && slices.Contains(d.BankHolidays, day.String()) {
		return false
	}
	o := d.opening(day)
	minute := at.minute()
	return o.Opens <= minute && minute < o.Closes
}

// NumberAt is the number that is answered at a moment: the office's while it is
// open, otherwise the emergency duty team's. It is empty where the authority has
// said nothing of its hours, for then nobody knows.
func (d *Directory) NumberAt(at Time) string {
	switch {
	case len(d.Week) == 0 && len(d.Ladders) == 0:
		return ""
	case d.works(at):
		return d.OfficeHours
	}
	return d.EmergencyDuty
}
