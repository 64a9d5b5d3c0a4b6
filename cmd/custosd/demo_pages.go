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

// demoPages serves the demo's one page, and the tokens of its people: on
// loopback, of synthetic data, and never in a real node.
type demoPages struct {
	dir string
}

// demoPerson is one person as the page offers them.
type demoPerson struct {
	Env   string `json:"env"`
	Name  string `json:"name"`
	What  string `json:"what"`
	Role  string `json:"role"`
	Token string `json:"token"`
}

func (p *demoPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'")
	switch r.URL.Path {
	case "/":
		p.file(w, "index.html", "text/html; charset=utf-8")
	case "/assets/demo.js":
		p.file(w, "demo.js", "text/javascript; charset=utf-8")
	case "/assets/demo.css":
		p.file(w, "demo.css", "text/css; charset=utf-8")
	default:
		p.people(w)
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

// people reads the demo's own files each time: they are written after the
// nodes have started.
func (p *demoPages) people(w http.ResponseWriter) {
	var state demoState
	var tokens map[string]string
	for name, into := range map[string]any{"demo.json": &state, "tokens.json": &tokens} {
		b, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil || json.Unmarshal(b, into) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
	out := struct {
		People []demoPerson      `json:"people"`
		Known  map[string]string `json:"known"`
	}{Known: state.Known}
	for i := range state.People {
		x := &state.People[i]
		out.People = append(out.People, demoPerson{x.Env, x.Name, x.RoleName + ", " + x.OrganisationName, x.Role, tokens[x.Env]})
	}
	b, err := json.Marshal(out)
	if err != nil { // strings always encode
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // who reads no more needs no error
}
