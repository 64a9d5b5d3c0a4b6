package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// An emergency is told to whoever reviews it as it happens, by reference: to the
// site's officer and to the national one, to nobody else, and to who comes back.
func TestReviewersAreToldOfEmergencies(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.says(ledger.Nation, object{"live": "no"})
	elsewhere := caller{"site-ig", "ig-9", practice, "Petra Elsewhere", ""}
	at := func(who caller, last string) *ear { return w.listenTo(reviewEventsPath, w.token(who), last) }
	ears := map[string]*ear{"site": at(siteOfficer, ""), "nation": at(officer, "")}
	other := at(elsewhere, "")
	for _, l := range append([]*ear{other}, ears["site"], ears["nation"]) {
		require.Equal(t, "ready", l.next().event)
	}
	out, e := w.emergency(doctor, "AAL3_ANY").recorded(200)
	broken := out["breakGlass"].(object)
	for name, l := range ears {
		h := l.next()
		require.Equal(t, "review", h.event, name)
		var told object
		require.NoError(t, json.Unmarshal([]byte(h.data), &told))
		requireFields(t, told, "id", "at", "organisation", "insteadOf", "reviewBy")
		require.Equal(t, fmt.Sprint(broken["review"]), fmt.Sprint(told["id"]), name)
		require.Equal(t, w.reviews(officer, "open")[0]["reviewBy"], told["reviewBy"])
		require.Equal(t, "not-live", told["insteadOf"])
		require.Equal(t, emergency, told["organisation"])
		require.Equal(t, fmt.Sprint(broken["review"]), h.id)
	}
	back := at(siteOfficer, strconv.FormatUint(uint64(e.Seq)-1, 10))
	require.Equal(t, "ready", back.next().event)
	require.Equal(t, "review", back.next().event, "who comes back is told of what was missed")

	// The next thing that the other site hears of is its own.
	w.emergency(caller{doctor.role, "gp-1", practice, "Penny Practice", doctor.team}, "AAL3_ANY").recorded(200)
	h := other.next()
	require.Equal(t, "review", h.event)
	require.Contains(t, h.data, `"organisation":"`+practice+`"`)

	w.call(doctor, "GET", reviewEventsPath, nil).denied("role-not-permitted")
	w.call(siteOfficer, "GET", reviewEventsPath+"?state=open", nil).problem("query-parameter")
	w.call(siteOfficer, "GET", reviewEventsPath, nil, header{"Last-Event-ID": "yesterday"}).problem("last-event-id")
}
