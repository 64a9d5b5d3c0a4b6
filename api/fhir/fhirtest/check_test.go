package fhirtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const good = `{"resourceType":"Bundle","id":"1","type":"searchset","total":1,"link":[{"relation":"self","url":"https://h/x"}],"entry":[
	{"fullUrl":"https://h/AuditEvent/7","search":{"mode":"match"},"resource":{"resourceType":"AuditEvent","id":"7","type":{"code":"access"},"recorded":"2026-03-03T14:00:00.000Z",
	 "agent":[{"who":{"reference":"PractitionerRole/7"},"requestor":true}],"source":{"observer":{"display":"x"}}}},
	{"fullUrl":"https://h/PractitionerRole/7","search":{"mode":"include"},"resource":{"resourceType":"PractitionerRole","id":"7","code":[{"text":"nurse"}]}}]}`

// What is wrong is found, and nothing else is: one change of a good bundle at a time.
func TestCheck(t *testing.T) {
	require.Empty(t, Check([]byte(good)))
	for _, c := range []struct{ old, new, want string }{
		{`"recorded":"2026-03-03T14:00:00.000Z",`, ``, "recorded: is required"},
		{`2026-03-03T14:00:00.000Z`, `2026-03-03`, "is no instant"},
		{`"type":{"code":"access"},`, ``, "type: is required"},
		{`"source":{"observer":{"display":"x"}}`, `"source":{"site":"x"}`, "observer: is required"},
		{`{"observer":{"display":"x"}}`, `{"observer":{}}`, "ele-1"},
		{`"requestor":true`, `"requestor":"true"`, "boolean"},
		{`"requestor":true`, `"requester":true`, "is no element"},
		{`"agent":[{"who":{"reference":"PractitionerRole/7"},"requestor":true}]`, `"agent":[]`, "empty list"},
		{`"agent":[{"who":{"reference":"PractitionerRole/7"},"requestor":true}]`, `"agent":{"requestor":true}`, "cardinality"},
		{`"code":[{"text":"nurse"}]`, `"code":[{"text":""}]`, "is no string"},
		{`"mode":"include"`, `"mode":"other"`, "is no match|include|outcome"},
		{`"mode":"include"`, `"mode":"match"`, "total"},
		{`"total":1`, `"total":2`, "total"},
		{`"total":1`, `"total":"1"`, "unsignedInt"},
		{`"type":"searchset"`, `"type":"collection"`, "bdl-1"},
		{`PractitionerRole/7"},"requestor"`, `PractitionerRole/8"},"requestor"`, "not in the bundle"},
		{`"fullUrl":"https://h/PractitionerRole/7"`, `"fullUrl":"https://h/AuditEvent/7"`, "bdl-7"},
		{`"resourceType":"PractitionerRole"`, `"resourceType":"Device"`, "resourceType"},
	} {
		changed := strings.Replace(good, c.old, c.new, 1)
		require.NotEqual(t, good, changed, c.old)
		require.Contains(t, strings.Join(Check([]byte(changed)), "\n"), c.want, c.new)
	}
	require.NotEmpty(t, Check([]byte(`{`)))
	require.NotEmpty(t, Check([]byte(`[]`)))
}
