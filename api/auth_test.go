package api

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	trust    = "https://idp.trust.example"
	cis2     = "https://cis2.example"
	audience = "https://custos.example"
)

// authority signs tokens for tests, rightly and wrongly.
type authority struct {
	dir     string
	now     time.Time
	private map[string]crypto.Signer // by kid
	alg     map[string]string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), now: time.Unix(1_800_000_000, 0), private: map[string]crypto.Signer{}, alg: map[string]string{}}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	a.private = map[string]crypto.Signer{"ec": ec, "ed": ed, "r256": rs, "r512": rs}
	a.alg = map[string]string{"ec": "ES256", "ed": "EdDSA", "r256": "RS256", "r512": "RS512"}
	a.publish(t, "trust", "ec", "ed", "r256")
	a.publish(t, "cis2", "r512")
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".json") }

func (a *authority) jwk(t testing.TB, kid string) map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	k := map[string]any{"kid": kid, "alg": a.alg[kid], "use": "sig"}
	switch p := a.private[kid].Public().(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		require.NoError(t, err)
		k["kty"], k["crv"], k["x"], k["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	case ed25519.PublicKey:
		k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", b64(p)
	case *rsa.PublicKey:
		k["kty"], k["n"], k["e"] = "RSA", b64(p.N.Bytes()), b64(big.NewInt(int64(p.E)).Bytes())
	}
	return k
}

func (a *authority) publish(t testing.TB, name string, kids ...string) {
	t.Helper()
	var keys []any
	for _, k := range kids {
		keys = append(keys, a.jwk(t, k))
	}
	a.writeKeys(t, name, map[string]any{"keys": keys})
}

func (a *authority) writeKeys(t testing.TB, name string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.file(name), b, 0o600))
}

func (a *authority) config() VerifierConfig {
	return VerifierConfig{
		Audience: audience, Leeway: 30 * time.Second, Now: func() time.Time { return a.now }, Poll: -1, Logger: slog.New(slog.DiscardHandler),
		Issuers: []IssuerConfig{
			{Issuer: trust, Methods: []string{"ES256", "EdDSA", "RS256"}, Keys: a.file("trust"), Roles: []string{"clinician", "social-worker"}},
			{Issuer: cis2, Methods: []string{"RS512"}, Keys: a.file("cis2"), CIS2: true, Map: CIS2Mapping, MinAssurance: "AAL2"},
		},
	}
}

