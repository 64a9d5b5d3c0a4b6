package api

import (
	"strings"

	"custos/api/cpis"
	"custos/ledger"
)

// Who asks is who signed in, whatever a message says of its author. Where a
// system asks by itself somebody must answer for it, whom the message names.

// answerable is who answers for what a system asks.
type answerable struct {
	Name     string // empty: nobody is named
	Role     string // as the message has it; may be empty
	RoleCode string
	System   string // what asked
}

// inName gives the identity under which a system asks in somebody's name: the
// same token, with the name of who answers for it, and a keyed tag of them. Where
// a person signed in, the name stays theirs. Nobody has no tag, which the ledger
// denies, and records.
func (s *Server) inName(who *Identity, by *answerable) (*Identity, ledger.Tag) {
	if by.Name == "" {
		return who, ledger.Tag{}
	}
	as := *who
	as.System = by.System
	if who.Machine {
		as.Name, as.RoleName, as.RoleCode, as.RoleProfile = by.Name, by.Role, by.RoleCode, ""
	}
	return &as, s.keys.Tag("responsible", who.Organisation, by.Name, by.RoleCode, by.Role)
}

// inTheNameOf is inName for whom a JSON body names. A person who signed in names
// nobody: they answer for it themselves.
func (s *Server) inTheNameOf(who *Identity, by *responsibleBody) (*Identity, ledger.Tag, error) {
	switch {
	case by == nil:
		return who, ledger.Tag{}, nil
	case !who.Machine:
		return nil, ledger.Tag{}, (&Problem{Code: "field-value", Pointer: "/responsible"}).with("A person signed in, and answers for it themselves.")
	case !readable(by.Name, 1), !readable(by.Role, 0):
		return nil, ledger.Tag{}, &Problem{Code: "field-value", Pointer: "/responsible"}
	}
	if err := s.needs(3); err != nil {
		return nil, ledger.Tag{}, err
	}
	as, tag := s.inName(who, &answerable{Name: by.Name, Role: by.Role, System: who.Subject})
	return as, tag, nil
}

// stated reads what a message says of its author: who answers for the lookup if
// a system asks, and whether it is somebody else than who signed in.
func stated(who *Identity, a *cpis.Author) (by *answerable, differs bool) {
	switch {
	case a.System != nil:
		by = &answerable{System: a.System.ID}
		if len(a.System.Responsible) > 0 {
			r := &a.System.Responsible[0]
			by.Name, by.Role, by.RoleCode = cpis.Tidy(r.Name.Full(), 200), r.Role.Words, r.Role.Code
		}
		differs = a.System.Keeper.Code != who.Organisation
		if who.Machine {
			return by, differs || a.System.ID != who.Subject
		}
		return by, differs || by.Name != "" && !strings.EqualFold(by.Name, who.Name)
	case who.Machine:
		st := a.Staff
		return &answerable{cpis.Tidy(st.Name.Full(), 200), st.Role.Words, st.Role.Code, who.Subject}, st.Employer.Code != who.Organisation
	}
	return nil, otherStaff(who, a.Staff)
}

// otherStaff tells whether a member of staff is another than who signed in. Names
// are written in many ways and are not compared: numbers are. Where none can be,
// nothing shows that it is the same person.
func otherStaff(who *Identity, st *cpis.Staff) bool {
	if st.Employer.Code != who.Organisation {
		return true
	}
	known := false
	if st.UserID != "" {
		if st.UserID != who.Subject {
			return true
		}
		known = true
	}
	if st.RoleProfile != "" && who.RoleProfile != "" {
		if st.RoleProfile != who.RoleProfile {
			return true
		}
		known = true
	}
	return !known
}
