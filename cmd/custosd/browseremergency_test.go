package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/tools/synthetic"
)

// emergency has the clinician who is signed in with a smartcard look a child up where policy says that the service is not
// live, and the site's privacy officer review it. What policy says then is what it said before.
func (p *page) emergency(d *demo, url string) {
	p.t.Helper()
	p.until("to want no stronger sign-in", `document.getElementById("stronger").checkVisibility() ? "no" : "yes"`)
	p.live(d, url, "no")
	p.press("Look up, on the record")
	p.shows("Not answered")
	p.press("Look up in an emergency")
	p.until("to want a reason", `document.querySelector("#emergency-reason:invalid") ? "yes" : "no"`)
	p.fill("emergency-reason", "unconscious, and nobody with her")
	p.press("Look up in an emergency")
	p.shows("has a plan.")
	p.shows("It took an emergency: policy would have denied it (not live).")
	p.picture("9-emergency")
	p.live(d, url, "yes")

	p.open(url + "/signin/start/staff?to=/")
	p.press("Percy Demo")
	p.shows("Percy Demo, Privacy Officer")
	p.press("List the reviews")
	p.shows("To be reviewed, and reviewed")
	for _, width := range []int64{wide, narrow} {
		p.sized(width)
		p.picture("10-reviews-" + strconv.FormatInt(width, 10))
		p.fits()
	}
	p.press("Open")
	p.shows("Reason given: unconscious, and nobody with her")
	p.shows("by Dr Ada Demo, Emergency Department Doctor.")
	p.fill("note", "the team could not have waited")
	p.picture("11-review")
	p.press("Conclude the review")
	p.shows("is concluded: justified.")
	p.press("List the reviews")
	p.shows("not live")
	p.until("to leave nothing to open", `[...document.querySelectorAll("button")].some((b) => b.innerText == "Open") ? "no" : "yes"`)
	p.sized(wide)
}

// fill writes into a field, once it is there.
func (p *page) fill(id, text string) {
	p.t.Helper()
	p.until("to have the field "+id, `(() => { const f = document.getElementById(`+strconv.Quote(id)+`); if (!f || !f.checkVisibility()) return "no"; f.value = `+strconv.Quote(text)+`; return "yes"; })()`)
}

// live has the operator say whether the service answers in the emergency department, from today on.
func (p *page) live(d *demo, url, live string) {
	t := p.t
	t.Helper()
	tokens, err := newTokenMaker(d.dir)
	require.NoError(t, err)
	operator := slices.IndexFunc(d.state.People, func(p persona) bool { return p.Role == "operator" })
	token, err := tokens.issue(&d.state.People[operator], time.Now())
	require.NoError(t, err)
	today := ledger.Of(d.clock.now()).Day().String()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/v1/policies/"+synthetic.Emergency,
		strings.NewReader(`{"from":"`+today+`","live":"`+live+`","reason":"pilot"}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Contains(t, []int{http.StatusOK, http.StatusCreated}, answer.StatusCode)
}
