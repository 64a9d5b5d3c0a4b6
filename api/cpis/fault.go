package cpis

import "fmt"

// FileError says that a message cannot be read, or not to its end. Its text
// holds nothing submitted.
type FileError struct {
	Code   FileCode // always FileBroken
	Detail Detail
	Place  string // an XPath of the schema's names: /File/id/@extension
	Offset int64  // in the file, of the byte after the last one read
}

// Error says what is wrong and where.
func (e *FileError) Error() string { return fmt.Sprintf("%s at %s", e.Detail, e.Place) }

// RecordError says that one record of an upload is rejected; those after it can
// be read. Its text holds nothing submitted.
type RecordError struct {
	N      int // the record, counted from 1
	Code   RecordCode
	Detail Detail
	Place  string // an XPath of the schema's names: /File/record[3]/CP-ISRecord/subject/…

	// Echo tells whether the record has the schema's form, so that message 02 can
	// return it: the Record that was read into is whole then. One without the form
	// is named by its place alone, for no valid message 02 could hold it.
	Echo bool

	// Raw is the record as it came, with whatever prefixes the file declares
	// further out. It holds personal data, and is good until the next call of Next.
	Raw []byte
}

// Error says what is wrong and where.
func (e *RecordError) Error() string { return fmt.Sprintf("%s (%s) at %s", e.Detail, e.Code, e.Place) }

// Format withholds the record itself from every verb of fmt.
func (e *RecordError) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(e.Error())) }

// ValueError says that something cannot be written, because reading would
// refuse it.
type ValueError struct {
	Detail Detail
	Place  string
}

// Error says what is wrong and where.
func (e *ValueError) Error() string { return fmt.Sprintf("%s at %s", e.Detail, e.Place) }
