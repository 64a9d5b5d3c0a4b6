// Package meshtest is a small MESH: a server on this machine that answers as
// the MESH API 2.0.0 does, for tests and demonstrations. Its mailboxes are in
// memory and are gone with it.
//
// It is stricter than MESH where strictness finds mistakes: a header is checked
// to the letter and taken once, an acknowledged message is gone, chunks must
// agree. A test breaks it on purpose with [Server.Break].
//
// It shares no code with the client it tests.
package meshtest
