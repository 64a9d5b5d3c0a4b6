package cpis

import "strings"

// Organisation is a local authority, and how it is reached.
type Organisation struct {
	Code string // of the national directory: three to ten capital letters and digits
	Site bool   // the code is a site's
	Name string

	// Telephone numbers: three to fifteen digits, with a plus before them or not.
	EmergencyDuty string // always there
	OfficeHours   string // may be empty
}

// Party is an organisation that is only named.
type Party struct {
	Code string
	Site bool
	Name string
}

// Bounds of names and numbers, in bytes and digits.
const (
	maxOrganisation = 200
	minDigits       = 3
	maxDigits       = 15
)

func validCode(s string) bool {
	if len(s) < 3 || len(s) > 10 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Telephone leaves of a telephone number what a message may hold of it: digits,
// and a plus sign. Whether that is a number is for the message to say.
func Telephone(number string) string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
}

func validTelephone(s string) bool {
	s = strings.TrimPrefix(s, "+")
	if len(s) < minDigits || len(s) > maxDigits {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func organisationRoot(site bool) string {
	if site {
		return oidSite
	}
	return oidOrganisation
}

// party reads the id and the name of an organisation that has begun.
func (c *cursor) party() (p Party) {
	if c.begin("id") {
		switch string(c.must("root")) {
		case oidOrganisation:
		case oidSite:
			p.Site = true
		default:
			c.fail(IDRoot, "@root")
		}
		if p.Code = string(c.must("extension")); !validCode(p.Code) {
			c.fail(OrganisationCode, "@extension")
		}
		c.end()
	}
	if c.begin("name") {
		if p.Name = c.text(maxOrganisation); p.Name == "" {
			c.fail(OrganisationName)
		}
		c.end()
	}
	return p
}

// organisation reads an element called organisation.
func (c *cursor) organisation() (o Organisation) {
	c.within("organisation", func() {
		p := c.party()
		o.Code, o.Site, o.Name = p.Code, p.Site, p.Name
		c.telecom(&o)
		if c.at("telecom") {
			c.telecom(&o)
		}
		if o.EmergencyDuty == "" {
			c.fail(TelephoneEmergency, "telecom")
		}
	})
	return o
}

// telecom reads one number and what it is for; it may be for both.
func (c *cursor) telecom(o *Organisation) {
	if !c.begin("telecom") {
		return
	}
	number, ok := strings.CutPrefix(string(c.must("value")), "tel:")
	if !ok || !validTelephone(number) {
		c.fail(TelephoneFormat, "@value")
	}
	for _, use := range strings.Fields(string(c.must("use"))) {
		to := &o.EmergencyDuty
		switch use {
		case "EC":
		case "WP":
			to = &o.OfficeHours
		default:
			c.fail(TelephoneUse, "@use")
			return
		}
		if *to != "" {
			c.fail(TelephoneRepeated, "@use")
		}
		*to = number
	}
	c.end()
}

// check is what reading would say.
func (p Party) check(place string) *ValueError {
	switch {
	case !validCode(p.Code):
		return &ValueError{OrganisationCode, place + "/id/@extension"}
	case p.Name == "" || len(p.Name) > maxOrganisation || !plain(p.Name):
		return &ValueError{OrganisationName, place + "/name"}
	}
	return nil
}

func (o Organisation) check(place string) *ValueError {
	if err := (Party{o.Code, o.Site, o.Name}).check(place); err != nil {
		return err
	}
	switch {
	case o.EmergencyDuty == "":
		return &ValueError{TelephoneEmergency, place + "/telecom"}
	case !validTelephone(o.EmergencyDuty) || o.OfficeHours != "" && !validTelephone(o.OfficeHours):
		return &ValueError{TelephoneFormat, place + "/telecom"}
	}
	return nil
}

func (o *out) party(p Party) {
	o.leaf("id", "root", organisationRoot(p.Site), "extension", p.Code)
	o.text("name", p.Name)
}

// organisation writes an organisation within what is around it.
func (o *out) organisation(around string, of Organisation) {
	o.within(around, func() {
		o.within("organisation", func() {
			o.party(Party{of.Code, of.Site, of.Name})
			o.leaf("telecom", "value", "tel:"+of.EmergencyDuty, "use", "EC")
			if of.OfficeHours != "" {
				o.leaf("telecom", "value", "tel:"+of.OfficeHours, "use", "WP")
			}
		})
	})
	o.line()
}
