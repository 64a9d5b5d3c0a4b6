package fhir_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/api/fhir"
	"custos/api/fhir/fhirtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// samples are one of each resource, with every element set that is ever set.
func samples() map[string]any {
	number := fhir.Identifier{System: fhir.SystemNHSNumber, Value: "9990000018"}
	careTeam := fhir.CareTeam{ID: "41", Status: "active", Category: []fhir.CodeableConcept{fhir.ChildProtection}, Name: "Northbank Council",
		Subject: &fhir.Reference{Identifier: &number, Display: "Robin SAMPLETON"}, Period: &fhir.Period{Start: "2026-03-02", End: "2027-03-02"},
		Telecom: fhir.Phones("020 7946 0001", "020 7946 0002")}
	caution := fhir.OperationOutcome{ID: "caution", Issue: []fhir.Issue{{Severity: "warning", Code: "informational", Diagnostics: "not evidence of safety"}}}
	found := fhir.NewSearchset("57", "https://custos.test/FHIR/R4/CareTeam", 1)
	found.Entry = []fhir.Entry{{FullURL: "https://custos.test/FHIR/R4/CareTeam/41", Resource: &careTeam, Search: fhir.Match},
		{Resource: &caution, Search: fhir.Outcome}}
	council := fhir.Reference{Type: "Organization", Identifier: &fhir.Identifier{System: fhir.SystemOrganisation, Value: "301"}, Display: "301 - Northbank Council"}
	subject := fhir.Reference{Reference: "Patient/9990000018", Identifier: &number, Display: "Robin SAMPLETON"}
	flag := &fhir.Bundle{ID: "58", Type: fhir.Collection, Entry: []fhir.Entry{
		{FullURL: "https://custos.test/FHIR/R4/Flag/58", Resource: fhir.Flag{ID: "58", Meta: fhir.FlagProfile, Status: "active", Code: fhir.CPIS, Subject: subject,
			Contained: []fhir.Provenance{fhir.Created("recorded-41", "2026-03-03T14:00:00Z", council)}, Period: &fhir.Period{Start: "2026-03-02"},
			Extension: []fhir.Extension{fhir.Detail(fhir.Reference{Reference: "CarePlan/41"})}}},
		{FullURL: "https://custos.test/FHIR/R4/CarePlan/41", Resource: fhir.CarePlan{ID: "41", Meta: fhir.CarePlanProfile, Status: "completed", Intent: "plan",
			Category: []fhir.CodeableConcept{fhir.LookedAfter}, Subject: subject, Period: &fhir.Period{Start: "2026-03-02"},
			CareTeam: []fhir.Reference{{Reference: "CareTeam/41", Display: council.Display}}}},
		{FullURL: "https://custos.test/FHIR/R4/CareTeam/41", Resource: fhir.CareTeam{ID: "41", Meta: fhir.CareTeamProfile, Status: "inactive", Name: council.Display,
			Telecom: fhir.Phones("", "020 7946 0002")}},
	}}
	return map[string]any{
		"flag":       flag,
		"careteam":   found,
		"auditevent": fhir.Accessed("57", "2026-03-03T14:00:00.000Z", number, "PractitionerRole/57"),
		"practitionerrole": fhir.PractitionerRole{ID: "57", Practitioner: &fhir.Reference{Display: "Dr Quillfeather"},
			Organization: &fhir.Reference{Identifier: &fhir.Identifier{System: fhir.SystemOrganisation, Value: "RXX01"}, Display: "Emergency Department"},
			Code:         []fhir.CodeableConcept{{Text: "clinician"}}},
		"outcome": fhir.OperationOutcome{Issue: []fhir.Issue{{Extension: []fhir.Extension{{URL: "urn:x-custos:receipt", ValueURL: "/v1/receipts/57"}},
			Severity: "error", Code: "forbidden", Details: &fhir.CodeableConcept{Coding: []fhir.Coding{{System: fhir.SystemSpineError, Code: "ACCESS_DENIED",
				Display: "Access has been denied to process this request"}}}, Diagnostics: "Your role may not do this."}}},
		"capability": fhir.CapabilityStatement{Status: "active", Date: "2026-11-26", Kind: "instance", Software: &fhir.Software{Name: "Custos"},
			Implementation: &fhir.Implementation{Description: "Custos", URL: "https://custos.test/FHIR/R4"}, FHIRVersion: "4.0.1", Format: []string{"json"},
			Rest: []fhir.Rest{{Mode: "server", Documentation: "on the record", Security: &fhir.Security{Description: "a bearer token"}, Resource: []fhir.RestResource{
				{Type: "CareTeam", Documentation: "plans", Interaction: []fhir.Interaction{{Code: "search-type"}}, SearchInclude: []string{"AuditEvent:agent"},
					SearchParam: []fhir.SearchParam{{Name: "patient", Type: "reference", Documentation: "whom"}}}}}}},
	}
}

// Each resource is written as its golden file has it, and is what base R4 says.
func TestGolden(t *testing.T) {
	for name, v := range samples() {
		text, err := json.MarshalIndent(v, "", "  ")
		require.NoError(t, err)
		text = append(text, '\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			require.NoError(t, os.WriteFile(file, text, 0o600))
		}
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(golden), string(text), name)
		require.Empty(t, fhirtest.Check(text), name)
	}
}

// Entries that were encoded before give the same bundle.
func TestAppend(t *testing.T) {
	whole := samples()["careteam"].(*fhir.Bundle)
	want, err := json.Marshal(whole)
	require.NoError(t, err)
	var entries [][]byte
	for _, e := range whole.Entry {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		entries = append(entries, text)
	}
	bare := *whole
	bare.Entry = nil
	got, err := bare.Append(nil, bytes.Join(entries, []byte(",")))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	none, err := bare.Append(nil, nil)
	require.NoError(t, err)
	require.NotContains(t, string(none), "entry")
}
