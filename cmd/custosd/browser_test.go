package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// chromium finds a browser on this machine, or ends the test: `make test` then says SKIPPED.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: there is no chromium: nothing was opened in a real browser")
	return ""
}

// page is a browser's tab, and what a person does with it.
type page struct {
	t   *testing.T
	ctx context.Context
}

func newPage(t *testing.T) *page {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.WindowSize(1100, 1000))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return &page{t, ctx}
}

func (p *page) open(address string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.Navigate(address)))
}

// evaluate runs a script in the page.
func (p *page) evaluate(script string) (string, error) {
	return chromedp.Run(p.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
}

// until waits for a script to say "yes"; a page on its way to another says nothing.
func (p *page) until(what, script string) {
	p.t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		said, err := p.evaluate(script)
		if said == "yes" {
			return
		}
		if time.Since(begun) > 30*time.Second {
			text, _ := p.evaluate("location.pathname + ' ' + document.body.innerText")
			p.picture("failed")
			require.Failf(p.t, "the page does not come to it", "%s (%v)\n%s", what, err, text)
		}
	}
}

// shows waits until a text is on the page.
func (p *page) shows(text string) {
	p.t.Helper()
	p.until("to show "+text, `document.readyState == "complete" && document.body.innerText.includes(`+strconv.Quote(text)+`) ? "yes" : "no"`)
}

// press clicks the last thing that can be pressed and has this text.
func (p *page) press(text string) {
	p.t.Helper()
	p.until("to offer "+text, `(() => { const found = [...document.querySelectorAll("a, button, label")].filter((e) => e.checkVisibility() && e.innerText.includes(`+
		strconv.Quote(text)+`)); if (document.readyState != "complete" || !found.length) return "no"; found.at(-1).click(); return "yes"; })()`)
}

// gone presses the last of the buttons with this text, and waits for the page that has one fewer:
// a page that is left before its form was answered has said nothing.
func (p *page) gone(text string) {
	p.t.Helper()
	count := `[...document.querySelectorAll("button")].filter((e) => e.innerText.includes(` + strconv.Quote(text) + `)).length`
	before, err := p.evaluate(count + ` + ""`)
	require.NoError(p.t, err)
	p.press(text)
	p.until("to have one "+text+" fewer", `document.readyState == "complete" && `+count+` < `+before+` ? "yes" : "no"`)
}

// status asks as the page's own script would, and returns the status and the code of the problem.
func (p *page) status(method, path string) string {
	p.t.Helper()
	said, err := p.evaluate(`fetch(` + strconv.Quote(path) + `, {method: ` + strconv.Quote(method) + `}).then(async (r) => r.status + " " + ((await r.json()).code || ""))`)
	require.NoError(p.t, err)
	return strings.TrimSpace(said)
}

func (p *page) cookies() []*network.Cookie {
	p.t.Helper()
	out, err := chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{})
	})
	require.NoError(p.t, err)
	return out.Cookies
}

// picture keeps what is shown, where CUSTOS_PICTURES names a folder to keep it in.
func (p *page) picture(name string) {
	dir := os.Getenv("CUSTOS_PICTURES")
	if dir == "" {
		return
	}
	b, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+".png"), b, 0o600))
}

