package api

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func TestNumbersThatChange(t *testing.T) {
	w := newWorld(t)
	old, next := nhs(60), nhs(61)
	row := ann(func(p *planRow) { p.NHSNumber = old })
	w.plans(uploader, 1, row)
	w.secret(old, next, "told by the register")
	record := func(who caller, o object) *reply {
		o["reason"] = "told by the register"
		return w.call(who, "POST", "/v1/numbers", o)
	}
	find := func(number string) object {
		out, _ := w.lookup(doctor, object{"nhsNumber": number, "dateOfBirth": row.DateOfBirth}).recorded(200)
		return out
	}
	require.Equal(t, "not-found", find(next)["outcome"])
	out, e := record(officer, object{"nhsNumber": old, "replacedBy": next, "dateOfBirth": row.DateOfBirth}).recorded(201)
	requireFields(t, out, "status", "seq", "receipt")
	require.Equal(t, ledger.KindNumberSuperseded, e.Kind)
	for _, number := range []string{old, next} {
		require.Equal(t, "found", find(number)["outcome"])
	}
	r := w.upload(uploader, 2, row)
	require.Equal(t, []string{"rejected", "number-superseded"}, csvLines(t, r.body)[1][1:3])
	dry, _ := w.uploadJSON(uploader, "?dry-run=true&snapshot=true", asJSON(row)).recorded(200)
	require.EqualValues(t, "0", dry["snapshot"].(object)["wouldEnd"], "the old number ends nothing of the new one's")
	record(officer, object{"nhsNumber": old, "part": true}).recorded(201)
	require.Equal(t, "not-found", find(next)["outcome"])
	require.Equal(t, "found", find(old)["outcome"])

	// No longer used, and not replaced: a task of the authority that holds a plan.
	record(officer, object{"nhsNumber": old}).recorded(201)
	tasks := func() any {
		return objects(w.call(manager, "GET", "/v1/unmatched", nil).ok(200)["authorities"])[0]["inactiveNumbers"]
	}
	task := objects(tasks())[0]
	opened, _ := w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%s/open", task["notification"]), nil).recorded(200)
	require.Equal(t, []any{"number-inactive", old}, []any{opened["type"], opened["nhsNumber"]})
	r = w.upload(uploader, 3, row)
	require.Equal(t, []string{"rejected", "number-inactive"}, csvLines(t, r.body)[1][1:3])
	require.Len(t, tasks(), 1)
	row.End = "2026-03-02"
	w.plans(uploader, 4, row)
	require.Nil(t, tasks(), "done")

	record(officer, object{"nhsNumber": old, "replacedBy": next, "dateOfBirth": row.DateOfBirth}).problem("not-in-this-state")
	record(doctor, object{"nhsNumber": old}).denied("role-not-permitted")
	size := w.size()
	for _, bad := range []object{{"nhsNumber": "999"}, {"nhsNumber": old, "replacedBy": "1", "dateOfBirth": "2015-05-04"}, {"nhsNumber": old, "replacedBy": next},
		{"nhsNumber": old, "dateOfBirth": "2015-05-04"}, {"nhsNumber": old, "part": true, "replacedBy": next}} {
		require.Equal(t, 400, record(officer, bad).status, "%v", bad["part"])
	}
	require.Equal(t, size, w.size())
}
