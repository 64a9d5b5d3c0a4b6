// Package mesh is a client of the NHS Message Exchange for Social Care and
// Health (MESH) HTTP API, version 2: how a local authority's system reaches
// CP-IS, and how CP-IS answers it.
//
// A [Client] owns one mailbox. [Client.Poll] reads its inbox: a message is
// handled first and acknowledged after, so that dying between the two delivers
// it again (at least once; who handles must be idempotent). [Client.Send] puts a
// message into the outbox under a local id of the caller's. Whether it was
// taken may stay unknown, and then the error says [Unknown] and nothing else
// does; [Client.Find] asks MESH what became of a local id.
//
// A message's content is a stream in both directions and is never held whole.
// No error, log line or formatted value of this package repeats content, file
// names, subjects, local ids or credentials: see [Error].
//
// Sources: the MESH API specification 2.0.0 (github.com/NHSDigital/mesh-api-specification)
// and NHS England's own sandbox and Python client. docs/MESH.md has what was
// taken from each, and what is assumed.
package mesh
