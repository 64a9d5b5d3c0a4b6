package cpis

import (
	"io"
	"strconv"
)

// Outcome says what became of one record of an upload, and where it stands.
type Outcome struct {
	Code   RecordCode
	Detail Detail // qualifies RecordRejected and RecordFormat; may be empty
	Place  string // an XPath into the upload
}

// ResponseHeader is what message 02 says before its records.
type ResponseHeader struct {
	Created  Timestamp
	Sequence int64 // the upload's; Undetermined if it could not be read
	Quantity int   // how many records were processed; Undetermined likewise
	Receiver Organisation
	Codes    []FileCode // at least one
	Outcomes []Outcome  // of records; a ResponseWriter takes more
	Failed   int        // how many records were rejected
}

// Returned is one record that message 02 returns: a valid one with its people
// alone, an invalid one as it came.
type Returned struct {
	Valid bool
	Record
}

// Response is message 02 as a whole.
type Response struct {
	ResponseHeader
	Returned   []Returned
	Successful int // how many records were loaded
}

// detailSystem names the table of details on the wire.
const detailSystem = "CP-ISUploadRecordResponseDetail"

const maxPlace = 512

// DecodeResponse reads message 02. Its error is a *FileError, or what the source said.
func DecodeResponse(r io.Reader, l Limits) (*Response, error) {
	c := newCursor(r, l.or(defaultTotal, defaultElements))
	out := &Response{}
	if c.root("FileResponse") {
		c.response(out)
		c.finish()
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return out, nil
}

func (c *cursor) response(r *Response) {
	r.Created = c.timestamp("creationTime")
	if c.begin("id") {
		n, err := strconv.ParseInt(string(c.must("extension")), 10, 64)
		if err != nil || n < Undetermined || n == 0 {
			c.fail(SequenceNumber, "@extension")
		}
		r.Sequence = n
		c.end()
	}
	r.Quantity = c.count("transmissionQuantity", Undetermined)
	c.within("acknowledgementFile", func() {
		for len(r.Codes) == 0 || c.at("acknowledgementFileDetail") {
			if !c.begin("acknowledgementFileDetail") {
				return
			}
			r.Codes = append(r.Codes, c.fileCode())
			c.end()
		}
	})
	if c.at("acknowledgementRecord") && c.begin("acknowledgementRecord") {
		if !c.absent() {
			for len(r.Outcomes) == 0 || c.at("acknowledgementRecordDetail") {
				if !c.begin("acknowledgementRecordDetail") {
					return
				}
				r.Outcomes = append(r.Outcomes, c.outcome())
				c.end()
			}
		}
		c.end()
	}
	c.within("communicationFunctionRcv", func() { r.Receiver = c.organisation() })
	c.within("failedReturnedCP-ISRecords", func() { r.Failed = c.count("value", 0) })
	for c.at("message") && c.begin("message") {
		if !c.absent() {
			r.Returned = append(r.Returned, c.returned())
		}
		c.end()
	}
	c.within("successfulReturnedCP-ISRecords", func() { r.Successful = c.count("value", 0) })
}

func (c *cursor) fileCode() (code FileCode) {
	if c.begin("code") {
		code = FileCode(c.short("code", 16))
		if string(c.must("displayName")) != code.Name() || code.Name() == "" {
			c.fail(AcknowledgementCode)
		}
		c.end()
	}
	return code
}

// outcome reads a record's code, which another may qualify as its translation.
func (c *cursor) outcome() (o Outcome) {
	if c.begin("code") {
		o.Code = RecordCode(c.short("code", 16))
		system, given := c.attr("codeSystem")
		if given && string(system) != oidRecordCode || o.Code.Name() == "" {
			c.fail(AcknowledgementCode)
		}
		c.attr("displayName")
		if c.at("translation") && c.begin("translation") {
			o.Detail = Detail(c.short("code", 64))
			if string(c.must("codeSystemName")) != detailSystem || o.Detail.Meaning() == "" {
				c.fail(AcknowledgementCode)
			}
			c.attr("displayName")
			c.end()
		}
		c.end()
	}
	if c.begin("location") {
		if o.Place = c.text(maxPlace); o.Place == "" {
			c.fail(ElementMissing)
		}
		c.end()
	}
	return o
}

func (c *cursor) returned() (r Returned) {
	c.within("cP-ISLAAcknowledgementResponse", func() {
		c.within("pertinentInformation1", func() {
			if c.at("validCP-ISRecord") {
				r.Valid = true
				c.within("validCP-ISRecord", func() {
					for len(r.Subjects) == 0 || len(r.Subjects) < 2 && c.at("subject") {
						r.Subjects = append(r.Subjects, c.subject())
						if c.fault != nil {
							return
						}
					}
				})
				return
			}
			c.within("invalidCP-ISRecord", func() { c.recordParts(&r.Record, "pertinentInformation", uploaded) })
		})
	})
	return r
}
