package tools

import (
	"encoding/json"
	"io"
	"strconv"
	"time"

	"custos/api/fhir"
	"custos/ledger"
	"custos/projection"
)

// exportFHIR writes every access as an AuditEvent, one a line, as a node answers
// an IG officer who asks GET /FHIR/R4/AuditEvent; but names are sealed, so there
// are references and identifiers only, and a receipt's address is the node's own
// path, for a copy does not know where its node is.
func exportFHIR(w io.Writer, f *folder, hide hiding) (func(*ledger.Entry) error, error) {
	opened, err := f.opened()
	if err != nil {
		return nil, failing(ExitIntegrity, err)
	}
	view := projection.View{R: f.db}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(e *ledger.Entry) error {
		row, err := view.TrailRow(e.Seq)
		if err != nil || !row.Access {
			return err
		}
		return enc.Encode(fhir.Audited(audited(&row, opened.Origin, hide)))
	}, nil
}

func audited(row *projection.TrailRow, origin string, hide hiding) *fhir.Audit {
	seq := strconv.FormatUint(uint64(row.Seq), 10)
	a := &fhir.Audit{ID: seq, Seq: int64(row.Seq), Receipt: "/v1/receipts/" + seq, Kind: row.Kind.String(),
		Recorded: row.At.Std().Format(time.RFC3339Nano), Denied: row.Kind == ledger.KindAccessDenied, Words: row.Words(), Site: origin,
		Command: dashed(row.Command), Of: strconv.FormatUint(uint64(row.Read()), 10), Organisation: row.Organisation, OrganisationName: row.Organisation,
		Issuer: hide("issuer", row.Issuer), Subject: hide("subject of "+row.Issuer, row.Subject), RoleName: row.Role.String()}
	person := ""
	if !row.Person.IsZero() {
		if person = hide("person", row.Person.String()); person != "" {
			a.Patient = &fhir.Identifier{System: fhir.SystemPerson, Value: person}
		}
	}
	a.Asked = row.Asked(person)
	return a
}

// dashed is a command's id as its caller wrote it: a UUID.
func dashed(id ledger.ID) string {
	s := id.String()
	if len(s) != 32 {
		return s
	}
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
