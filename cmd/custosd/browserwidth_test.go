package main

import (
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// The widths at which pages are looked at: a desk's screen, and a telephone's or a corner of a ward's.
const (
	wide   = 1280
	narrow = 500
)

// sized gives the window another width.
func (p *page) sized(width int64) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 1000)))
}

// fits fails if the page is wider than the window, and names what sticks out. What can be
// unfolded is unfolded first: it is read as well.
func (p *page) fits() {
	p.t.Helper()
	said, err := p.evaluate(`(() => {
		document.querySelectorAll("details").forEach((d) => (d.open = true));
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= width) return "";
		const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest("pre, .scroll"));
		return location.pathname + " is " + document.documentElement.scrollWidth + " wide in " + width + ": " +
			out.slice(0, 20).map((e) => e.tagName + (e.className ? "." + e.className : "") + " " + e.textContent.trim().slice(0, 60)).join(" | ");
	})()`)
	require.NoError(p.t, err)
	require.Empty(p.t, said)
}

// documentsFit opens each page that is read rather than filled in, wide and narrow.
func (p *page) documentsFit(url string) {
	p.t.Helper()
	for _, width := range []int64{wide, narrow} {
		p.sized(width)
		for path, title := range map[string]string{"/docs": "the interface", "/docs/problems": "Error codes", "/docs/downtime": "While no record can be made", "/": "Who are you?"} {
			p.open(url + path)
			p.shows(title)
			if path != "/docs" { // it is longer than a picture can be
				p.picture(fmt.Sprintf("9-%d%s", width, strings.ReplaceAll(path, "/", "-")))
			}
			p.fits()
		}
	}
	p.sized(wide)
}

// unbroken fails if a telephone number of a table stands on more than one line.
func (p *page) unbroken() {
	p.t.Helper()
	said, err := p.evaluate(`(() => {
		const lines = (td) => { const r = document.createRange(); r.selectNodeContents(td); return new Set([...r.getClientRects()].map((b) => Math.round(b.top))).size; };
		const numbers = [...document.querySelectorAll("td")].filter((td) => /^0[0-9 ]{9,}$/.test(td.textContent));
		if (!numbers.length) return "there is no telephone number";
		return numbers.filter((td) => lines(td) > 1).slice(0, 3).map((td) => td.textContent).join(" | ");
	})()`)
	require.NoError(p.t, err)
	require.Empty(p.t, said, "a number that is read out in a hurry stands on one line")
}
