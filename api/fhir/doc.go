// Package fhir has the FHIR R4 resources that this service answers with, in
// JSON, and of each only the elements that it sets. It is a leaf: it knows
// neither the ledger nor where the values come from. What base R4 requires of
// each is checked by package fhirtest, from a table of its own.
//
// A time is text, as FHIR writes it: an instant has its zone, a date has none.
package fhir
