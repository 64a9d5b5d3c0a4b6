package cpis

// Asker is what others know of somebody who asked, from which a message's author
// is made. Its texts may be of any form.
type Asker struct {
	UserID      string // the directory's own, at most 64 bytes
	RoleProfile string
	RoleCode    string // empty: the clinical practitioner's
	RoleWords   string
	Name        string
	Mark        string // what stands behind the name
	System      string // the accredited system that asked, in whose name the person answers; empty: none did
	Employer    Party
}

// Clinician is the job role by which clinicians look children up.
var Clinician = JobRole{Code: "R8000", Words: "Clinical Practitioner Access Role"}

// Author is the asker as messages have authors. A system that has no accredited
// id is not named: the person is.
func (a Asker) Author() Author {
	role := Clinician
	if words := Tidy(a.RoleWords, maxOrganisation); words != "" {
		role.Words = words
	}
	if given := (JobRole{Code: a.RoleCode, Words: role.Words}); given.check("") == nil {
		role = given
	}
	name := Name{Text: Tidy(a.Name, maxName-len(a.Mark)) + a.Mark}
	if name.Text == a.Mark {
		name.Text = "name erased" + a.Mark
	}
	if validSystem(a.System) {
		return Author{System: &System{ID: a.System, Responsible: []Responsible{{Role: role, Name: name}}, Keeper: a.Employer}}
	}
	s := &Staff{UserID: a.UserID, Role: role, Name: name, Employer: a.Employer}
	if len(a.RoleProfile) <= maxLocalID && Sendable(a.RoleProfile) {
		s.RoleProfile = a.RoleProfile
	}
	return Author{Staff: s}
}
