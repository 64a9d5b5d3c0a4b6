package cpis

import (
	"bytes"
	"io"
)

// Kind is which of the six messages something is, by its number.
type Kind uint8

// The messages.
const (
	Upload Kind = iota + 1
	Acknowledgement
	QueryMessage
	AnswerMessage
	AccessMessage
	InactiveMessage
)

// kinds are the messages' names, and their outermost elements.
var kinds = []struct{ name, root string }{
	Upload:          {"01 local authority upload", "File"},
	Acknowledgement: {"02 acknowledgement", "FileResponse"},
	QueryMessage:    {"03 query", "CP-ISQueryStub"},
	AnswerMessage:   {"04 query response", "CP-ISNHSQueryResponse"},
	AccessMessage:   {"05 access to service notification", "CP-ISAccessToServiceNotification"},
	InactiveMessage: {"06 inactive NHS number notification", "CP-ISInactiveNHSNumberNotification"},
}

// String is the message's number and name.
func (k Kind) String() string {
	if k < Upload || k > InactiveMessage {
		return "no message"
	}
	return kinds[k].name
}

// Root is the name of the message's outermost element.
func (k Kind) Root() string { return kinds[k].root }

// maxProlog bounds what may stand before the outermost element: it is kept.
const maxProlog = 1 << 20

// Identify tells which message begins, and gives a reader that begins anew. Its
// error is a *FileError, or what the source said.
func Identify(r io.Reader) (Kind, io.Reader, error) {
	var seen bytes.Buffer
	c := newCursor(io.TeeReader(r, &seen), Limits{Total: maxProlog}.or(defaultTotal, defaultElements))
	again := func() io.Reader { return io.MultiReader(&seen, r) }
	if c.ahead() && c.s.kind == kindStart && c.s.space == spaceHL7 {
		for k := Upload; k <= InactiveMessage; k++ {
			if k.Root() == string(c.s.name) {
				return k, again(), nil
			}
		}
	}
	c.fail(RootUnknown, "*")
	return 0, again(), c.err()
}
