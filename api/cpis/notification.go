package cpis

import "io"

// Notification is message 05: it tells one authority who asked for people whose
// plans it holds. One message is a batch.
type Notification struct {
	Time      Timestamp
	ID        string // a UUID in capitals
	Recipient Party
	Accesses  []Access // none in an empty notification, which is read and should not be sent
}

// Access is what was asked for the people of one uploaded file.
type Access struct {
	Asked      []Asked // at least one
	UploadFile string  // the sequence number of the file that supplied the plan
}

// Asked is one question for one person.
type Asked struct {
	Time   Timestamp
	ID     string // a UUID in capitals
	Author Author
	Person Identity
}

const (
	recipientElement = "COCT_TP145103GB01.IntendedRecipient"
	recipientContent = "COCT_TP145103GB01#IntendedRecipient"
)

// DecodeNotification reads message 05. Its error is a *FileError, or what the source said.
func DecodeNotification(r io.Reader, l Limits) (*Notification, error) {
	c := newCursor(r, l.or(defaultTotal, defaultElements))
	n := &Notification{}
	if c.root("CP-ISAccessToServiceNotification") {
		c.notification(n)
		c.finish()
	}
	if err := c.whole(n.check); err != nil {
		return nil, err
	}
	return n, nil
}

func (c *cursor) notification(n *Notification) {
	n.Time = c.timestamp("effectiveTime")
	n.ID = c.messageID()
	said := c.total("pertinentInformation", "pertinentTotalReturnedRecords")
	for c.at("pertinentInformation1") && c.begin("pertinentInformation1") {
		if !c.absent() && c.begin("pertinentCP-ISRecordAccess") {
			if !c.absent() {
				n.Accesses = append(n.Accesses, c.access())
			}
			c.end()
		}
		c.end()
	}
	c.counted(said, len(n.Accesses), "pertinentInformation")
	n.Recipient = c.recipient()
}

func (c *cursor) access() (a Access) {
	for len(a.Asked) == 0 || c.at("pertinentInformation2") {
		if !c.begin("pertinentInformation2") {
			return a
		}
		c.within("pertinentCP-ISNHSQuery", func() {
			var q Asked
			c.asked(&q.Time, &q.ID, &q.Author)
			c.within("queryByParameter", func() {
				c.within("person.id", func() { c.identity("value", &q.Person) })
			})
			a.Asked = append(a.Asked, q)
		})
		c.end()
	}
	c.within("reference", func() { a.UploadFile = c.uploadFile("referredToLAUploadFile") })
	return a
}

// uploadFile reads which uploaded file supplied something.
func (c *cursor) uploadFile(around string) (id string) {
	c.within(around, func() {
		if c.begin("value") {
			id = c.short("extension", maxLocalID)
			c.end()
		}
	})
	return id
}

// recipient reads whom a message is for.
func (c *cursor) recipient() (p Party) {
	c.within("primaryInformationRecipient", func() {
		if c.contentID() != recipientContent {
			c.fail(ContentID, "npfitlc:contentId/@extension")
		}
		c.chosen(recipientElement, func() {
			c.within("representedSourceOrganization", func() { p = c.party() })
		})
	})
	return p
}

func (n *Notification) check() *ValueError {
	const place = "/CP-ISAccessToServiceNotification"
	if err := checkAsked(n.Time, n.ID, nil, place); err != nil {
		return err
	}
	for i := range n.Accesses {
		const access = place + "/pertinentInformation1/pertinentCP-ISRecordAccess"
		a := &n.Accesses[i]
		if len(a.Asked) == 0 {
			return &ValueError{ElementMissing, access + "/pertinentInformation2"}
		}
		for j := range a.Asked {
			const query = access + "/pertinentInformation2/pertinentCP-ISNHSQuery"
			q := &a.Asked[j]
			if err := checkAsked(q.Time, q.ID, &q.Author, query); err != nil {
				return err
			}
			if err := q.Person.check(query + "/queryByParameter/person.id/value"); err != nil {
				return err
			}
		}
		if err := checkUploadFile(a.UploadFile, access); err != nil {
			return err
		}
	}
	return n.Recipient.check(place + "/primaryInformationRecipient")
}

func checkUploadFile(id, place string) *ValueError {
	if id == "" || len(id) > maxLocalID || !sound(id) {
		return &ValueError{AttributeMissing, place + "/reference/referredToLAUploadFile/value/@extension"}
	}
	return nil
}

// Append writes message 05 behind dst. Its error is a *ValueError.
func (n *Notification) Append(dst []byte) ([]byte, error) {
	if err := n.check(); err != nil {
		return dst, err
	}
	o := &out{dst}
	o.document("CP-ISAccessToServiceNotification")
	o.asked(n.Time, n.ID, nil)
	o.line()
	o.total("pertinentInformation", "pertinentTotalReturnedRecords", len(n.Accesses))
	for i := range n.Accesses {
		a := &n.Accesses[i]
		o.open("pertinentInformation1")
		o.open("pertinentCP-ISRecordAccess")
		for j := range a.Asked {
			q := &a.Asked[j]
			o.open("pertinentInformation2")
			o.open("pertinentCP-ISNHSQuery")
			o.asked(q.Time, q.ID, &q.Author)
			o.within("queryByParameter", func() {
				o.within("person.id", func() { o.identity("value", q.Person) })
			})
			o.close("pertinentCP-ISNHSQuery")
			o.close("pertinentInformation2")
		}
		o.within("reference", func() { o.uploadFile("referredToLAUploadFile", a.UploadFile) })
		o.close("pertinentCP-ISRecordAccess")
		o.close("pertinentInformation1")
		o.line()
	}
	o.recipient(n.Recipient)
	o.close("CP-ISAccessToServiceNotification")
	o.line()
	return o.b, nil
}

func (o *out) uploadFile(around, id string) {
	o.within(around, func() { o.leaf("value", "extension", id) })
}

func (o *out) recipient(p Party) {
	o.open("primaryInformationRecipient")
	o.contentID(recipientContent)
	o.within(recipientElement, func() {
		o.within("representedSourceOrganization", func() { o.party(p) })
	})
	o.close("primaryInformationRecipient")
	o.line()
}
