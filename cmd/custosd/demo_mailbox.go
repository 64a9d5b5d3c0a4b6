package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"custos/api/mesh/meshtest"
)

// What went each way in the demo's MESH, for whoever looks: as a page, as lines,
// and each message as it was sent. Whoever can open it is on this machine, and
// everybody in it is made up.

// mailboxLine is one message as the page shows it.
type mailboxLine struct {
	ID, At, From, To, What, Workflow, State string
	Size                                    int64
}

// demoMessages are what the workflow ids stand for.
var demoMessages = map[string]string{
	demoWorkflows.Upload: "01 plans", demoWorkflows.Acknowledgement: "02 acknowledgement of a file",
	demoWorkflows.AccessNotification: "05 notification of access", demoWorkflows.InactiveNumber: "06 inactive number",
}

// routes serves it at one address, under no other name: a page of somebody
// else's cannot read it by having its own name lead here.
func (x *demoExchange) routes(host string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", x.getPage)
	mux.HandleFunc("GET /messages", x.getLines)
	mux.HandleFunc("GET /messages/{id}", x.getMessage)
	mux.HandleFunc("POST /messages", x.postMessage)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host {
			http.Error(w, "there is nothing under this name", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})
}

// lines lists the messages, the oldest first.
func (x *demoExchange) lines() []mailboxLine {
	var out []mailboxLine
	for _, m := range x.server.Messages() {
		l := mailboxLine{ID: m.ID, At: m.At.Format(time.DateTime), From: x.names[m.From], To: x.names[m.To], What: demoMessages[m.Workflow], Workflow: m.Workflow, State: m.State}
		if m.Report {
			l.From, l.What = "MESH", "a report that a message was not delivered"
		}
		if m.State == "accepted" {
			l.State = "waits in the mailbox"
		}
		for _, c := range m.Chunks {
			l.Size += c.Plain
		}
		out = append(out, l)
	}
	return out
}

func (x *demoExchange) getLines(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, l := range x.lines() {
		fmt.Fprintf(w, "%s  %s  %s -> %s  %s, %d bytes, %s\n", l.ID, l.At, l.From, l.To, l.What, l.Size, l.State)
	}
}

//go:embed demo_mailbox.html
var demoMailboxHTML string

var mailboxPage = template.Must(template.New("mailbox").Parse(demoMailboxHTML))

func (x *demoExchange) getPage(w http.ResponseWriter, r *http.Request) {
	lines := x.lines()
	slices.Reverse(lines)
	var b bytes.Buffer
	if err := mailboxPage.Execute(&b, map[string]any{"Name": x.names[demoLAMailbox], "Here": "http://" + r.Host, "Lines": lines}); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // who reads no more needs no error
}

// getMessage gives a message as it was before it was compressed for the way.
func (x *demoExchange) getMessage(w http.ResponseWriter, r *http.Request) {
	all := x.server.Messages()
	at := slices.IndexFunc(all, func(m meshtest.Message) bool { return m.ID == r.PathValue("id") })
	if at < 0 {
		http.NotFound(w, r)
		return
	}
	var content bytes.Buffer
	for _, c := range all[at].Chunks {
		if c.Open == nil {
			continue // it is not here yet
		}
		piece := c.Open()
		if all[at].Encoding == "gzip" {
			z, err := gzip.NewReader(piece)
			if err != nil {
				http.Error(w, "the message does not read", http.StatusInternalServerError)
				return
			}
			piece = z
		}
		if _, err := io.Copy(&content, piece); err != nil {
			http.Error(w, "the message does not read", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // a browser shows all of it so
	_, _ = w.Write(content.Bytes())                             // who reads no more needs no error
}

// demoFileMost is the largest file that may be sent by hand.
const demoFileMost = 64 << 20

// postMessage sends a file as the authority's system would. What is asked for
// is no form's content type, so that no page of somebody else's can send one.
func (x *demoExchange) postMessage(w http.ResponseWriter, r *http.Request) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/xml" {
		http.Error(w, "Content-Type is application/xml", http.StatusUnsupportedMediaType)
		return
	}
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, demoFileMost))
	if err != nil {
		http.Error(w, "the file does not read, or is too large", http.StatusRequestEntityTooLarge)
		return
	}
	sent, err := x.send(r.Context(), file)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway) // errors of the client repeat nothing
		return
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, sent.MessageID)
}
