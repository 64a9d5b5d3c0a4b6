package demographics

import (
	"context"
	"fmt"
	"log/slog"
)

// Register is a register of people. Both implementations may be called at once.
type Register interface {
	// Match answers each query at its place: is this number this person's? With an error there is no
	// result at all. The error is [ErrDown], or the caller's own context.
	Match(ctx context.Context, queries []Query) ([]Result, error)

	// Trace finds the one person with these details. False means none or several; the register does not
	// say which, and its error is as for Match.
	Trace(ctx context.Context, q TraceQuery) (Person, bool, error)
}

// Query is one row of an upload, as the authority holds the person.
type Query struct {
	NHSNumber string // ten digits, without separators; empty when the authority has none
	Family    string
	Given     string // all given names, separated by spaces
	Birth     Date
}

// TraceQuery is what is known of a person whose NHS number is not.
type TraceQuery struct {
	Family   string
	Given    string
	Birth    Date
	Postcode string // optional; with one, no restricted person is found
}

// Person is the register's own record. It never holds where the person lives.
type Person struct {
	NHSNumber  string // the number in force
	Family     string
	Given      []string
	Birth      Date // zero when the register does not know the whole date
	Restricted bool // where the person is may be shown to nobody: PDS codes R and V, and any that we do not know
}

// Result answers one [Query].
type Result struct {
	Outcome Outcome
	Reason  Reason // why not [Matched]; empty otherwise
	Check   int    // which given-name check passed, 1 to 4; 0 if none did

	// Person is the register's record, with the number in force; zero when there is none. Of a restricted
	// person whose details did not match it holds number and flag alone.
	Person Person

	// SupersededBy is the number in force when the number asked about has been superseded, whether or not
	// the details match. Only a verified row (outcome [Superseded]) may be told it.
	SupersededBy string

	Twin       bool // possible twin: the register has, or hints at, another person of this surname and birth date
	Suggestion Suggestion
}

// Suggestion is what a person might look at; nothing accepts it by itself. It never names a restricted
// person, nor anybody at all for a number that was invalidated: an adopted child's old number must not
// lead to the new one.
type Suggestion struct {
	NHSNumber string // empty: no suggestion
	Code      SuggestionCode
}

// Outcome is what a register says of one number and the details with it.
type Outcome int

// Outcomes. The zero value is none of them.
const (
	Matched     Outcome = iota + 1 // number, surname, birth date and given names are one person's
	NotMatched                     // see Reason
	Superseded                     // the details are those of the person who now has SupersededBy
	Invalidated                    // the number is out of use and nothing replaces it, as on adoption
)

// Reason is a stable code for why a row did not match.
type Reason string

// Reasons. docs/DEMOGRAPHICS.md gives the CP-IS record code of each.
const (
	ReasonNumberAbsent       Reason = "number-absent"       // no NHS number was given
	ReasonNumberInvalid      Reason = "number-invalid"      // not ten digits with the right last one: an old-style number, or a mistake
	ReasonNumberUnknown      Reason = "number-unknown"      // the register has no such number
	ReasonNumberSuperseded   Reason = "number-superseded"   // with outcome Superseded
	ReasonNumberInvalidated  Reason = "number-invalidated"  // with outcome Invalidated
	ReasonDetailsAbsent      Reason = "details-absent"      // surname, given names or birth date are missing in the row
	ReasonRegisterIncomplete Reason = "register-incomplete" // the register lacks a name or the whole birth date
	ReasonFamilyName         Reason = "family-name"         // the surname alone differs
	ReasonGivenNames         Reason = "given-names"         // the given names alone differ
	ReasonBirthDate          Reason = "birth-date"          // the birth date alone differs
	ReasonOtherName          Reason = "other-name"          // a former or other name of this person
	ReasonSeveralDiffer      Reason = "several-differ"      // more than one differs: perhaps somebody else's number
)

// SuggestionCode says how a [Suggestion] came about.
type SuggestionCode string

// Codes of suggestions.
const (
	SuggestSameDetails SuggestionCode = "same-details"      // exactly one other person has this name and birth date
	SuggestOtherName   SuggestionCode = "other-name"        // the number is right; the register has another name now
	SuggestDaySwapped  SuggestionCode = "day-month-swapped" // the number is right; day and month are the other way round
)

// withheld is what every formatter gets in place of what is personal.
const withheld = "withheld"

// Format withholds the query from every verb of fmt.
func (Query) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the query from slog.
func (Query) LogValue() slog.Value { return slog.StringValue(withheld) }

// Format withholds the query from every verb of fmt.
func (TraceQuery) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the query from slog.
func (TraceQuery) LogValue() slog.Value { return slog.StringValue(withheld) }

// Format withholds the person from every verb of fmt.
func (Person) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the person from slog.
func (Person) LogValue() slog.Value { return slog.StringValue(withheld) }

// Format prints outcome and reason, and withholds the rest.
func (r Result) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{outcome %d, reason %q, check %d}", int(r.Outcome), string(r.Reason), r.Check)
}

// LogValue gives slog outcome and reason, and withholds the rest.
func (r Result) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("outcome", int(r.Outcome)), slog.String("reason", string(r.Reason)))
}
