package api

import (
	"strings"

	"custos/ledger"
)

// When an authority's office is open, day by day. A day that is not named is one
// on which it is shut; nothing at all says nothing of hours.

type weekBody struct {
	Monday    string `json:"monday,omitempty"` // HH:MM-HH:MM, in London
	Tuesday   string `json:"tuesday,omitempty"`
	Wednesday string `json:"wednesday,omitempty"`
	Thursday  string `json:"thursday,omitempty"`
	Friday    string `json:"friday,omitempty"`
	Saturday  string `json:"saturday,omitempty"`
	Sunday    string `json:"sunday,omitempty"`
}

// days are the week's days in order, with their names as pointers spell them.
func (w *weekBody) days() (names []string, hours []*string) {
	return []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
		[]*string{&w.Monday, &w.Tuesday, &w.Wednesday, &w.Thursday, &w.Friday, &w.Saturday, &w.Sunday}
}

// week reads the hours of each day.
func (w *weekBody) week() ([]ledger.Opening, error) {
	if *w == (weekBody{}) {
		return nil, nil
	}
	names, hours := w.days()
	out := make([]ledger.Opening, len(hours))
	for i, text := range hours {
		if *text == "" {
			continue
		}
		from, to, _ := strings.Cut(*text, "-")
		opens, good := parseClock(from)
		closes, ok := parseClock(to)
		if !good || !ok || closes <= opens {
			return nil, &Problem{Code: "field-value", Detail: "Hours are of the form HH:MM-HH:MM, and the second is after the first.", Pointer: "/week/" + names[i]}
		}
		out[i] = ledger.Opening{Opens: opens, Closes: closes}
	}
	return out, nil
}

// weekOf shows the hours that an authority has said, or nothing.
func weekOf(d *ledger.Directory) *weekBody {
	if len(d.Week) == 0 {
		return nil
	}
	out := new(weekBody)
	_, hours := out.days()
	for i, o := range d.Week {
		if o != (ledger.Opening{}) {
			*hours[i] = clock(o.Opens) + "-" + clock(o.Closes)
		}
	}
	return out
}
