// Package demographics asks a register of people whether an NHS number is that of the person somebody
// says it is, and finds the one person of a name and birth date.
//
// The rule is in match.go and the same for both registers: [Embedded], read from a CSV file and held in
// memory, and [PDS], a client of the NHS Personal Demographics Service. A register that cannot answer
// says so with an error that is [ErrDown]; an answer that says no is a [Result], never an error.
// docs/DEMOGRAPHICS.md has the columns, the codes and the sources.
//
// Nothing here logs, prints or puts into an error a name, birth date, postcode or NHS number.
package demographics