func (a *authority) verifier(t testing.TB, change ...func(*VerifierConfig)) *Verifier {
	t.Helper()
	cfg := a.config()
	for _, c := range change {
		c(&cfg)
	}
	v, err := NewVerifier(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

type object = map[string]any

func (a *authority) claims(change object) object {
	c := object{"iss": trust, "sub": "u-17", "aud": audience, "jti": "j1", "name": "Ada Nurse", "custos_role": "clinician", "org": "RX123",
		"iat": a.now.Unix() - 60, "nbf": a.now.Unix() - 60, "exp": a.now.Unix() + 600}
	return merged(c, change)
}

func (a *authority) cis2Claims(change object) object {
	c := a.claims(object{"iss": cis2, "acr": "AAL3_ANY", "selected_roleid": "555", "custos_role": nil, "org": nil,
		"nhsid_user_orgs": []any{object{"org_code": "RX1", "org_name": "A Trust"}, object{"org_code": "RX9", "org_name": "Another"}},
		"nhsid_nrbac_roles": []any{
			object{"org_code": "RX1", "person_roleid": "444", "role_code": "S8001:G8005:R8000", "activity_codes": []string{"B0170"}},
			object{"org_code": "RX9", "person_roleid": "555", "role_code": "S8000:G8000:R0260", "role_name": "Practitioner",
				"activity_codes": []string{"B0001", "B0107"}, "workgroups": []string{}, "aow": nil},
		}})
	return merged(c, change)
}

// merged changes members of c; nil removes one.
func merged(c, change object) object {
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// sign makes a token from any header and claims: values are marshalled, strings are taken as they are.
func (a *authority) sign(t testing.TB, kid string, header, claims any) string {
	t.Helper()
	part := func(v any) string {
		if s, ok := v.(string); ok {
			return base64.RawURLEncoding.EncodeToString([]byte(s))
		}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(header) + "." + part(claims)
	sig, err := jwt.GetSigningMethod(a.alg[kid]).Sign(signed, a.private[kid])
	require.NoError(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (a *authority) header(kid string) object {
	return object{"alg": a.alg[kid], "kid": kid, "typ": "at+jwt"}
}

func (a *authority) token(t testing.TB, kid string, claims object) string {
	t.Helper()
	return a.sign(t, kid, a.header(kid), claims)
}

func TestVerifyAccepts(t *testing.T) {
	a := newAuthority(t)
	for _, cached := range []int{-1, 100} {
		v := a.verifier(t, func(c *VerifierConfig) { c.Cached = cached })
		for _, kid := range []string{"ec", "ed", "r256"} {
			token := a.token(t, kid, a.claims(object{"team": "t-1", "places": []string{"urn:1"}, "sid": "s9", "acr": "AAL2", "extra": object{"a": 1}, "aud": []string{audience}}))
			for range 3 {
				id, p := v.Verify([]string{"Bearer " + token})
				require.Nil(t, p)
				require.Equal(t, &Identity{Issuer: trust, Subject: "u-17", Role: "clinician", Organisation: "RX123", Name: "Ada Nurse", KeyID: kid,
					SessionID: "s9", TokenID: "j1", Expires: a.now.Unix() + 600, NotBefore: a.now.Unix() - 60, TokenHash: sha256.Sum256([]byte(token)),
					Assurance: "AAL2", Team: "t-1", Places: []string{"urn:1"}}, id)
			}
		}
		token := a.token(t, "r512", a.cis2Claims(nil))
		id, p := v.Verify([]string{"bearer " + token})
		require.Nil(t, p)
		require.Equal(t, &Identity{Issuer: cis2, Subject: "u-17", Role: "clinician", RoleName: "Practitioner", RoleCode: "R0260", RoleProfile: "555", Organisation: "RX9", OrganisationName: "Another",
			Name: "Ada Nurse", KeyID: "r512", TokenID: "j1", Expires: a.now.Unix() + 600, NotBefore: a.now.Unix() - 60,
			TokenHash: sha256.Sum256([]byte(token)), Assurance: "AAL3"}, id)
		id, p = v.Verify([]string{"Bearer " + a.token(t, "r512", a.cis2Claims(object{"selected_roleid": "444"}))})
		require.Nil(t, p)
		require.Equal(t, "scheduled-clinician", id.Role)
		require.Equal(t, "RX1", id.Organisation)
	}
}

// TestAttacksOnTokens holds the rows of the attack list, A1 to A26, that a verifier decides. Each is tried
// twice, with a good token between, and never gets in, cached or not.
func TestAttacksOnTokens(t *testing.T) {
	a := newAuthority(t)
	good := a.token(t, "ec", a.claims(nil))
	now := a.now.Unix()
	with := func(change object) string { return a.token(t, "ec", a.claims(change)) }
	raw := func(extra string) string { // the good claims with more text at the end of the object
		b, err := json.Marshal(a.claims(nil))
		require.NoError(t, err)
		return a.sign(t, "ec", a.header("ec"), strings.TrimSuffix(string(b), "}")+extra+"}")
	}
	head := func(change object) string { return a.sign(t, "ec", merged(a.header("ec"), change), a.claims(nil)) }
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	payload := strings.Split(good, ".")[1]
	hmacOver := func(kid string, secret []byte) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(a.claims(nil)))
		token.Header["kid"], token.Header["typ"] = kid, "at+jwt"
		s, err := token.SignedString(secret)
		require.NoError(t, err)
		return s
	}
	der, err := x509.MarshalPKIXPublicKey(a.private["r256"].Public())
	require.NoError(t, err)
	point, err := a.private["ec"].Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	other := newAuthority(t)

	type row struct {
		name   string
		header []string
		code   string
	}
	one := func(name, token, code string) row { return row{name, []string{"Bearer " + token}, code} }
	rows := []row{
		{"A1 no header", nil, "token-missing"},
		{"A1 empty", []string{""}, "token-missing"},
		{"A1 basic", []string{"Basic dTpw"}, "token-missing"},
		{"A1 scheme alone", []string{"Bearer "}, "token-missing"},
		{"A2 two headers", []string{"Bearer " + good, "Bearer " + good}, "token-malformed"},
		{"A2 two in one", []string{"Bearer " + good + ", Bearer " + good}, "token-malformed"},
		one("A3 empty signature", strings.Join(strings.Split(good, ".")[:2], ".")+".", "token-signature"),
		one("A4 HMAC over the RSA key", hmacOver("r256", der), "token-algorithm"),
		one("A4 HMAC over the EC key", hmacOver("ec", point), "token-algorithm"),
		one("A4 HMAC over the Ed25519 key", hmacOver("ed", a.private["ed"].Public().(ed25519.PublicKey)), "token-algorithm"),
		one("A5 RS256 with an EC kid", a.sign(t, "r256", object{"alg": "RS256", "kid": "ec", "typ": "at+jwt"}, a.claims(nil)), "token-algorithm"),
		one("A5 ES256 named, RS256 signed", a.sign(t, "r256", object{"alg": "ES256", "kid": "ec", "typ": "at+jwt"}, a.claims(nil)), "token-signature"),
		one("A5 RS512 for an RS256 key", a.sign(t, "r512", object{"alg": "RS512", "kid": "r256", "typ": "at+jwt"}, a.claims(nil)), "token-algorithm"),
		one("A5 PS256 for an RS256 key", head(object{"alg": "PS256", "kid": "r256"}), "token-algorithm"),
		one("A5 another issuer's key", a.sign(t, "r512", a.header("r512"), a.claims(nil)), "token-algorithm"),
		one("A5 another issuer's kid", a.sign(t, "ec", merged(a.header("ec"), object{"kid": "r512"}), a.claims(nil)), "token-key-unknown"),
		one("A5 same kid, other key", other.token(t, "ec", a.claims(nil)), "token-signature"),
		one("A7 unknown kid", head(object{"kid": "nobody"}), "token-key-unknown"),
		one("A7 path", head(object{"kid": "../../etc/passwd"}), "token-key-unknown"),
		one("A7 SQL", head(object{"kid": "x' OR 1=1--"}), "token-key-unknown"),
		one("A7 newline", head(object{"kid": "ec\nforged=1"}), "token-key-unknown"),
		one("A7 long", head(object{"kid": strings.Repeat("k", 4000)}), "token-key-unknown"),
		one("A7 empty", head(object{"kid": ""}), "token-key-unknown"),
		one("A7 NUL", a.sign(t, "ec", `{"alg":"ES256","kid":"ec\u0000","typ":"at+jwt"}`, a.claims(nil)), "token-malformed"),
		one("A7 missing", head(object{"kid": nil}), "token-malformed"),
		one("A7 number", head(object{"kid": 7}), "token-malformed"),
		one("A9 crit", head(object{"crit": []string{"x"}}), "token-malformed"),
		one("A9 b64", head(object{"b64": false, "crit": []string{"b64"}}), "token-malformed"),
		one("A9 cty", head(object{"cty": "JWT"}), "token-malformed"),
		one("A9 doubled alg", a.sign(t, "ec", `{"alg":"ES256","alg":"none","kid":"ec","typ":"at+jwt"}`, a.claims(nil)), "token-malformed"),
		one("A9 ALG", a.sign(t, "ec", `{"ALG":"ES256","kid":"ec","typ":"at+jwt"}`, a.claims(nil)), "token-malformed"),
		one("A10 logout token", head(object{"typ": "logout+jwt"}), "token-type"),
		one("A10 ID token", head(object{"typ": "JWT"}), "token-type"),
		one("A10 other case", head(object{"typ": "AT+JWT"}), "token-type"),
		one("A10 none", head(object{"typ": nil}), "token-malformed"),
		one("A11 doubled sub", raw(`,"sub":"admin"`), "token-claims"),
		one("A11 doubled aud", raw(`,"aud":"`+audience+`"`), "token-claims"),
		one("A11 doubled exp", raw(`,"exp":99999999999`), "token-claims"),
		one("A11 doubled by escape", raw(`,"s\u0075b":"admin"`), "token-claims"),
		one("A11 SUB", raw(`,"SUB":"admin"`), "token-claims"),
		one("A11 CUSTOS_ROLE", raw(`,"CUSTOS_ROLE":"ig-officer"`), "token-claims"),
		one("A11 long s", raw(`,"ſub":"admin"`), "token-claims"),
		one("A11 unknown claim doubled", raw(`,"x":1,"X":2`), "token-claims"),
		one("A11 SUB alone", with(object{"sub": nil, "SUB": "admin"}), "token-claims"),
		one("A12 no exp", with(object{"exp": nil}), "token-claims"),
		one("A12 past", with(object{"exp": now - 31}), "token-expired"),
		one("A12 at the end of the leeway", with(object{"exp": now - 30}), "token-expired"),
		one("A12 9e18", with(object{"exp": json.Number("9e18")}), "token-claims"),
		one("A12 far", with(object{"exp": json.Number("9000000000000000000")}), "token-claims"),
		one("A12 year 30000", with(object{"exp": json.Number("900000000000")}), "token-claims"),
		one("A12 -1", with(object{"exp": -1}), "token-claims"),
		one("A12 zero", with(object{"exp": 0}), "token-claims"),
		one("A12 string", with(object{"exp": "9999999999"}), "token-claims"),
		one("A12 float", with(object{"exp": json.Number("1800000600.5")}), "token-claims"),
		one("A12 .0", with(object{"exp": json.Number("1800000600.0")}), "token-claims"),
		one("A12 1e400", with(object{"exp": json.Number("1e400")}), "token-claims"),
		one("A12 null", a.sign(t, "ec", a.header("ec"), `{"iss":"`+trust+`","sub":"u","aud":"x","exp":null,"nbf":1,"iat":1,"jti":"j"}`), "token-claims"),
		one("A13 nbf to come", with(object{"nbf": now + 31}), "token-not-yet-valid"),
		one("A13 iat to come", with(object{"iat": now + 31}), "token-not-yet-valid"),
		one("A13 no iat", with(object{"iat": nil}), "token-claims"),
		one("A13 no nbf", with(object{"nbf": nil}), "token-claims"),
		one("A13 no jti", with(object{"jti": nil}), "token-claims"),
		one("A13 no sub", with(object{"sub": nil}), "token-claims"),
		one("A14 lives too long", with(object{"iat": now - 60, "exp": now - 60 + 3601}), "token-lifetime"),
		one("A15 other aud", with(object{"aud": "https://other.example"}), "token-audience"),
		one("A15 ours among others", with(object{"aud": []string{"https://other.example", audience}}), "token-audience"),
		one("A15 ours before others", with(object{"aud": []string{audience, "https://other.example"}}), "token-audience"),
		one("A15 ours twice", with(object{"aud": []string{audience, audience}}), "token-audience"),
		one("A15 empty list", with(object{"aud": []string{}}), "token-audience"),
		one("A15 empty", with(object{"aud": ""}), "token-audience"),
		one("A15 none", with(object{"aud": nil}), "token-claims"),
		one("A15 object", with(object{"aud": object{"a": audience}}), "token-claims"),
		one("A16 slash", with(object{"iss": trust + "/"}), "token-issuer"),
		one("A16 case", with(object{"iss": "https://IDP.trust.example"}), "token-issuer"),
		one("A16 http", with(object{"iss": "http://idp.trust.example"}), "token-issuer"),
		one("A16 homoglyph", with(object{"iss": "https://idp.trυst.example"}), "token-issuer"),
		one("A16 empty", with(object{"iss": ""}), "token-issuer"),
		one("A16 none", with(object{"iss": nil}), "token-claims"),
		one("A17 another clock, an hour on", with(object{"nbf": now + 3600, "iat": now + 3600, "exp": now + 4000}), "token-not-yet-valid"),
		one("A18 line break", good[:10]+"\n"+good[10:], "token-malformed"),
		one("A18 padding", good+"=", "token-malformed"),
		one("A18 standard alphabet", strings.Split(good, ".")[0]+"."+payload+".++//", "token-malformed"),
		one("A24 AAL1", a.token(t, "r512", a.cis2Claims(object{"acr": "AAL1_USERPASS"})), "assurance-too-low"),
		one("A24 no acr", a.token(t, "r512", a.cis2Claims(object{"acr": nil})), "assurance-too-low"),
		one("A24 acr of no kind", a.token(t, "r512", a.cis2Claims(object{"acr": "AAL30"})), "assurance-too-low"),
		one("A26 dots", strings.Repeat(".", 8000), "token-malformed"),
		one("A26 1 MB", strings.Repeat("a", 1<<20), "token-malformed"),
		one("A26 four segments", good+"."+payload, "token-malformed"),
		one("A26 two segments", strings.Join(strings.Split(good, ".")[:2], "."), "token-malformed"),
		one("one segment", "abc", "token-malformed"),
		one("not base64", "a.a.a", "token-malformed"),
		one("header is no object", segment("[]")+"."+payload+".AA", "token-malformed"),
		one("two documents", raw(`}{"x":1`), "token-claims"),
		one("deep claims", raw(`,"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)), "token-claims"),
		one("changed claims", strings.Replace(good, payload, segment(`{"iss":"`+trust+`","sub":"x","aud":"`+audience+`","exp":1800000600,"nbf":1,"iat":1800000000,"jti":"j"}`), 1), "token-signature"),

		one("sub with a line break", with(object{"sub": "u\nforged"}), "token-claims"),
		one("sub with NUL", with(object{"sub": "u\x00"}), "token-claims"),
		one("long sub", with(object{"sub": strings.Repeat("u", 129)}), "token-claims"),
		one("org of no kind", with(object{"org": "rx1/.."}), "token-claims"),
		one("no org", with(object{"org": nil}), "token-claims"),
		one("no name", with(object{"name": nil}), "token-claims"),
		one("name that turns the line", with(object{"name": "Ada \u202e eruN"}), "token-claims"),
		one("name with a line break", with(object{"name": "Ada\nforged"}), "token-claims"),
		one("role out of the issuer's list", with(object{"custos_role": "ig-officer"}), "role-unknown"),
		one("role that is none", with(object{"custos_role": "admin"}), "role-unknown"),
		one("no role", with(object{"custos_role": nil}), "role-unknown"),
		one("CIS2 claims from another issuer", a.token(t, "ec", a.cis2Claims(object{"iss": trust})), "token-claims"),
		one("plain role from CIS2", a.token(t, "r512", a.cis2Claims(object{"custos_role": "clinician", "nhsid_nrbac_roles": nil})), "role-not-selected"),
		one("selected role is not held", a.token(t, "r512", a.cis2Claims(object{"selected_roleid": "999"})), "role-not-selected"),
		one("no role selected", a.token(t, "r512", a.cis2Claims(object{"selected_roleid": nil})), "role-not-selected"),
		one("activity without a mapping", a.token(t, "r512", a.cis2Claims(object{"nhsid_nrbac_roles": []any{
			object{"org_code": "RX9", "person_roleid": "555", "activity_codes": []string{"B0001"}}}})), "role-unknown"),
		one("two roles of one id", a.token(t, "r512", a.cis2Claims(object{"nhsid_nrbac_roles": []any{
			object{"org_code": "RX9", "person_roleid": "555", "activity_codes": []string{"B0107"}},
			object{"org_code": "RX8", "person_roleid": "555", "activity_codes": []string{"B0107"}}}})), "token-claims"),
		one("role in other letters", a.token(t, "r512", a.cis2Claims(object{"nhsid_nrbac_roles": []any{
			object{"org_code": "RX9", "ORG_CODE": "RX8", "person_roleid": "555", "activity_codes": []string{"B0107"}}}})), "token-claims"),
	}
	for _, alg := range []string{"none", "None", "nOnE", ""} {
		rows = append(rows, one("A3 alg "+alg, segment(`{"alg":"`+alg+`","kid":"ec","typ":"at+jwt"}`)+"."+payload+".", "token-algorithm"))
	}
	for _, k := range []string{"jwk", "jku", "x5u", "x5c", "x5t"} {
		rows = append(rows, one("A6 "+k, head(object{k: "https://evil.example/keys"}), "token-malformed"))
	}
	// The last character of an ES256 signature holds four bits that nothing reads: 15 other spellings.
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", good[len(good)-1])
	for i := last + 1; i < last+4; i++ {
		rows = append(rows, one("A18 spelling", good[:len(good)-1]+string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[i]), "token-malformed"))
	}
	for _, cached := range []int{-1, 1000} {
		v := a.verifier(t, func(c *VerifierConfig) { c.Cached = cached })
		for _, r := range rows {
			for range 2 {
				id, p := v.Verify(r.header)
				require.NotNil(t, p, r.name)
				require.Equal(t, r.code, p.Code, r.name)
				require.Nil(t, id, r.name)
				require.NotContains(t, p.Detail, "forged")
				_, p = v.Verify([]string{"Bearer " + good})
				require.Nil(t, p)
			}
		}
	}
}

// A key id that could not be logged or named goes no further than the header.
func TestKeyIDGrammar(t *testing.T) {
	for _, kid := range []string{"ec-1.A_z", strings.Repeat("k", kidMaxBytes)} {
		require.True(t, validKeyID(kid))
	}
	for _, kid := range []string{"", "../x", "a b", "a\n", "é", "a\x00", strings.Repeat("k", kidMaxBytes+1)} {
		require.False(t, validKeyID(kid), kid)
		b, err := json.Marshal(object{"alg": "ES256", "kid": kid, "typ": accessType})
		require.NoError(t, err)
		// The claims are no JSON: the key id is refused before they are read.
		_, p := parseToken(base64.RawURLEncoding.EncodeToString(b) + ".AA.")
		require.NotNil(t, p)
		require.Contains(t, []string{"token-key-unknown", "token-malformed"}, p.Code)
	}
}

func TestCachedTokenExpires(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(t)
	h := []string{"Bearer " + a.token(t, "ec", a.claims(nil))}
	start := a.now
	for _, c := range []struct {
		at   time.Duration
		code string
	}{{0, ""}, {629 * time.Second, ""}, {630 * time.Second, "token-expired"}, {-90 * time.Second, ""}, {-91 * time.Second, "token-not-yet-valid"}, {0, ""}} {
		a.now = start.Add(c.at)
		id, p := v.Verify(h)
		if c.code == "" {
			require.Nil(t, p, c.at)
			require.NotNil(t, id)
		} else {
			require.Equal(t, c.code, p.Code)
			require.Nil(t, id)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newTokenCache(320)
	id := &Identity{}
	used := sha256.Sum256([]byte("used"))
	c.put(used, id)
	for i := range 10_000 {
		c.put(sha256.Sum256(fmt.Append(nil, i)), id)
		require.NotNil(t, c.get(used), "what is in use stays")
	}
	n := 0
	for i := range c.shards {
		n += len(c.shards[i].young) + len(c.shards[i].old)
	}
	require.LessOrEqual(t, n, 320)
	require.Greater(t, n, 100)
}

// A22, A23: keys come and go without a restart; a file that cannot be used changes nothing and is reported.
func TestReload(t *testing.T) {
	a := newAuthority(t)
	var log bytes.Buffer
	v := a.verifier(t, func(c *VerifierConfig) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	ec, ed := []string{"Bearer " + a.token(t, "ec", a.claims(nil))}, []string{"Bearer " + a.token(t, "ed", a.claims(nil))}
	works := func(h []string, want bool) {
		t.Helper()
		_, p := v.Verify(h)
		require.Equal(t, want, p == nil)
		if !want {
			require.Equal(t, "token-key-unknown", p.Code)
		}
	}
	works(ec, true)
	works(ed, true)

	a.publish(t, "trust", "ed")
	works(ec, true)
	require.NoError(t, v.Reload())
	works(ec, false) // though it was cached
	works(ed, true)

	good, err := os.ReadFile(a.file("trust"))
	require.NoError(t, err)
	private := a.jwk(t, "ed")
	private["d"] = "c2VjcmV0"
	keysOf := func(change object) any { return object{"keys": []any{merged(a.jwk(t, "ec"), change)}} }
	for name, bad := range map[string]any{
		"empty set": object{"keys": []any{}}, "no keys": object{}, "array": []any{}, "private": object{"keys": []any{private}},
		"HMAC":       object{"keys": []any{object{"kty": "oct", "kid": "h", "use": "sig", "alg": "HS256", "k": "c2VjcmV0"}}},
		"no use":     keysOf(object{"use": nil}),
		"other use":  keysOf(object{"use": "both"}),
		"only enc":   keysOf(object{"use": "enc"}),
		"no alg":     keysOf(object{"alg": nil}),
		"no kid":     keysOf(object{"kid": nil}),
		"odd kid":    keysOf(object{"kid": "../x"}),
		"alg of RSA": keysOf(object{"alg": "RS256"}),
		"other alg":  keysOf(object{"alg": "ES384"}),
		"off curve":  keysOf(object{"x": a.jwk(t, "ec")["y"]}),
		"doubled":    object{"keys": []any{a.jwk(t, "ec"), a.jwk(t, "ec")}},
		"small RSA":  object{"keys": []any{merged(a.jwk(t, "r256"), object{"n": base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 128))})}},
		"RSA e = 1":  object{"keys": []any{merged(a.jwk(t, "r256"), object{"e": "AQ"})}},
		"short x":    object{"keys": []any{merged(a.jwk(t, "ed"), object{"x": "AAAA"})}},
	} {
		a.writeKeys(t, "trust", bad)
		require.Error(t, v.Reload(), name)
		works(ed, true)
		works(ec, false)
	}
	for _, text := range []string{"", "<html>sign in</html>", `{"keys":[]}{"keys":[]}`, `{"keys":[],"KEYS":[]}`, strings.Repeat(" ", keyFileMax+1)} {
		require.NoError(t, os.WriteFile(a.file("trust"), []byte(text), 0o600))
		require.Error(t, v.Reload())
		works(ed, true)
	}
	require.NoError(t, os.Remove(a.file("trust")))
	require.Error(t, v.Reload())
	works(ed, true)
	require.Contains(t, log.String(), "the last good keys stay")
	require.NotContains(t, log.String(), "c2VjcmV0")

	require.NoError(t, os.WriteFile(a.file("trust"), good, 0o600))
	require.NoError(t, v.Reload())
	a.publish(t, "trust", "ec", "ed")
	require.NoError(t, v.Reload())
	works(ec, true)
}

func TestKeyFilesAreWatched(t *testing.T) {
	a := newAuthority(t)
	token := []string{"Bearer " + a.token(t, "ec", a.claims(nil))}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		cfg := a.config()
		cfg.Poll, cfg.Logger = 0, slog.New(slog.NewTextHandler(&log, nil))
		v, err := NewVerifier(cfg)
		require.NoError(t, err)
		pass := func() { time.Sleep(6 * time.Second); synctest.Wait() }
		accepted := func() bool { _, p := v.Verify(token); return p == nil }
		require.True(t, accepted())
		pass()
		require.Equal(t, 2, strings.Count(log.String(), "keys loaded"), "unchanged files are left alone")

		require.NoError(t, os.WriteFile(a.file("trust"), []byte("<html>"), 0o600))
		pass()
		pass()
		require.True(t, accepted())
		require.Equal(t, 1, strings.Count(log.String(), "not used"), "reported once")

		a.publish(t, "trust", "ed")
		pass()
		require.False(t, accepted())
		a.publish(t, "trust", "ed", "ec")
		pass()
		require.True(t, accepted())
		require.NoError(t, v.Close())
		require.NoError(t, v.Close())
	})
}

// A25: nothing that would turn a check off is accepted.
func TestNewVerifierRefuses(t *testing.T) {
	a := newAuthority(t)
	for name, change := range map[string]func(c *VerifierConfig){
		"audience":         func(c *VerifierConfig) { c.Audience = "" },
		"issuers":          func(c *VerifierConfig) { c.Issuers = nil },
		"issuer":           func(c *VerifierConfig) { c.Issuers[0].Issuer = "" },
		"methods":          func(c *VerifierConfig) { c.Issuers[0].Methods = nil },
		"none":             func(c *VerifierConfig) { c.Issuers[0].Methods = []string{"none"} },
		"HMAC":             func(c *VerifierConfig) { c.Issuers[0].Methods = []string{"ES256", "HS256"} },
		"keys":             func(c *VerifierConfig) { c.Issuers[0].Keys = "" },
		"no key file":      func(c *VerifierConfig) { c.Issuers[0].Keys = a.file("absent") },
		"keys for nothing": func(c *VerifierConfig) { c.Issuers[0].Methods = []string{"RS512"} },
		"file and address": func(c *VerifierConfig) { c.Issuers[0].KeysURL = "https://idp.trust.example/keys" },
		"address in clear": func(c *VerifierConfig) { c.Issuers[0].Keys, c.Issuers[0].KeysURL = "", "http://idp.trust.example/keys" },
		"no address":       func(c *VerifierConfig) { c.Issuers[0].Keys, c.Issuers[0].KeysURL = "", "idp/keys" },
		"roles":            func(c *VerifierConfig) { c.Issuers[0].Roles = nil },
		"odd role":         func(c *VerifierConfig) { c.Issuers[0].Roles = []string{"admin"} },
		"twice":            func(c *VerifierConfig) { c.Issuers[1].Issuer = trust },
		"leeway":           func(c *VerifierConfig) { c.Leeway = 31 * time.Second },
		"lifetime":         func(c *VerifierConfig) { c.Issuers[0].MaxLifetime = -1 },
		"assurance":        func(c *VerifierConfig) { c.Issuers[0].MinAssurance = "high" },
		"weak CIS2":        func(c *VerifierConfig) { c.Issuers[1].MinAssurance = "AAL1" },
		"mapping":          func(c *VerifierConfig) { c.Issuers[1].Map = nil },
		"odd mapping":      func(c *VerifierConfig) { c.Issuers[1].Map = []RoleMapping{{"B0107", "admin"}} },
		"empty code":       func(c *VerifierConfig) { c.Issuers[1].Map = []RoleMapping{{"", "clinician"}} },
		"mapping, plain":   func(c *VerifierConfig) { c.Issuers[0].Map = CIS2Mapping },
		"roles, CIS2":      func(c *VerifierConfig) { c.Issuers[1].Roles = []string{"clinician"} },
	} {
		cfg := a.config()
		change(&cfg)
		_, err := NewVerifier(cfg)
		require.Error(t, err, name)
	}
}

func TestIssuerSpeaksForItsOrganisations(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(t, func(c *VerifierConfig) { c.Issuers[0].Organisations = []string{"E09000001"} })
	_, p := v.Verify([]string{"Bearer " + a.token(t, "ec", a.claims(object{"org": "E09000001"}))})
	require.Nil(t, p)
	_, p = v.Verify([]string{"Bearer " + a.token(t, "ec", a.claims(nil))})
	require.Equal(t, "organisation-not-permitted", p.Code)
}

// AAL1 gets nobody in unless the configuration of an issuer that is not CIS2 says that it does; CIS2 has to say more.
func TestLeastAssurance(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct{ least, acr, plain, cis2 string }{
		{"", "", "", "assurance-too-low"},
		{"", "AAL1_USERPASS", "assurance-too-low", "assurance-too-low"},
		{"", "AAL2_ANY", "", ""},
		{"AAL1", "AAL1_USERPASS", "", "assurance-too-low"},
		{"AAL1", "", "assurance-too-low", "assurance-too-low"},
		{"AAL3", "AAL2_ANY", "assurance-too-low", "assurance-too-low"},
	} {
		v := a.verifier(t, func(cfg *VerifierConfig) {
			cfg.Issuers[0].MinAssurance, cfg.Issuers[1].MinAssurance = c.least, c.least
			if c.least == "AAL1" {
				cfg.Issuers[1].MinAssurance = ""
			}
		})
		acr := object{"acr": c.acr}
		if c.acr == "" {
			acr["acr"] = nil
		}
		for want, token := range map[*string]string{&c.plain: a.token(t, "ec", a.claims(acr)), &c.cis2: a.token(t, "r512", a.cis2Claims(acr))} {
			_, p := v.Verify([]string{"Bearer " + token})
			got := ""
			if p != nil {
				got = p.Code
			}
			require.Equal(t, *want, got, "least %q, acr %q", c.least, c.acr)
		}
	}
}

func TestVerifyWhileReloading(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(t)
	h := []string{"Bearer " + a.token(t, "ed", a.claims(nil))}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if _, p := v.Verify(h); p != nil {
					t.Error(p.Code)
				}
			}
		})
	}
	for range 20 {
		require.NoError(t, v.Reload())
	}
	wg.Wait()
}

func FuzzParseToken(f *testing.F) {
	a := newAuthority(f)
	f.Add(a.token(f, "ed", a.claims(nil)))
	f.Add(a.token(f, "r512", a.cis2Claims(nil)))
	f.Add("..")
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		parsed, p := parseToken(token)
		if p != nil {
			require.Contains(t, problems, p.Code)
			return
		}
		require.Equal(t, accessType, parsed.header.Type)
		require.True(t, validKeyID(parsed.header.KeyID))
	})
}

func BenchmarkVerify(b *testing.B) {
	a := newAuthority(b)
	for _, c := range []struct {
		name, kid string
		cached    int
		claims    object
	}{
		{"cached", "ec", 0, a.claims(nil)}, {"cached-cis2", "r512", 0, a.cis2Claims(nil)},
		{"ES256", "ec", -1, a.claims(nil)}, {"EdDSA", "ed", -1, a.claims(nil)}, {"RS256", "r256", -1, a.claims(nil)},
	} {
		b.Run(c.name, func(b *testing.B) {
			now := a.now
			v := a.verifier(b, func(cfg *VerifierConfig) { cfg.Cached, cfg.Now = c.cached, func() time.Time { return now } })
			h := []string{"Bearer " + a.token(b, c.kid, c.claims)}
			b.ReportAllocs()
			for b.Loop() {
				if _, p := v.Verify(h); p != nil {
					b.Fatal(p.Code)
				}
			}
		})
	}
}
