package api

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// Roles are all the roles that a token can come to have.
var Roles = []string{
	"clinician", "scheduled-clinician", "uploader", "social-worker", "social-work-manager", "school-nurse",
	"health-visitor", "team-leader", "child-health", "ig-officer", "site-ig", "auditor", "operator",
}

// Identity is who a verified token speaks for. It is shared by the requests that carry the token:
// nobody changes it.
type Identity struct {
	Issuer, Subject     string
	Role                string // one of Roles
	RoleName            string // as the issuer calls it; may be empty
	RoleCode            string // of the national directory's job roles; may be empty
	RoleProfile         string // which of the person's roles, there; may be empty
	Machine             bool   // a system's own token: no person signed in
	System              string // the system in which the person of Name answers for a lookup; empty: they asked themselves
	Organisation        string // ODS code
	OrganisationName    string // may be empty
	Name                string // the person's, as it is shown in histories
	KeyID               string // the key that signed the token
	SessionID           string // the issuer's session; empty if it names none
	TokenID             string // jti
	Expires, NotBefore  int64  // Unix seconds, without leeway
	TokenHash           [32]byte
	Assurance           string // "AAL1", "AAL2", "AAL3"; empty if the token does not say
	Team                string
	Places              []string
	AuthenticatedAtUnix int64 // auth_time; zero if the token does not say
}

// claims are those we read. The token may hold others.
type claims struct {
	_         struct{}  `strict:"open"`
	Issuer    string    `json:"iss" strict:"required"`
	Subject   string    `json:"sub" strict:"required"`
	Audience  oneOrMore `json:"aud" strict:"required"`
	Expires   int64     `json:"exp" strict:"required"`
	NotBefore int64     `json:"nbf" strict:"required"`
	IssuedAt  int64     `json:"iat" strict:"required"`
	ID        string    `json:"jti" strict:"required"`
	Name      string    `json:"name"`
	Session   string    `json:"sid"`
	Assurance string    `json:"acr"`
	AuthTime  int64     `json:"auth_time"`
	Client    string    `json:"client_id"` // equal to sub in a token of a system's own (RFC 9068, 2.2)

	// As NHS CIS2 gives them.
	SelectedRole  string      `json:"selected_roleid"`
	Roles         []nrbacRole `json:"nhsid_nrbac_roles"`
	Organisations []userOrg   `json:"nhsid_user_orgs"`

	// As other issuers give them.
	Role             string   `json:"custos_role"`
	RoleName         string   `json:"role_name"`
	Organisation     string   `json:"org"`
	OrganisationName string   `json:"org_name"`
	Team             string   `json:"team"`
	Places           []string `json:"places"`
}

type nrbacRole struct {
	_             struct{} `strict:"open"`
	Organisation  string   `json:"org_code"`
	PersonRole    string   `json:"person_roleid"`
	RoleCode      string   `json:"role_code"`
	RoleName      string   `json:"role_name"`
	ActivityCodes []string `json:"activity_codes"`
}

type userOrg struct {
	_    struct{} `strict:"open"`
	Code string   `json:"org_code"`
	Name string   `json:"org_name"`
}

// The six getters are what golang-jwt's validator reads.

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return numericDate(c.Expires), nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return numericDate(c.IssuedAt), nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return numericDate(c.NotBefore), nil }
func (c *claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings(c.Audience), nil }

func numericDate(unix int64) *jwt.NumericDate { return &jwt.NumericDate{Time: time.Unix(unix, 0)} }

