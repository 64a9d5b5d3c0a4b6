package cpis

import (
	"fmt"
	"log/slog"
	"strings"
)

// Author is who asked: a member of staff, or a system in whose name somebody
// answers. Exactly one of both is there.
type Author struct {
	Staff  *Staff
	System *System
}

// Staff is a member of staff in one of their roles. At least one of both
// numbers is there.
type Staff struct {
	UserID      string // in the national directory
	RoleProfile string // which of their roles they were in
	Role        JobRole
	Name        Name
	Employer    Party
}

// System is a system that asks by itself.
type System struct {
	ID          string // accredited system id: twelve digits
	Responsible []Responsible
	Keeper      Party
}

// Responsible is who answers for a system's questions.
type Responsible struct {
	Role JobRole
	Name Name
}

// JobRole is a code of a vocabulary, with its words. System is JobRoles, unless
// another says so.
type JobRole struct {
	Code   string
	System string
	Words  string
}

// Name is a member of staff's name, in parts or as one text. It cannot be
// printed by accident.
type Name struct {
	Text   string // instead of the parts
	Prefix string
	Given  []string
	Family string
	Suffix string
}

const authorWithheld = "author withheld"

// Format withholds the name from every verb of fmt.
func (Name) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(authorWithheld)) }

// LogValue withholds the name from slog.
func (Name) LogValue() slog.Value { return slog.StringValue(authorWithheld) }

// Format withholds the author from every verb of fmt, one of which would show
// what stands behind its pointers.
func (Author) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(authorWithheld)) }

// LogValue withholds the author from slog.
func (Author) LogValue() slog.Value { return slog.StringValue(authorWithheld) }

// Full is the name as one text.
func (n Name) Full() string {
	if n.Text != "" {
		return n.Text
	}
	parts := append(append([]string{n.Prefix}, n.Given...), n.Family, n.Suffix)
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

const (
	staffElement  = "COCT_TP145102GB01.AssignedAuthor"
	staffContent  = "COCT_TP145102GB01#AssignedAuthor"
	systemElement = "COCT_TP145104GB01.System"
	systemContent = "COCT_TP145104GB01#System"

	maxGiven       = 8
	maxResponsible = 16
)

// author reads an element called author, which must come next.
func (c *cursor) author() (a Author) {
	c.within("author", func() {
		switch c.contentID() {
		case staffContent:
			a.Staff = &Staff{}
			c.chosen(staffElement, func() { c.staff(a.Staff) })
		case systemContent:
			a.System = &System{}
			c.chosen(systemElement, func() { c.system(a.System) })
		default:
			c.fail(ContentID, "npfitlc:contentId/@extension")
		}
	})
	return a
}

func (c *cursor) staff(s *Staff) {
	s.Role = c.role()
	for n := 0; n == 0 || n == 1 && c.at("id"); n++ {
		if !c.begin("id") {
			return
		}
		to := &s.UserID
		switch string(c.must("root")) {
		case oidUser:
		case oidRoleProfile:
			to = &s.RoleProfile
		default:
			c.fail(AuthorID, "@root")
			return
		}
		if *to != "" {
			c.fail(IDRepeated)
		}
		*to = c.short("extension", maxLocalID)
		c.attr("assigningAuthorityName")
		c.end()
	}
	c.within("assignedAuthorPerson", func() { s.Name = c.staffName() })
	c.within("representedOrganization", func() { s.Employer = c.party() })
}

func (c *cursor) system(s *System) {
	if c.begin("id") {
		s.ID = string(c.must("extension"))
		if string(c.must("root")) != oidSystem || !validSystem(s.ID) {
			c.fail(AuthorID)
		}
		c.end()
	}
	for c.at("indirectAuthority") && c.begin("indirectAuthority") {
		if len(s.Responsible) == maxResponsible {
			c.fail(TooManyElements)
			return
		}
		if !c.absent() && c.begin("superiorAssignedEntity") {
			if !c.absent() {
				var r Responsible
				r.Role = c.role()
				c.within("assignedPerson", func() { r.Name = c.staffName() })
				s.Responsible = append(s.Responsible, r)
			}
			c.end()
		}
		c.end()
	}
	c.within("maintainingOrganization", func() { s.Keeper = c.party() })
}

func validSystem(id string) bool {
	if len(id) != 12 {
		return false
	}
	_, ok := digits([]byte(id), 0, 12)
	return ok
}

func (c *cursor) role() (r JobRole) {
	if c.begin("code") {
		r.Code = c.short("code", 32)
		r.System = c.short("codeSystem", 64)
		r.Words = c.short("displayName", maxOrganisation)
		c.end()
	}
	return r
}

// staffName reads a name, whose parts come in any order, or which is one text.
func (c *cursor) staffName() (n Name) {
	if !c.begin("name") {
		return n
	}
	c.attr("use")
	n.Text = c.text(maxName) // up to the first part, if there are parts
	for n.Text == "" && c.ahead() && c.s.kind == kindStart {
		switch {
		case c.at("prefix") && n.Prefix == "":
			n.Prefix = c.namePart("prefix")
		case c.at("given") && len(n.Given) < maxGiven:
			n.Given = append(n.Given, c.namePart("given"))
		case c.at("family") && n.Family == "":
			n.Family = c.namePart("family")
		case c.at("suffix") && n.Suffix == "":
			n.Suffix = c.namePart("suffix")
		default:
			c.fail(ElementUnexpected, "*")
		}
	}
	if n.Full() == "" {
		c.fail(NameMissing)
	}
	c.end()
	return n
}
