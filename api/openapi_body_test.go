package api

import (
	"reflect"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// jsonBodies are what routes read of a JSON body.
var jsonBodies = map[string]any{
	"POST /v1/lookups":                             lookupBody{},
	"POST /v1/lookups/{seq}/corrections":           correctionBody{},
	"POST /v1/lookups/{seq}/mother":                motherBody{},
	"POST /v1/emergency-lookups":                   lookupBody{},
	"POST /v1/reviews/{seq}/open":                  struct{}{},
	"POST /v1/reviews/{seq}":                       reviewBody{},
	"POST /v1/births":                              birthBody{},
	"POST /v1/births/corrections":                  birthCorrectionBody{},
	"POST /v1/pregnancies/ended":                   pregnancyEndedBody{},
	"POST /v1/traces":                              traceBody{},
	"POST /cds-services/{id}":                      hookRequest{},
	"POST /v1/uploads":                             planRow{},
	"POST /v1/uploads/{id}/approvals":              approvalBody{},
	"POST /v1/holdings":                            holdingsBody{},
	"POST /v1/numbers":                             numberBody{},
	"POST /v1/enrolments":                          enrolmentRow{},
	"POST /v1/enrolments/wanted":                   wantedBody{},
	"POST /v1/assignments":                         assignmentBody{},
	"POST /v1/assignments/{seq}/ends":              endBody{},
	"POST /v1/caseloads/lookups":                   caseloadBody{},
	"POST /v1/unassigned/lookups":                  unassignedBody{},
	"POST /v1/notifications/{id}/open":             openBody{},
	"POST /v1/notifications/{id}/acknowledgements": actBody{},
	"POST /v1/notifications/{id}/actions":          actBody{},
	"POST /v1/letters/{id}/redeliveries":           struct{}{},
	"POST /v1/letters/trials":                      trialBody{},
	"POST /v1/site-notices/{id}/open":              openBody{},
	"POST /v1/site-notices/{id}/acknowledgements":  actBody{},
	"PUT /v1/ladder":                               ladderBody{},
	"POST /v1/missed-appointments":                 missedBody{},
	"POST /v1/trails":                              trailBody{},
	"POST /v1/subject-copies":                      copyBody{},
	"POST /v1/key-releases":                        keyReleaseBody{},
	"POST /v1/trail-proofs":                        trailProofBody{},
	"PUT /v1/directory/{ods}":                      directoryBody{},
	"PUT /v1/directory/{ods}/call-back":            callBackBody{},
	"PUT /v1/organisations/{ods}":                  organisationBody{},
	"PUT /v1/policies/{ods}":                       policyBody{},
	"POST /FHIR/R4/Appointment":                    fhirAppointment{},
}

// A body is described with exactly the fields that are read, and those required
// that are; it is open to others where the decoder is.
func TestEveryFieldOfABodyIsDescribed(t *testing.T) {
	found := 0
	for _, o := range described().Operations() {
		if o.RequestBody == nil {
			continue
		}
		m := o.RequestBody.Value.Content["application/json"]
		if m == nil {
			continue
		}
		found++
		body, ok := jsonBodies[o.Name()]
		require.True(t, ok, "%s: what it reads stands in this test", o.Name())
		s := m.Schema.Value
		if len(s.OneOf) == 2 { // a file: an array of rows, or an object around it
			sameFields(t, o.Name(), s.OneOf[1].Value.Properties["rows"].Value.Items.Value, reflect.TypeOf(body))
			s = s.OneOf[0].Value.Items.Value
		}
		sameFields(t, o.Name(), s, reflect.TypeOf(body))
	}
	require.Equal(t, len(jsonBodies), found)
}

func sameFields(t *testing.T, at string, s *openapi3.Schema, body reflect.Type) {
	switch body.Kind() {
	case reflect.Pointer:
		sameFields(t, at, s, body.Elem())
		return
	case reflect.Slice:
		require.True(t, s.Type.Is("array"), "%s is a list", at)
		sameFields(t, at+"[]", s.Items.Value, body.Elem())
		return
	case reflect.String:
		require.True(t, s.Type.Is("string"), "%s is a string", at)
		return
	case reflect.Bool:
		require.True(t, s.Type.Is("boolean"), "%s is true or false", at)
		return
	case reflect.Struct:
	default:
		require.True(t, s.Type.Is("integer"), "%s is a whole number", at)
		return
	}
	shape := shapeOf(body)
	var names, required, found []string
	for i, f := range shape.fields {
		names = append(names, f.name)
		if shape.required&(1<<i) != 0 {
			required = append(required, f.name)
		}
	}
	for name := range s.Properties {
		found = append(found, name)
	}
	require.ElementsMatch(t, names, found, "%s: its fields", at)
	require.ElementsMatch(t, required, s.Required, "%s: its required fields", at)
	closed := s.AdditionalProperties.Has != nil && !*s.AdditionalProperties.Has
	require.Equal(t, !shape.open, closed, "%s: whether it may hold others", at)
	for _, f := range shape.fields {
		sameFields(t, at+"/"+f.name, s.Properties[f.name].Value, body.Field(f.index).Type)
	}
}
