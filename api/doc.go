// Package api is the edge: it authenticates, reads strictly, seals what is
// personal, proposes a command, and opens only what the committed outcome of
// that command hands it. No handler has another way to a plan.
//
// Routes are in routes.go, in one table with who may ask; whether a request is
// granted is decided in the ledger. Errors leave through problem.go alone.
package api
