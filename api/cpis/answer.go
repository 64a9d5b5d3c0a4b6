package cpis

import "io"

// Answer is message 04: who asked for the person before, and every authority's
// record of the person.
type Answer struct {
	Time     Timestamp
	ID       string // a UUID in capitals
	Accesses []Query
	Holdings []Holding // at least one
}

// Holding is what one authority holds. Its plans have no delete date.
type Holding struct {
	Authority Organisation
	Record
}

// DecodeAnswer reads message 04. Its error is a *FileError, or what the source said.
func DecodeAnswer(r io.Reader, l Limits) (*Answer, error) {
	c := newCursor(r, l.or(defaultTotal, defaultElements))
	a := &Answer{}
	if c.root(answerRoot) {
		c.answer(a)
		c.finish()
	}
	if err := c.whole(a.check); err != nil {
		return nil, err
	}
	return a, nil
}

func (c *cursor) answer(a *Answer) {
	a.Time = c.timestamp("effectiveTime")
	a.ID = c.messageID()
	accesses := c.total("pertinentInformation11", "pertinentTotalReturnedAccessRecords")
	holdings := c.total("pertinentInformation12", "pertinentTotalReturnedChildRecords")
	for c.at("pertinentInformation13") && c.begin("pertinentInformation13") {
		if !c.absent() && c.begin("pertinentCP-ISNHSQuery") {
			if !c.absent() {
				var q Query
				c.asked(&q.Time, &q.ID, &q.Author)
				c.within("queryByParameter", func() { q.NHSNumber = c.askedNumber() })
				a.Accesses = append(a.Accesses, q)
			}
			c.end()
		}
		c.end()
	}
	c.counted(accesses, len(a.Accesses), "pertinentInformation11")
	for n := 0; n == 0 || c.at("pertinentInformation14"); n++ {
		if !c.begin("pertinentInformation14") {
			return
		}
		c.within("pertinentCP-ISRecordControlAct", func() {
			for n := 0; n == 0 || c.at("record"); n++ {
				if !c.begin("record") {
					return
				}
				a.Holdings = append(a.Holdings, c.holding())
				c.end()
			}
		})
		c.end()
	}
	c.counted(holdings, len(a.Holdings), "pertinentInformation12")
}

func (c *cursor) holding() (h Holding) {
	c.within("communicationFunctionSnd", func() { h.Authority = c.organisation() })
	c.within(recordElement, func() { c.recordParts(&h.Record, "pertinentInformation15", answered) })
	return h
}

// total reads how many of something follow.
func (c *cursor) total(around, name string) (n int) {
	c.within(around, func() {
		c.within(name, func() { n = c.count("value", 0) })
	})
	return n
}

func (c *cursor) counted(said, found int, place string) {
	if said != found {
		c.fail(QuantityMismatch, place)
	}
}

func (a *Answer) check() *ValueError {
	const place = "/" + answerRoot
	if err := checkAsked(a.Time, a.ID, nil, place); err != nil {
		return err
	}
	for i := range a.Accesses {
		if err := a.Accesses[i].check(place + "/pertinentInformation13/pertinentCP-ISNHSQuery"); err != nil {
			return err
		}
	}
	if len(a.Holdings) == 0 {
		return &ValueError{ElementMissing, place + "/pertinentInformation14"}
	}
	for i := range a.Holdings {
		const record = place + "/pertinentInformation14/pertinentCP-ISRecordControlAct/record"
		if err := a.Holdings[i].Authority.check(record + "/communicationFunctionSnd/organisation"); err != nil {
			return err
		}
		if err := a.Holdings[i].check(record, answered); err != nil {
			return err
		}
	}
	return nil
}

// Append writes message 04 behind dst. Its error is a *ValueError.
func (a *Answer) Append(dst []byte) ([]byte, error) {
	if err := a.check(); err != nil {
		return dst, err
	}
	o := &out{dst}
	o.document(answerRoot)
	o.answer(a)
	o.close(answerRoot)
	o.line()
	return o.b, nil
}

// answer writes what is in a CP-ISNHSQueryResponse.
func (o *out) answer(a *Answer) {
	o.asked(a.Time, a.ID, nil)
	o.line()
	o.total("pertinentInformation11", "pertinentTotalReturnedAccessRecords", len(a.Accesses))
	o.total("pertinentInformation12", "pertinentTotalReturnedChildRecords", len(a.Holdings))
	for i := range a.Accesses {
		o.within("pertinentInformation13", func() { o.query("pertinentCP-ISNHSQuery", &a.Accesses[i]) })
		o.line()
	}
	o.open("pertinentInformation14")
	o.open("pertinentCP-ISRecordControlAct")
	o.line()
	for i := range a.Holdings {
		h := &a.Holdings[i]
		o.open("record")
		o.organisation("communicationFunctionSnd", h.Authority)
		o.within(recordElement, func() { o.recordParts(&h.Record, "pertinentInformation15", answered) })
		o.close("record")
		o.line()
	}
	o.close("pertinentCP-ISRecordControlAct")
	o.close("pertinentInformation14")
	o.line()
}

func (o *out) total(around, name string, n int) {
	o.within(around, func() {
		o.within(name, func() { o.number("value", int64(n)) })
	})
	o.line()
}
