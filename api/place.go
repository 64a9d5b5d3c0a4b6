package api

import (
	"regexp"

	"custos/ledger"
)

var (
	urn  = regexp.MustCompile(`^[0-9]{6}$`)
	code = regexp.MustCompile(`^[A-Z0-9]{3,10}$`)
)

// isCode reports whether s is an organisation's or a place's code, which stands
// in the ledger in clear. A person's number in its place, as from two columns
// exchanged, is none.
func isCode(s string) bool { return code.MatchString(s) && !isNHSNumber(s) }

func isNHSNumber(s string) bool {
	_, err := ParseNHSNumber(s)
	return err == nil
}

// place reads the one place that a row or a request names.
func place(school, area, practice string) (ledger.Place, string) {
	given := 0
	var p ledger.Place
	for _, x := range []struct {
		value, prefix string
		form          func(string) bool
	}{{school, ledger.PlaceSchool, urn.MatchString}, {area, ledger.PlaceArea, isCode}, {practice, ledger.PlacePractice, isCode}} {
		if x.value == "" {
			continue
		}
		if given++; !x.form(x.value) {
			return "", "place-format"
		}
		p = ledger.Place(x.prefix + x.value)
	}
	if given != 1 {
		return "", "place-one"
	}
	return p, ""
}
