package main

import (
	"embed"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

//go:embed static
var static embed.FS

// demoPages serves the demo's one page, which asks with the session of whoever signed in: on loopback, of
// synthetic data, and never in a real node.
type demoPages struct {
	dir string
}

func (p *demoPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
	switch r.URL.Path {
	case "/":
		p.file(w, "index.html", "text/html; charset=utf-8")
	case "/assets/demo.js":
		p.file(w, "demo.js", "text/javascript; charset=utf-8")
	case "/assets/demo.css":
		p.file(w, "demo.css", "text/css; charset=utf-8")
	default:
		p.known(w)
	}
}

func (p *demoPages) file(w http.ResponseWriter, name, media string) {
	b, err := static.ReadFile("static/" + name)
	if err != nil { // it is built in
		panic(err)
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // who reads no more needs no error
}

// known tells the page whom there is to ask about. The demo's own file is read each time: it is written after
// the nodes have started.
func (p *demoPages) known(w http.ResponseWriter) {
	var state demoState
	b, err := os.ReadFile(filepath.Join(p.dir, "demo.json"))
	if err != nil || json.Unmarshal(b, &state) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if b, err = json.Marshal(state.Known); err != nil { // strings always encode
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // who reads no more needs no error
}
