package cpis

import (
	"fmt"
	"log/slog"
)

// Identity is how a person is known to the register and to an authority. One of
// both numbers may be empty. It cannot be printed by accident.
type Identity struct {
	NHSNumber string // ten digits
	LocalID   string // the authority's own
	Assigner  string // whose LocalID is: the authority's code; may be empty
}

// Person is what message 01 says of a child, or of an unborn child's mother. It
// cannot be printed by accident.
type Person struct {
	Identity
	Given  string // given names, as the authority writes them: one text
	Family string
	Birth  Date
}

// Subject is a person in a record. An unborn child is known by its mother: the
// person is she, and nothing is said of the child.
type Subject struct {
	Unborn bool
	Person
}

// Bounds in bytes.
const (
	maxName    = 100
	maxLocalID = 64
)

const withheld = "person withheld"

// Format withholds the person from every verb of fmt.
func (Identity) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the person from slog.
func (Identity) LogValue() slog.Value { return slog.StringValue(withheld) }

// Format withholds the person from every verb of fmt.
func (Person) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the person from slog.
func (Person) LogValue() slog.Value { return slog.StringValue(withheld) }

// Format withholds the person from every verb of fmt.
func (Subject) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the person from slog.
func (Subject) LogValue() slog.Value { return slog.StringValue(withheld) }

// CheckNHSNumber says what is wrong with an NHS number: NHSNumberFormat,
// NHSNumberCheckDigit (modulus 11), or nothing.
func CheckNHSNumber(s string) Detail {
	if len(s) != 10 {
		return NHSNumberFormat
	}
	sum := 0
	for i := range 10 {
		if s[i] < '0' || s[i] > '9' {
			return NHSNumberFormat
		}
		if i < 9 {
			sum += int(s[i]-'0') * (10 - i)
		}
	}
	if (11-sum%11)%11 != int(s[9]-'0') { // ten is no digit, and equals none
		return NHSNumberCheckDigit
	}
	return ""
}

const (
	childElement   = "COCT_TP145101GB01.Child"
	childContent   = "COCT_TP145101GB01#Child"
	unbornElement  = "COCT_TP145100GB01.UnbornChild"
	unbornContent  = "COCT_TP145100GB01#UnbornChild"
	childIDPlace   = childElement + "/id"
	unbornIDPlace  = unbornElement + "/parentMotherPerson/playedMother/id"
	childBirth     = childElement + "/childPerson/birthTime/@value"
	unbornBirth    = unbornElement + "/parentMotherPerson/birthTime/@value"
	childNamePath  = childElement + "/childPerson/name"
	unbornNamePath = unbornElement + "/parentMotherPerson/name"
)

// subject reads one subject, which must come next.
func (c *cursor) subject() (s Subject) {
	c.within("subject", func() {
		switch c.contentID() {
		case childContent:
			c.chosen(childElement, func() {
				c.identity("id", &s.Identity)
				c.within("childPerson", func() { c.born(&s.Person) })
			})
		case unbornContent:
			s.Unborn = true
			c.chosen(unbornElement, func() {
				c.within("parentMotherPerson", func() {
					c.born(&s.Person)
					c.within("playedMother", func() { c.identity("id", &s.Identity) })
				})
			})
		default:
			c.fail(ContentID, "npfitlc:contentId/@extension")
		}
	})
	return s
}

// identity reads one or two identifiers. That an NHS number is none is found
// later, for the record has the schema's form.
func (c *cursor) identity(name string, i *Identity) {
	for n := 0; n == 0 || n == 1 && c.at(name); n++ {
		if !c.begin(name) {
			return
		}
		to := &i.LocalID
		switch string(c.must("root")) {
		case oidNHSNumber:
			to = &i.NHSNumber
		case oidLocalID:
		default:
			c.fail(IDRoot, "@root")
			return
		}
		if *to != "" {
			c.fail(IDRepeated)
		}
		*to = c.short("extension", maxLocalID)
		if a, ok := c.attr("assigningAuthorityName"); ok && to == &i.LocalID {
			if len(a) > maxLocalID {
				c.fail(FieldTooLong, "@assigningAuthorityName")
			}
			i.Assigner = string(a)
		}
		c.end()
	}
}

// born reads a birth date and a name.
func (c *cursor) born(p *Person) {
	if v := c.value("birthTime"); c.fault == nil {
		var ok bool
		if p.Birth, ok = parseBirth(v); !ok {
			c.fail(BirthFormat, "@value")
		}
		c.end()
	}
	c.within("name", func() {
		p.Given = c.namePart("given")
		p.Family = c.namePart("family")
	})
}

func (c *cursor) namePart(name string) (text string) {
	if c.begin(name) {
		c.attr("partType") // the schema fixes it
		c.attr("qualifier")
		if text = c.text(maxName); text == "" {
			c.fail(NameMissing)
		}
		c.end()
	}
	return text
}

// check is what reading would say of the form. The NHS number may be any: an
// echoed one may be the reason for the echo.
func (s *Subject) check(place string) *ValueError {
	id, birth, name := childIDPlace, childBirth, childNamePath
	if s.Unborn {
		id, birth, name = unbornIDPlace, unbornBirth, unbornNamePath
	}
	if err := s.Identity.check(place + "/" + id); err != nil {
		return err
	}
	if !s.Birth.valid() {
		return &ValueError{BirthFormat, place + "/" + birth}
	}
	for _, n := range []string{s.Given, s.Family} {
		switch {
		case n == "":
			return &ValueError{NameMissing, place + "/" + name}
		case len(n) > maxName:
			return &ValueError{FieldTooLong, place + "/" + name}
		case !plain(n):
			return &ValueError{TextEncoding, place + "/" + name}
		}
	}
	return nil
}

func (i *Identity) check(place string) *ValueError {
	if i.NHSNumber == "" && i.LocalID == "" || i.Assigner != "" && i.LocalID == "" {
		return &ValueError{AttributeMissing, place + "/@extension"}
	}
	for _, v := range []string{i.NHSNumber, i.LocalID, i.Assigner} {
		switch {
		case len(v) > maxLocalID:
			return &ValueError{FieldTooLong, place + "/@extension"}
		case !sound(v):
			return &ValueError{TextEncoding, place + "/@extension"}
		}
	}
	return nil
}

func (o *out) identity(name string, i Identity) {
	if i.NHSNumber != "" {
		o.leaf(name, "root", oidNHSNumber, "extension", i.NHSNumber)
	}
	if i.LocalID != "" {
		o.leaf(name, "root", oidLocalID, "extension", i.LocalID, "assigningAuthorityName", i.Assigner)
	}
}

func (o *out) born(p Person) {
	o.number("birthTime", int64(p.Birth))
	o.open("name")
	o.text("given", p.Given)
	o.text("family", p.Family)
	o.close("name")
}

func (o *out) subject(s *Subject) {
	o.open("subject")
	if s.Unborn {
		o.contentID(unbornContent)
		o.open(unbornElement)
		o.open("parentMotherPerson")
		o.born(s.Person)
		o.open("playedMother")
		o.identity("id", s.Identity)
		o.close("playedMother")
		o.close("parentMotherPerson")
		o.close(unbornElement)
	} else {
		o.contentID(childContent)
		o.open(childElement)
		o.identity("id", s.Identity)
		o.open("childPerson")
		o.born(s.Person)
		o.close("childPerson")
		o.close(childElement)
	}
	o.close("subject")
}
