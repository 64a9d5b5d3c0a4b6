package tools

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"

	"custos/ledger"
)

// What an auditor looks for in a trail: who was told, what was found, when, and
// the two patterns that a single line does not show. Both are counted over what
// the other filters leave, so that --from 2026-03-01 --no-plan 20 is about March.

// outcomes are what --outcome takes; denied is an entry of its own kind.
var outcomes = []string{ledger.OutcomeFound.String(), ledger.OutcomeNotFound.String(), ledger.OutcomeMismatch.String(), outcomeDenied}

const outcomeDenied = "denied"

// keeps reports whether a line is of the authority, outcome and hours asked for.
func (t *trailFlags) keeps(l *trailLine, at ledger.Time) bool {
	if t.authority != "" && l.Authority != t.authority && !slices.Contains(l.Told, t.authority) {
		return false
	}
	if t.outcome != "" {
		outcome := l.Outcome
		if l.Kind == ledger.KindAccessDenied.String() {
			outcome = outcomeDenied
		}
		if outcome != t.outcome {
			return false
		}
	}
	return !t.outOfHours || outOfHours(at)
}

// outOfHours reports whether a moment is outside 08:00 to 18:00, Monday to
// Friday, in London. Bank holidays are not known here.
func outOfHours(at ledger.Time) bool {
	weekday := (int(at.Day())%7 + 7 + 3) % 7 // 1 January 1970 was a Thursday; Monday is 0
	hour := hourOf(at)
	return weekday > 4 || hour < 8 || hour >= 18
}

// hourOf is the hour of the day in London, counted from midnight: that is wrong
// on the days the clocks change, which are Sundays.
func hourOf(at ledger.Time) int { return min(int((at-at.Day().Start())/ledger.Hour), 23) }

// patterns leaves the lookups that are part of a pattern: the same person by
// the same actor at least --repeated times, and those without a plan of actors
// who made at least --no-plan such.
func (t *trailFlags) patterns(lines []trailLine) []trailLine {
	type key struct{ issuer, subject, person string }
	times := func(lines []trailLine, least int, of func(*trailLine) (key, bool)) []trailLine {
		if least == 0 {
			return lines
		}
		n := map[key]int{}
		for i := range lines {
			if k, ok := of(&lines[i]); ok {
				n[k]++
			}
		}
		return slices.DeleteFunc(lines, func(l trailLine) bool {
			k, ok := of(&l)
			return !ok || n[k] < least
		})
	}
	lookup := ledger.KindAccessed.String()
	lines = times(lines, t.repeated, func(l *trailLine) (key, bool) {
		return key{l.Issuer, l.Subject, l.Person}, l.Kind == lookup && l.Person != ""
	})
	return times(lines, t.noPlan, func(l *trailLine) (key, bool) {
		return key{issuer: l.Issuer, subject: l.Subject}, l.Kind == lookup && l.Outcome == ledger.OutcomeNotFound.String()
	})
}

// trailColumns head the lines of a trail as a spreadsheet reads them.
var trailColumns = []string{"seq", "at", "kind", "outcome", "code", "unscheduled", "in_error", "role", "organisation", "issuer", "subject",
	"person", "told", "authority", "of", "place"}

// cells are a line's: subjects are what an issuer says they are, and disarmed.
func (l *trailLine) cells() []string {
	of := ""
	if l.Of != 0 {
		of = seqText(l.Of)
	}
	return inert([]string{seqText(l.Seq), l.At, l.Kind, l.Outcome, l.Code, strconv.FormatBool(l.Unscheduled), strconv.FormatBool(l.InError),
		l.Role, l.Organisation, l.Issuer, l.Subject, l.Person, strings.Join(l.Told, " "), l.Authority, of, l.Place})
}

func trailCSV(to io.Writer, lines []trailLine) error {
	rows := [][]string{trailColumns}
	for i := range lines {
		rows = append(rows, lines[i].cells())
	}
	return failing(ExitUnreadable, csv.NewWriter(to).WriteAll(rows))
}