// identity turns verified claims into who is asking, as the issuer's configuration reads them. A person who is
// known but may not come in stands in the Problem, so that the refusal can be recorded.
func (is *IssuerConfig) identity(c *claims, kid string) (*Identity, *Problem) {
	id := &Identity{
		Issuer: c.Issuer, Subject: c.Subject, Name: c.Name, KeyID: kid, SessionID: c.Session, TokenID: c.ID,
		Expires: c.Expires, NotBefore: c.NotBefore, Assurance: is.assurance(c.Assurance), AuthenticatedAtUnix: c.AuthTime,
		Role: c.Role, RoleName: c.RoleName, Organisation: c.Organisation, OrganisationName: c.OrganisationName,
		Team: c.Team, Places: c.Places, Machine: c.Client != "" && c.Client == c.Subject,
	}
	switch {
	case !within(id.Subject, 1, 128) || !madeOf(id.Subject, "._:@|~+/=-"):
		return nil, badClaim("sub")
	case !within(id.TokenID, 1, 128) || !madeOf(id.TokenID, "._:@|~+/=-"):
		return nil, badClaim("jti")
	case !within(id.SessionID, 0, 128) || !madeOf(id.SessionID, "._:@|~+/=-"):
		return nil, badClaim("sid")
	case !readable(id.Name, 1):
		return nil, badClaim("name")
	}
	if is.CIS2 {
		if p := is.selectedRole(c, id); p != nil {
			return nil, p.of(id)
		}
	}
	switch {
	case !within(id.Organisation, 3, 12) || strings.ToUpper(id.Organisation) != id.Organisation || !madeOf(id.Organisation, ""):
		return nil, badClaim("org")
	case !readable(id.RoleName, 0), !readable(id.OrganisationName, 0):
		return nil, badClaim("role_name or org_name")
	case !within(id.Team, 0, 64) || !madeOf(id.Team, "._:-"):
		return nil, badClaim("team")
	case len(id.Places) > 64:
		return nil, badClaim("places")
	}
	for _, p := range id.Places {
		if !within(p, 1, 64) || !madeOf(p, "._:-") {
			return nil, badClaim("places")
		}
	}
	switch {
	case !slices.Contains(is.Roles, id.Role):
		return nil, problem("role-unknown").of(id)
	case len(is.Organisations) > 0 && !slices.Contains(is.Organisations, id.Organisation):
		return nil, problem("organisation-not-permitted").with("This issuer does not speak for that organisation.").of(id)
	case id.Assurance < is.MinAssurance, id.Assurance == "AAL1" && is.MinAssurance != "AAL1":
		return nil, problem("assurance-too-low").of(id)
	}
	return id, nil
}

// selectedRole reads the role a person chose at sign-in to CIS2. The role's organisation counts, never
// another of the person's. With two mapped activities, the mapping that comes first decides.
func (is *IssuerConfig) selectedRole(c *claims, id *Identity) *Problem {
	var chosen *nrbacRole
	for i := range c.Roles {
		if c.SelectedRole == "" || c.Roles[i].PersonRole != c.SelectedRole {
			continue
		}
		if chosen != nil {
			return badClaim("nhsid_nrbac_roles")
		}
		chosen = &c.Roles[i]
	}
	if chosen == nil {
		return problem("role-not-selected")
	}
	id.Role, id.RoleName, id.Organisation, id.OrganisationName = "", chosen.RoleName, chosen.Organisation, ""
	for _, o := range c.Organisations {
		if o.Code == chosen.Organisation {
			id.OrganisationName = o.Name
			break
		}
	}
	job := chosen.RoleCode[strings.LastIndexByte(chosen.RoleCode, ':')+1:]
	id.RoleCode, id.RoleProfile = job, chosen.PersonRole
	for _, m := range is.Map {
		if m.Code == chosen.RoleCode || m.Code == job || slices.Contains(chosen.ActivityCodes, m.Code) {
			id.Role = m.Role
			return nil
		}
	}
	return problem("role-unknown")
}

// badClaim names the claim, never what it held.
func badClaim(name string) *Problem {
	return problem("token-claims").with("The claim " + name + " is not as required.")
}

// assurance is the authentication assurance level in an acr such as "AAL3_ANY", or what the configuration says
// that an acr of another form is worth.
func (is *IssuerConfig) assurance(acr string) string {
	if level := is.Assurance[acr]; level != "" {
		return level
	}
	for _, level := range []string{"AAL1", "AAL2", "AAL3"} {
		if acr == level || strings.HasPrefix(acr, level+"_") {
			return level
		}
	}
	return ""
}

func within(s string, least, most int) bool { return least <= len(s) && len(s) <= most }

// readable tells whether s is a name that one line can show: no control, no invisible reordering.
func readable(s string, least int) bool {
	if !within(s, least, 200) || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
