package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"custos/tools/synthetic"
)

const (
	demoAudience  = "https://custos.example"
	demoCIS2      = "https://cis2.demo.example" // clinicians, with claims as NHS CIS2 gives them
	demoStaff     = "https://staff.demo.example"
	demoKeyID     = "demo-1"
	demoTokenLife = 7 * 24 * time.Hour
)

// persona is somebody the demo has a token for.
type persona struct {
	Env              string `json:"env"`
	Subject          string `json:"subject"`
	Name             string `json:"name"`
	Role             string `json:"role"`
	RoleName         string `json:"roleName"`
	Organisation     string `json:"organisation"`
	OrganisationName string `json:"organisationName"`
	Activity         string `json:"activity,omitempty"`  // CIS2's code; empty: of the staff issuer
	Smartcard        bool   `json:"smartcard,omitempty"` // signed in at AAL3, as what is sealed takes
}

// personas are the people of the contract, in the order they are shown.
func personas(s *synthetic.Synthetic) []persona {
	name := make(map[string]string)
	for _, o := range s.Organisations {
		name[o.Code] = o.Name
	}
	la, la2, practice := s.Authorities[0].Code, s.Authorities[1].Code, s.Authorities[0].Practice
	out := []persona{
		{Env: "T_CLINICIAN", Name: "Dr Ada Demo", Role: "clinician", RoleName: "Emergency Department Doctor", Organisation: synthetic.Emergency, Activity: "B0107"},
		{Env: "T_MIDWIFE", Name: "Mary Demo", Role: "clinician", RoleName: "Midwife", Organisation: synthetic.Maternity, Activity: "B0107"},
		{Env: "T_SCHEDULED", Name: "Dr Gita Demo", Role: "scheduled-clinician", RoleName: "General Medical Practitioner", Organisation: practice, Activity: "B0170"},
		{Env: "T_LA_UPLOADER", Name: "Upload Service", Role: "uploader", RoleName: "Case management system", Organisation: la},
		{Env: "T_SOCIAL_WORKER", Name: "Sam Demo", Role: "social-worker", RoleName: "Social Worker", Organisation: la},
		{Env: "T_SW_MANAGER", Name: "Morgan Demo", Role: "social-work-manager", RoleName: "Team Manager", Organisation: la},
		{Env: "T_LA2_UPLOADER", Name: "Upload Service", Role: "uploader", RoleName: "Case management system", Organisation: la2},
		{Env: "T_SOCIAL_WORKER2", Name: "Robin Demo", Role: "social-worker", RoleName: "Social Worker", Organisation: la2},
		{Env: "T_SCHOOL_NURSE", Name: "Nina Demo", Role: "school-nurse", RoleName: "School Nurse", Organisation: synthetic.Community},
		{Env: "T_HEALTH_VISITOR", Name: "Harriet Demo", Role: "health-visitor", RoleName: "Health Visitor", Organisation: synthetic.Community},
		{Env: "T_TEAM_LEADER", Name: "Tess Demo", Role: "team-leader", RoleName: "0-19 Team Leader", Organisation: synthetic.Community},
		{Env: "T_CHILD_HEALTH", Name: "Child Health Office", Role: "child-health", RoleName: "Child Health Records", Organisation: synthetic.ChildHealth},
		{Env: "T_IG_OFFICER", Name: "Imogen Demo", Role: "ig-officer", RoleName: "National IG Officer", Organisation: synthetic.National, Smartcard: true},
		{Env: "T_SITE_IG", Name: "Percy Demo", Role: "site-ig", RoleName: "Privacy Officer", Organisation: synthetic.Emergency},
		{Env: "T_AUDITOR", Name: "Audrey Demo", Role: "auditor", RoleName: "Auditor", Organisation: synthetic.National},
		{Env: "T_OPERATOR", Name: "Otto Demo", Role: "operator", RoleName: "Operator", Organisation: synthetic.National},
	}
	for i := range out {
		out[i].Subject = fmt.Sprintf("999%09d", i+1)
		out[i].OrganisationName = name[out[i].Organisation]
	}
	return out
}

