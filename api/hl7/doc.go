// Package hl7 reads HL7 version 2 messages that tell of an arrival (ADT A04), in
// the frames of the minimal lower layer protocol, and writes what answers them.
//
// It is our own: no Go library was found that others rely on. Four segments are
// read here, and no error, log line or answer repeats anything of a message but
// its control id, which the protocol wants back. docs/ARRIVALS.md has the fields
// and the codes.
package hl7