// In a real browser, against the demo as anybody starts it: a clinician signs in by the whole flow, looks a child
// up with the session's cookie alone, and signs out; a midwife chooses between her two roles; too weak a sign-in
// gets nowhere; a session ends when its provider says so; another site can do nothing with a session; and while the
// provider is down whoever is signed in goes on, and whoever is not reads what that means.
func TestSignInInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	p := newPage(t)
	d := &demo{dir: filepath.Join(t.TempDir(), "demo"), shown: "demo", listen: "127.0.0.1:0", out: io.Discard, clock: &demoClock{}}
	require.NoError(t, d.create(t.Context(), 1))
	d.clock.real()
	end, err := d.provide()
	require.NoError(t, err)
	nodes, err := d.start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, closeAll(nodes)) })
	require.NoError(t, d.waitReady(t.Context()))
	url := d.configs[0].PublicURL

	p.open(url + "/")
	p.shows("Nobody is signed in.")
	require.Equal(t, "401 token-missing", p.status("GET", "/v1/directory"))
	p.picture("1-nobody")
	p.press("clinicians")
	p.shows("Development identity provider.")
	p.picture("2-provider")
	p.press("Dr Ada Demo")
	p.shows("Dr Ada Demo, Emergency Department Doctor")
	kept := p.cookies()
	require.Len(t, kept, 1, "the attempt is spent")
	require.Equal(t, "__Host-custos-session", kept[0].Name)
	require.True(t, kept[0].HTTPOnly && kept[0].Secure && kept[0].SameSite == network.CookieSameSiteLax, "%+v", kept[0])
	seen, err := p.evaluate(`document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`)
	require.NoError(t, err)
	require.Equal(t, "{}{}", seen, "no script can read the session, and nothing else is kept")
	p.press("Look up, on the record")
	p.shows("has a plan.")
	p.shows("On the record: entry")
	p.picture("3-answer")

	// Another page: of this machine, and so of the same site, but not of this origin. Its form and its script come with the cookie.
	evil := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<form method="post" action="`+url+`/signin/out"><button>Win a prize</button></form>`)
	})}
	at, err := d.freeAddress("127.0.0.1:0")
	require.NoError(t, err)
	l := d.kept[len(d.kept)-1]
	go func() { _ = evil.Serve(l) }()
	t.Cleanup(func() { _ = evil.Close() })
	p.open("http://" + at)
	p.press("Win a prize")
	p.shows("Code: cross-site")
	p.open(url + "/")
	p.shows("Dr Ada Demo, Emergency Department Doctor")

	p.press("Sign out")
	p.shows("Sign in with NHS CIS2 (demo)")
	require.Empty(t, p.cookies())

	p.press("Sign in with NHS CIS2 (demo)")
	p.press("Mary Demo")
	p.shows("Choose a role")
	p.picture("4-roles")
	p.open(url + "/")
	require.Equal(t, "403 role-not-selected", p.status("POST", "/v1/lookups"))
	p.press("Another role")
	p.press("Community Midwife")
	p.press("Continue")
	p.shows("Mary Demo, Community Midwife")
	p.press("Another role")
	p.press(d.state.People[1].OrganisationName)
	p.press("Continue")
	p.shows("Mary Demo, Midwife")

	p.open(url + "/signin/start/cis2?to=/&level=AAL3")
	p.shows("a smartcard (AAL3)")
	p.press("Dr Ada Demo")
	p.shows(d.state.People[0].OrganisationName + " (AAL3)") // the page that is left has the level alone

	p.emergency(d, url)

	p.open(url + "/signin/start/staff?to=/")
	p.press("a password alone (AAL1)")
	p.press("Sam Demo")
	p.shows("Code: assurance-too-low")
	p.shows("of the ledger")
	p.picture("5-too-weak")

	p.open(url + "/signin/start/staff?to=/")
	p.press("Nina Demo")
	p.shows("Nina Demo, School Nurse")
	p.press("Show the people")
	p.shows("whose plans have ended")
	for _, width := range []int64{wide, narrow} {
		p.sized(width)
		p.picture("8-caseload-" + strconv.FormatInt(width, 10))
		p.fits()
		p.unbroken()
	}
	p.documentsFit(url)

	p.open(url + "/signin/start/staff?to=/")
	p.press("Sam Demo")
	p.shows("Sam Demo, Social Worker")
	p.press("List the newest")
	p.shows("Notifications")
	for p.status("GET", "/signin/session") == "200" { // the provider has another session of his, which came to nothing here
		p.open(d.providerURL() + "/staff/sessions")
		p.gone("End")
		p.open(url + "/")
	}
	p.shows("Nobody is signed in.")

	p.press("clinicians")
	p.press("Dr Ada Demo")
	p.shows("Dr Ada Demo, Emergency")
	require.NoError(t, end())
	p.open(url + "/")
	p.press("Look up, on the record")
	p.shows("has a plan.")
	p.picture("6-goes-on")
	p.press("Sign out")
	p.press("Sign in with NHS CIS2 (demo)")
	p.shows("Code: sign-in-unavailable")
	p.shows("People who are signed in can go on.")
	p.picture("7-down")
}
