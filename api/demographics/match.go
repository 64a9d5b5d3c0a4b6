package demographics

import (
	"slices"
	"strings"
)

// name is one name of a person.
type name struct {
	family string
	given  []string // in order; the first may itself be several, separated by spaces
}

// record is one person as a register holds them.
type record struct {
	number     string
	name       name   // in use
	others     []name // former names, maiden names, nicknames
	birth      Date
	restricted bool
	births     int // order in a multiple birth, 2 to 7; otherwise the register does not know of one
}

// The four checks of given names, in this order; the first that passes ends them. "First" is an authority's
// first given name, and what it is compared with is named here.
const (
	checkAll       = 1 + iota // all its given names are all the register's, in order
	checkFirst                // its first is the register's first
	checkAny                  // its first is any of the register's
	checkLaterName            // one of its later ones is the register's first
)

// givenCheck returns which check passes, or 0. Source: docs/DEMOGRAPHICS.md, where it is said that the fourth is
// known to exist and not what it is; ours is as narrow as can be, so that twins who share a middle name are
// not taken for each other.
func givenCheck(theirs string, ours []string) int {
	held := strings.Join(ours, " ")
	first, all := words(theirs), parts(theirs)
	if len(all) == 0 || fold(held) == "" {
		return 0
	}
	switch {
	case slices.Equal(all, parts(held)):
		return checkAll
	case isName(first[0], ours[0]) || isCompound(first, ours[0]):
		return checkFirst
	case slices.ContainsFunc(ours, func(n string) bool { return isName(first[0], n) || slices.Contains(words(n), first[0]) }):
		return checkAny
	case slices.ContainsFunc(first[1:], func(later string) bool { return isName(later, ours[0]) }):
		return checkLaterName
	}
	return 0
}

// isName reports whether a folded name is the register's, or the first of several that it holds as one.
func isName(folded, held string) bool {
	w := words(held)
	return folded == fold(held) && folded != "" || len(w) > 0 && w[0] == folded
}

// isCompound reports whether a list of folded names begins with the one compound name that the register
// holds: "Anne Marie Joan" with "Anne-Marie".
func isCompound(list []string, held string) bool {
	want := fold(held)
	for n := 2; n <= min(len(list), 8); n++ {
		if strings.Join(list[:n], "") == want {
			return true
		}
	}
	return false
}

// sameFamily reports whether two surnames are one. A name without a letter is none.
func sameFamily(a, b string) bool {
	f := fold(a)
	return f != "" && f == fold(b)
}

// compare applies the rule: surname, birth date and given names. An empty reason means that they match,
// and check says by which check of the given names.
func compare(q Query, r *record) (why Reason, check int) {
	check = givenCheck(q.Given, r.name.given)
	switch {
	case fold(q.Family) == "" || fold(q.Given) == "" || q.Birth == 0:
		return ReasonDetailsAbsent, 0
	case fold(r.name.family) == "" || len(r.name.given) == 0 || fold(strings.Join(r.name.given, "")) == "" || r.birth == 0:
		return ReasonRegisterIncomplete, 0
	}
	family, birth := sameFamily(q.Family, r.name.family), q.Birth == r.birth
	switch {
	case family && birth && check > 0:
		return "", check
	case birth && r.known(q.Family, q.Given):
		return ReasonOtherName, 0
	case family && check > 0:
		return ReasonBirthDate, check
	case birth && check > 0:
		return ReasonFamilyName, check
	case family && birth:
		return ReasonGivenNames, 0
	}
	return ReasonSeveralDiffer, check
}

// known reports whether the person is, or was, known by this name. Surname and given names may be of two
// different names of the person: a married woman may be held with her nickname.
func (r *record) known(family, given string) bool {
	all := append([]name{r.name}, r.others...)
	return slices.ContainsFunc(all, func(n name) bool { return sameFamily(family, n.family) }) &&
		slices.ContainsFunc(all, func(n name) bool { return givenCheck(given, n.given) > 0 })
}

// answer builds the result for a row whose number the register holds as r. What needs a second look into
// the register (twins, a suggestion of somebody else) is left to the caller.
func answer(q Query, r *record) Result {
	why, check := compare(q, r)
	res := Result{Outcome: Matched, Reason: why, Check: check, Person: r.person(), Twin: r.births >= 2 && r.births <= 7}
	if r.number != q.NHSNumber {
		res.SupersededBy = r.number
	}
	switch {
	case why != "":
		res.Outcome = NotMatched
		if r.restricted {
			res.Person = Person{NHSNumber: r.number, Restricted: true}
		}
	case res.SupersededBy != "":
		res.Outcome, res.Reason = Superseded, ReasonNumberSuperseded
	}
	if r.restricted || res.SupersededBy != "" {
		return res
	}
	switch {
	case why == ReasonOtherName:
		res.Suggestion = Suggestion{r.number, SuggestOtherName}
	case why == ReasonBirthDate && q.Birth.swapped() == r.birth:
		res.Suggestion = Suggestion{r.number, SuggestDaySwapped}
	}
	return res
}

// suggestible reports whether somebody else of the same details may be looked for and suggested.
func (r *Result) suggestible() bool {
	return r.Outcome == NotMatched && r.Suggestion.NHSNumber == "" && r.Reason != ReasonDetailsAbsent
}

// suggest records that the details of a row are those of p, found by looking for them.
func (r *Result) suggest(p Person) {
	if p.Restricted || p.NHSNumber == r.Person.NHSNumber {
		return
	}
	r.Suggestion = Suggestion{p.NHSNumber, SuggestSameDetails}
	if r.Reason == ReasonGivenNames {
		r.Twin = true // another person of this surname and birth date, by another given name
	}
}

func (r *record) person() Person {
	return Person{NHSNumber: r.number, Family: r.name.family, Given: slices.Clone(r.name.given), Birth: r.birth, Restricted: r.restricted}
}

// traced reports whether r is who is looked for, by any of the person's names.
func (q TraceQuery) traced(r *record) bool {
	return q.Birth != 0 && q.Birth == r.birth && r.known(q.Family, q.Given)
}

// complete reports whether there is enough to look for.
func (q TraceQuery) complete() bool {
	return fold(q.Family) != "" && fold(q.Given) != "" && q.Birth != 0
}

// unasked answers the rows that no register need be asked about. True: it has to be asked.
func unasked(q Query) (Result, bool) {
	switch {
	case q.NHSNumber == "":
		return Result{Outcome: NotMatched, Reason: ReasonNumberAbsent}, false
	case numberOf(q.NHSNumber) == 0:
		return Result{Outcome: NotMatched, Reason: ReasonNumberInvalid}, false
	}
	return Result{}, true
}
