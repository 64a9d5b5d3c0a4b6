// Package deliver exchanges CP-IS messages with local authorities by MESH. It
// runs on every node and acts on the leader alone.
//
// The way out ([Service.Run], outbox.go) takes the notifications that wait for an
// authority and makes one message 05, or 06, of them. An attempt is a command:
// what the message discloses is opened from its committed outcome and from
// nothing else, and what became of it is recorded when it is known, and only
// then. An attempt of which nobody knows is found out by its local id, and sent
// again where MESH does not have it: the same bytes, on whichever node leads.
// docs/adr/0014-delivery.md has the reasons.
//
// The way in (inbox.go) hands message 01 to the upload engine and sends back
// message 02. A message that comes again has the same answer, once.
//
// No lookup waits for any of this: a notification is queued in the lookup's own
// decision, and what is slow here is nobody's but MESH's.
package deliver
