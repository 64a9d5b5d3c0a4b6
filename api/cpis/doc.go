// Package cpis reads and writes the six messages of the national Child
// Protection – Information Sharing service, which are HL7 version 3 in XML:
//
//	01 upload                 File                               [Reader], [Writer]
//	02 acknowledgement        FileResponse                       [DecodeResponse], [ResponseWriter], [Acknowledge]
//	03 query                  CP-ISQueryStub                     [DecodeQuery], [Query.Append]
//	04 query response         CP-ISNHSQueryResponse              [DecodeAnswer], [Answer.Append]
//	05 access notification    CP-ISAccessToServiceNotification   [DecodeNotification], [Notification.Append]
//	06 inactive NHS number    CP-ISInactiveNHSNumberNotification [DecodeInactive], [Inactive.Append]
//
// It hides everything that is only HL7's: the nesting, the template names that
// announce each choice, the object identifiers, dates without a zone. What is
// left is a [Record] with its plans and its people. It imports nothing of ours.
//
// Reading is strict about what the schemas fix: namespaces, order, templates,
// object identifiers, forms of dates, and what must not be on the wire. It does
// not mind which prefixes are used, in which order attributes come, or how a
// file is indented. There are no document types and no entities but XML's own
// five; the text is UTF-8; depth, elements, lengths and the whole are bounded
// ([Limits]). Writing refuses values that reading would refuse, so that
// everything written validates against the published schemas.
//
// Message 01 is read record by record in constant memory, but for 64 bits for
// each plan, which show a plan that stands twice in a file. A defective record
// is a [*RecordError] with its place, and reading goes on; a broken file is a
// [*FileError] and ends it. Message 02 is written as a stream.
//
// Nothing submitted stands in an error's text: a place is made of the schema's
// names and of numbers, a [Detail] is one of a published table.
package cpis
