package fhirtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const (
	balpBase = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
	dicom    = "http://dicom.nema.org/resources/ontology/DCM|"
	roles    = "http://terminology.hl7.org/CodeSystem/object-role|"
	entities = "http://terminology.hl7.org/CodeSystem/audit-entity-type|"
)

// Claimed returns what is wrong with an AuditEvent by the profile of IHE's Basic
// Audit Log Patterns (1.1.4) that it claims, and which that is; empty: none. The
// rules are written here by hand from the published profiles Query, Read,
// PatientQuery and PatientRead.
func Claimed(resource []byte) (profile string, wrong []string) {
	var e struct {
		Meta                      struct{ Profile []string }
		Type                      struct{ System, Code string }
		Subtype                   []struct{ System, Code string }
		Action, Recorded, Outcome string
		Agent                     []struct {
			Type struct {
				Coding []struct{ System, Code string }
			}
			Who, Network json.RawMessage
			Requestor    bool
		}
		Entity []struct {
			Type, Role struct{ System, Code string }
			What       *struct {
				Type       string
				Identifier struct{ Value string }
			}
			Query  string
			Detail []any
		}
	}
	if err := json.Unmarshal(resource, &e); err != nil {
		return "", []string{"not JSON: " + err.Error()}
	}
	if len(e.Meta.Profile) == 0 {
		return "", nil
	}
	profile = strings.TrimPrefix(e.Meta.Profile[0], balpBase)
	want := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	search := strings.HasSuffix(profile, "Query")
	want(slices.Contains([]string{"Query", "Read", "PatientQuery", "PatientRead"}, profile) && len(e.Meta.Profile) == 1, "claims another profile")
	want(e.Type.System+"|"+e.Type.Code == "http://terminology.hl7.org/CodeSystem/audit-event-type|rest", "type is rest")
	want(e.Outcome == "0" && e.Recorded != "", "an answered one, with its time")
	subtypes, action, client, server := []string{"read", "vread"}, "R", dicom+"110152", dicom+"110153"
	if search {
		subtypes, action, client, server = []string{"search", "search-type", "search-system"}, "E", dicom+"110153", dicom+"110152"
	}
	want(len(e.Subtype) == 1 && e.Subtype[0].System == "http://hl7.org/fhir/restful-interaction" && slices.Contains(subtypes, e.Subtype[0].Code) && e.Action == action, "subtype and action")
	clients, servers, users := 0, 0, 0
	for _, a := range e.Agent {
		for _, c := range a.Type.Coding {
			switch c.System + "|" + c.Code {
			case client:
				clients++
				want(len(a.Who) > 0 && len(a.Network) > 0, "the client, and its network")
			case server:
				servers++
				want(len(a.Who) > 0 && len(a.Network) > 0, "the server, and its network")
			case "http://terminology.hl7.org/CodeSystem/v3-ParticipationType|IRCP":
				users++
				want(len(a.Who) > 0 && a.Requestor && len(a.Network) == 0, "the user asks, and is no machine")
			}
		}
	}
	want(clients == 1 && servers == 1 && users <= 1, "one client, one server, one user at most")
	patients, data := 0, 0
	for _, x := range e.Entity {
		switch x.Type.System + "|" + x.Type.Code {
		case entities + "1":
			patients++
			want(x.Role.System+"|"+x.Role.Code == roles+"1" && x.What != nil && x.What.Type == "Patient", "the patient")
		case entities + "2":
			data++
			if search {
				want(x.Role.System+"|"+x.Role.Code == roles+"24" && x.Query != "" && x.What == nil && len(x.Detail) == 0, "the query")
			} else {
				want(slices.Contains([]string{roles + "3", roles + "4", roles + "20"}, x.Role.System+"|"+x.Role.Code) && x.What != nil, "what was read")
			}
		case "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType|XrequestId":
			want(x.What != nil && x.What.Identifier.Value != "", "the transaction")
		}
	}
	want(data == 1, "one query, or one thing read")
	want(patients <= 1 && (patients == 1) == strings.HasPrefix(profile, "Patient"), "a patient where the profile has one")
	return profile, wrong
}
