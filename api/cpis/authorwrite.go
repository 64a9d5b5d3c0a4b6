package cpis

import "strings"

// check is what reading would say.
func (a *Author) check(place string) *ValueError {
	switch {
	case (a.Staff == nil) == (a.System == nil):
		return &ValueError{AuthorID, place}
	case a.System != nil:
		s := a.System
		if !validSystem(s.ID) || len(s.Responsible) > maxResponsible {
			return &ValueError{AuthorID, place + "/" + systemElement + "/id"}
		}
		for i := range s.Responsible {
			if err := s.Responsible[i].Name.check(place); err != nil {
				return err
			}
			if err := s.Responsible[i].Role.check(place); err != nil {
				return err
			}
		}
		return s.Keeper.check(place + "/" + systemElement + "/maintainingOrganization")
	}
	s := a.Staff
	place += "/" + staffElement
	for _, id := range []string{s.UserID, s.RoleProfile} {
		if len(id) > maxLocalID || !sound(id) || s.UserID == "" && s.RoleProfile == "" {
			return &ValueError{AuthorID, place + "/id"}
		}
	}
	if err := s.Role.check(place); err != nil {
		return err
	}
	if err := s.Name.check(place + "/assignedAuthorPerson"); err != nil {
		return err
	}
	return s.Employer.check(place + "/representedOrganization")
}

func (r JobRole) check(place string) *ValueError {
	if r.Code == "" || len(r.Code) > 32 || !sound(r.Code) || strings.ContainsAny(r.Code, " \t\n\r") || len(r.System) > 64 || strings.Trim(r.System, "0123456789.") != "" ||
		r.Words == "" || len(r.Words) > maxOrganisation || !sound(r.Words) {
		return &ValueError{AttributeMissing, place + "/code"}
	}
	return nil
}

func (n *Name) check(place string) *ValueError {
	parts := append([]string{n.Text, n.Prefix, n.Family, n.Suffix}, n.Given...)
	for i, p := range parts {
		if len(p) > maxName || !plain(p) || i > 3 && p == "" {
			return &ValueError{TextEncoding, place + "/name"}
		}
	}
	if n.Full() == "" || len(n.Given) > maxGiven || n.Text != "" && (n.Prefix != "" || n.Family != "" || n.Suffix != "" || len(n.Given) > 0) {
		return &ValueError{NameMissing, place + "/name"}
	}
	return nil
}

func (o *out) author(a *Author) {
	o.open("author")
	if s := a.Staff; s != nil {
		o.contentID(staffContent)
		o.open(staffElement)
		o.role(s.Role)
		if s.UserID != "" {
			o.leaf("id", "root", oidUser, "extension", s.UserID)
		}
		if s.RoleProfile != "" {
			o.leaf("id", "root", oidRoleProfile, "extension", s.RoleProfile)
		}
		o.within("assignedAuthorPerson", func() { o.staffName(s.Name) })
		o.within("representedOrganization", func() { o.party(s.Employer) })
		o.close(staffElement)
	}
	if s := a.System; s != nil {
		o.contentID(systemContent)
		o.open(systemElement)
		o.leaf("id", "root", oidSystem, "extension", s.ID)
		for _, r := range s.Responsible {
			o.open("indirectAuthority")
			o.within("superiorAssignedEntity", func() {
				o.role(r.Role)
				o.within("assignedPerson", func() { o.staffName(r.Name) })
			})
			o.close("indirectAuthority")
		}
		o.within("maintainingOrganization", func() { o.party(s.Keeper) })
		o.close(systemElement)
	}
	o.close("author")
}

func (o *out) role(r JobRole) {
	if r.System == "" {
		r.System = JobRoles
	}
	o.leaf("code", "code", r.Code, "codeSystem", r.System, "displayName", r.Words)
}

func (o *out) staffName(n Name) {
	if n.Text != "" {
		o.text("name", n.Text)
		return
	}
	o.open("name")
	for _, p := range []struct {
		name  string
		texts []string
	}{{"prefix", []string{n.Prefix}}, {"given", n.Given}, {"family", []string{n.Family}}, {"suffix", []string{n.Suffix}}} {
		for _, t := range p.texts {
			if t != "" {
				o.text(p.name, t)
			}
		}
	}
	o.close("name")
}
