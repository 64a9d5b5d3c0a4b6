package cpis

import "io"

// Inactive is message 06: it tells an authority that NHS numbers of people whose
// plans it holds are no longer in use.
type Inactive struct {
	Time      Timestamp
	ID        string // a UUID in capitals
	Recipient Party
	People    []InactivePerson // at least one
}

// InactivePerson is one number that is no longer in use. Nothing replaces it
// when a child was adopted: the old and the new number are never linked.
type InactivePerson struct {
	Identity
	ReplacedBy []string // the numbers that supersede it
	UploadFile string   // the sequence number of the file that supplied the plan
}

const maxReplacements = 1000

// DecodeInactive reads message 06. Its error is a *FileError, or what the source said.
func DecodeInactive(r io.Reader, l Limits) (*Inactive, error) {
	c := newCursor(r, l.or(defaultTotal, defaultElements))
	n := &Inactive{}
	if c.root("CP-ISInactiveNHSNumberNotification") {
		n.Time = c.timestamp("effectiveTime")
		n.ID = c.messageID()
		n.Recipient = c.recipient()
		for len(n.People) == 0 || c.at("subject") {
			if !c.begin("subject") {
				break
			}
			c.within("pDSInactivePatient", func() { n.People = append(n.People, c.inactive()) })
			c.end()
		}
		c.finish()
	}
	if err := c.whole(n.check); err != nil {
		return nil, err
	}
	return n, nil
}

func (c *cursor) inactive() (p InactivePerson) {
	c.identity("id", &p.Identity)
	if c.at("replacedBy") && c.begin("replacedBy") {
		if !c.absent() && c.begin("newVersion") {
			if !c.absent() {
				for len(p.ReplacedBy) == 0 || c.at("id") {
					if len(p.ReplacedBy) == maxReplacements {
						c.fail(TooManyElements)
					}
					if !c.begin("id") {
						return p
					}
					p.ReplacedBy = append(p.ReplacedBy, c.nhsNumber())
					c.end()
				}
			}
			c.end()
		}
		c.end()
	}
	c.within("subjectOf", func() { p.UploadFile = c.uploadFile("lAUploadFile") })
	return p
}

func (n *Inactive) check() *ValueError {
	const place = "/CP-ISInactiveNHSNumberNotification"
	if err := checkAsked(n.Time, n.ID, nil, place); err != nil {
		return err
	}
	if err := n.Recipient.check(place + "/primaryInformationRecipient"); err != nil {
		return err
	}
	if len(n.People) == 0 {
		return &ValueError{ElementMissing, place + "/subject"}
	}
	for i := range n.People {
		const person = place + "/subject/pDSInactivePatient"
		p := &n.People[i]
		if err := p.Identity.check(person + "/id"); err != nil {
			return err
		}
		for _, r := range p.ReplacedBy {
			if d := CheckNHSNumber(r); d != "" || len(p.ReplacedBy) > maxReplacements {
				return &ValueError{NHSNumberFormat, person + "/replacedBy/newVersion/id/@extension"}
			}
		}
		if err := checkUploadFile(p.UploadFile, person); err != nil {
			return err
		}
	}
	return nil
}

// Append writes message 06 behind dst. Its error is a *ValueError.
func (n *Inactive) Append(dst []byte) ([]byte, error) {
	if err := n.check(); err != nil {
		return dst, err
	}
	o := &out{dst}
	o.document("CP-ISInactiveNHSNumberNotification")
	o.asked(n.Time, n.ID, nil)
	o.line()
	o.recipient(n.Recipient)
	for i := range n.People {
		p := &n.People[i]
		o.open("subject")
		o.open("pDSInactivePatient")
		o.identity("id", p.Identity)
		if len(p.ReplacedBy) > 0 {
			o.within("replacedBy", func() {
				o.within("newVersion", func() {
					for _, r := range p.ReplacedBy {
						o.leaf("id", "extension", r)
					}
				})
			})
		}
		o.within("subjectOf", func() { o.uploadFile("lAUploadFile", p.UploadFile) })
		o.close("pDSInactivePatient")
		o.close("subject")
		o.line()
	}
	o.close("CP-ISInactiveNHSNumberNotification")
	o.line()
	return o.b, nil
}
