package api

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"

	"custos/ledger"
)

type keyReleaseBody struct {
	NHSNumber string `json:"nhsNumber" strict:"required"`
	Auditor   string `json:"auditor" strict:"required"` // the subject of the auditor's tokens
	Issuer    string `json:"issuer"`
	Days      int    `json:"days" strict:"required"`
	Reason    string `json:"reason" strict:"required"`
}

// capabilityFormat is what a capability begins with: the answer is the file with
// which an auditor may know whose one reference is. It holds an NHS number in
// clear, and is for nobody else.
const capabilityFormat = "custos-capability@v1"

// postKeyRelease records that one auditor may know whose one person's reference
// is, for so many days and this reason. It stands in the person's trail.
func (s *Server) postKeyRelease(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in keyReleaseBody
	content, err := s.body(r, "key-releases", &in)
	if err != nil {
		return err
	}
	number, err := ParseNHSNumber(in.NHSNumber)
	if err != nil {
		return at(err, "nhsNumber")
	}
	if in.Issuer == "" {
		in.Issuer = s.cfg.Issuer
	}
	switch {
	case in.Auditor == "" || len(in.Auditor) > 256 || isNHSNumber(in.Auditor):
		return &Problem{Code: "field-value", Detail: "auditor is the subject of an auditor's tokens.", Pointer: "/auditor"}
	case len(in.Issuer) > 256:
		return &Problem{Code: "field-value", Detail: "issuer is the issuer of an auditor's tokens.", Pointer: "/issuer"}
	case in.Days < 1 || in.Days > int(ledger.MaxRelease/(24*ledger.Hour)):
		return &Problem{Code: "field-value", Detail: "days is from 1 to 90.", Pointer: "/days"}
	}
	log, err := s.node.View().Log()
	if err != nil {
		return err
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	if err := d.reason(in.Reason); err != nil {
		return err
	}
	// The nonce follows from the command's id, so that a retry binds the same.
	p := s.keys.Person(number.Digits())
	nonce := s.keys.Tag("release", string(p[:]), string(d.command.ID[:]))
	// A minute less, for the clock that decides may be another one.
	until := s.moment() + ledger.Time(in.Days)*24*ledger.Hour - ledger.Minute
	out, err := d.propose(r.Context(), &ledger.ReleaseKey{Person: p, To: ledger.ActorIDOf(in.Issuer, in.Auditor),
		Until: until, Binding: ledger.ReleaseBinding(log.ID, p, nonce, number.Digits())})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("format", capabilityFormat)
	j.field("log", hex.EncodeToString(log.ID[:]))
	j.field("nhsNumber", number.Digits())
	j.field("nonce", base64.StdEncoding.EncodeToString(nonce[:]))
	j.field("issuer", in.Issuer)
	j.field("subject", in.Auditor)
	j.finish(w, out, http.StatusCreated)
	return nil
}