// demoIssuers are the two issuers whose tokens the demo's nodes accept.
func demoIssuers(dir string) []Issuer {
	keys := filepath.Join(dir, "keys", "tokens.jwks.json")
	return []Issuer{
		{Issuer: demoCIS2, Keys: keys, Methods: []string{"ES256"}, MaxLifetime: demoTokenLife.String(), CIS2: true},
		{Issuer: demoStaff, Keys: keys, Methods: []string{"ES256"}, MaxLifetime: demoTokenLife.String(),
			Roles: []string{"uploader", "social-worker", "social-work-manager", "school-nurse", "health-visitor", "team-leader",
				"child-health", "ig-officer", "site-ig", "auditor", "operator"}},
	}
}

// makeTokenKey makes the key that signs the demo's tokens, and its JWKS file.
func makeTokenKey(dir string) error {
	return makeSigningKey(filepath.Join(dir, "secrets", "tokens.pem"), filepath.Join(dir, "keys", "tokens.jwks.json"), demoKeyID)
}

// makeSigningKey makes a key and, where public names a file, the JWKS by which others know it.
func makeSigningKey(secret, public, id string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeNew(secret, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil || public == "" {
		return err
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	b, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
		"kid": id, "x": b64(point[1:33]), "y": b64(point[33:])}}})
	if err != nil {
		return err
	}
	return writeNew(public, b)
}

// readSigningKey reads a key of the demo's.
func readSigningKey(path string) (*ecdsa.PrivateKey, error) {
	b, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("a key of the demo is damaged")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("a key of the demo is damaged")
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("a key of the demo is of another kind")
	}
	return ec, nil
}

// tokenMaker signs the demo's tokens.
type tokenMaker struct{ key *ecdsa.PrivateKey }

func newTokenMaker(dir string) (*tokenMaker, error) {
	key, err := readSigningKey(filepath.Join(dir, "secrets", "tokens.pem"))
	if err != nil {
		return nil, err
	}
	return &tokenMaker{key}, nil
}

// issuer is who vouches for a persona.
func (p *persona) issuer() string {
	if p.Activity != "" {
		return demoCIS2
	}
	return demoStaff
}

// claims are what the issuer says of a persona, in a token or as user information.
func (p *persona) claims() map[string]any {
	if p.Activity == "" {
		return map[string]any{"name": p.Name, "custos_role": p.Role, "role_name": p.RoleName, "org": p.Organisation, "org_name": p.OrganisationName}
	}
	return map[string]any{"name": p.Name, "selected_roleid": "1" + p.Subject, "nhsid_nrbac_roles": []any{p.nrbac("1", p.Activity)},
		"nhsid_user_orgs": []any{map[string]string{"org_code": p.Organisation, "org_name": p.OrganisationName}}}
}

// nrbac is one of a persona's roles as NHS CIS2 gives them.
func (p *persona) nrbac(which, activity string) map[string]any {
	return map[string]any{"person_roleid": which + p.Subject, "org_code": p.Organisation, "role_code": "S8000:G8000:R8001",
		"role_name": p.RoleName, "activity_codes": []string{activity}}
}

// issue signs an access token for a persona.
func (t *tokenMaker) issue(p *persona, now time.Time) (string, error) {
	claims := map[string]any{"iss": p.issuer(), "sub": p.Subject, "aud": demoAudience, "iat": now.Unix(), "nbf": now.Unix(),
		"exp": now.Add(demoTokenLife).Unix(), "jti": uuid.NewString(), "acr": "AAL2_ANY", "auth_time": now.Unix()}
	if p.Smartcard {
		claims["acr"] = "AAL3_ANY"
	}
	maps.Copy(claims, p.claims())
	return t.sign(claims)
}
