package api

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A copy names nobody, and what was withheld leaves no trace in it.
func TestSubjectCopy(t *testing.T) {
	w := newWorld(t)
	w.secret("a refuge is near", "asked by letter")
	w.plans(uploader, 1, ann(nil))
	_, first := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	_, second := w.lookup(otherDoctor, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(planner, object{"nhsNumber": nhs(1)}).recorded(200)
	w.trail(officer, object{"nhsNumber": nhs(1)})
	body := func(more object) object {
		b := object{"nhsNumber": nhs(1), "for": "person", "competent": true, "harmConsidered": true, "reason": "asked by letter; a refuge is near"}
		for k, v := range more {
			b[k] = v
		}
		return b
	}
	out, e := w.call(officer, "POST", "/v1/subject-copies", body(nil)).recorded(200)
	require.Equal(t, ledger.KindSubjectCopied, e.Kind)
	whole := objects(out["accesses"])
	require.Equal(t, []any{"accessed", "accessed", "accessed", "trail-read"}, column(whole, "kind"))
	require.Equal(t, []any{"found", "found", "found", nil}, column(whole, "outcome"))
	for _, x := range whole {
		for _, k := range []string{"seq", "name", "actor", "told"} {
			require.NotContains(t, x, k, "nobody is named and no entry is")
		}
	}

	out, e = w.call(officer, "POST", "/v1/subject-copies", body(object{"withheld": []any{second.Seq, first.Seq, second.Seq}})).recorded(200)
	require.Equal(t, []ledger.Seq{first.Seq, second.Seq}, e.Event.(*ledger.SubjectCopied).Withheld)
	less := objects(out["accesses"])
	require.Equal(t, []any{"accessed", "trail-read", "subject-copied"}, column(less, "kind"))
	require.Equal(t, whole[2:], less[:2], "what is left is as it was")

	// Whoever reviewed an access, and saw whom it was of, is in it, and so is that an auditor was let know.
	w.says(ledger.Nation, object{"live": "no"})
	w.secret("not breathing")
	broken, _ := w.emergency(doctor, "AAL3_ANY").recorded(200)
	review := fmt.Sprintf("/v1/reviews/%v", broken["breakGlass"].(object)["review"])
	w.call(siteOfficer, "POST", review+"/open", nil).recorded(200)
	w.call(siteOfficer, "POST", review, object{"finding": "justified", "note": "not breathing"}).recorded(201)
	w.call(officer, "POST", "/v1/key-releases", object{"nhsNumber": nhs(1), "auditor": "aud-1", "days": 3, "reason": "asked by letter"}).recorded(201)
	out, _ = w.call(officer, "POST", "/v1/subject-copies", body(nil)).recorded(200)
	all := column(objects(out["accesses"]), "kind")
	require.Equal(t, []any{"accessed", "reviewed", "key-released"}, all[len(all)-3:])

	for _, more := range []object{{"harmConsidered": false}, {"competent": false}, {"for": "parent"}} {
		w.call(officer, "POST", "/v1/subject-copies", body(more)).problem("review-missing")
	}
	w.call(siteOfficer, "POST", "/v1/subject-copies", body(nil)).denied("role-not-permitted")
	for _, more := range []object{{"for": "a friend"}, {"withheld": []any{1 << 40}}, {"withheld": []any{"1"}}, {"nhsNumber": nhs(1)[:9]}, {"competent": nil}, {"reason": ""}} {
		w.badly(officer, "/v1/subject-copies", body(more))
	}
}
