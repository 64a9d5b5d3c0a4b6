package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"custos/api/cpis"
	"custos/api/mesh"
	"custos/api/mesh/meshtest"
)

// The mailboxes of the demo's MESH, the service's and one authority's, and the
// workflow ids, which are invented: CP-IS's own are not public.
const (
	demoMailbox   = "DEMOHC001"
	demoLAMailbox = "DEMOLA001"
	demoMESHChild = "9997000102" // whom the authority's first file is about: nobody's number
)

var demoWorkflows = mesh.Workflows{Upload: "DEMO_CPIS_01", Acknowledgement: "DEMO_CPIS_01_ACK", AccessNotification: "DEMO_CPIS_05", InactiveNumber: "DEMO_CPIS_06"}

// demoMESH is the authority that sends its files by MESH, and how far it is.
type demoMESH struct {
	Authority     string        `json:"authority"`
	Name          string        `json:"name"`
	OfficeHours   string        `json:"officeHours"`
	EmergencyDuty string        `json:"emergencyDuty"`
	Start         cpis.DateTime `json:"start"`    // of the plan in its file
	Sequence      int64         `json:"sequence"` // of its newest file
}

// demoExchange is the MESH of one run of the demo, and the authority's end of
// it. It is a real one over HTTP, and lives in this process, on this machine
// alone: its mailboxes are empty again when the demo ends.
type demoExchange struct {
	server    *meshtest.Server
	authority *mesh.Client
	page      net.Listener
	names     map[string]string // what mailboxes are called
}

// exchange starts it and has every node use it; end ends it. A demo that was
// made before there was one goes without.
func (d *demo) exchange(ctx context.Context) (end func() error, err error) {
	end = func() error { return nil }
	if d.state.MESH.Authority == "" {
		return end, nil
	}
	shared, err := d.meshSecret("mesh.shared")
	if err != nil {
		return end, err
	}
	x := &demoExchange{names: map[string]string{demoMailbox: "Custos", demoLAMailbox: d.state.MESH.Name}}
	if x.server, err = meshtest.Start(meshtest.Options{SharedKey: shared}); err != nil {
		return end, err
	}
	stop := x.server.Close
	clients := map[string]mesh.Config{}
	for _, mailbox := range []string{demoMailbox, demoLAMailbox} {
		password, err := d.meshSecret(mailbox + ".password")
		if err != nil {
			return end, errors.Join(err, stop())
		}
		x.server.AddMailbox(mailbox, password)
		clients[mailbox] = mesh.Config{URL: x.server.URL(), Mailbox: mailbox, PasswordFile: d.path("secrets", mailbox+".password"),
			SharedKeyFile: d.path("secrets", "mesh.shared"), Workflows: demoWorkflows, Every: mesh.Duration(time.Second)}
	}
	if x.authority, err = mesh.New(clients[demoLAMailbox]); err != nil {
		return end, errors.Join(err, stop())
	}
	for _, c := range d.configs {
		c.MESH = &MESH{Config: clients[demoMailbox], Mailboxes: map[string]string{d.state.MESH.Authority: demoLAMailbox},
			Organisation: MESHOrganisation{Code: "X26", Name: "Custos"}, System: "200000000001", Deliver: mesh.Duration(3 * time.Second)}
		if err := c.write(d.path(c.Node + ".json")); err != nil {
			return end, errors.Join(err, stop())
		}
	}
	if err := d.sendFirst(ctx, x); err != nil {
		return end, errors.Join(err, stop())
	}
	if x.page, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return end, errors.Join(err, stop())
	}
	d.mailbox = "http://" + x.page.Addr().String()
	pages := &http.Server{Handler: x.routes(x.page.Addr().String()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- pages.Serve(x.page) }()
	return func() error {
		err := errors.Join(pages.Close(), stop())
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// meshSecret makes a secret of the demo's MESH, unless an earlier run did.
func (d *demo) meshSecret(name string) (string, error) {
	path := d.path("secrets", name)
	if _, err := os.Stat(path); err != nil {
		var raw [24]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return "", err
		}
		return base64.RawURLEncoding.EncodeToString(raw[:]), writeNew(path, []byte(base64.RawURLEncoding.EncodeToString(raw[:])+"\n"))
	}
	b, err := readSecret(path)
	return strings.TrimSpace(string(b)), err
}

// sendFirst has the authority send a file about one child, before the nodes
// start: it waits in their inbox. Each run's has the next number.
func (d *demo) sendFirst(ctx context.Context, x *demoExchange) error {
	d.state.MESH.Sequence++
	b, err := json.MarshalIndent(d.state, "", "  ")
	if err == nil {
		// If we die before the file is sent, a number is left out, which is told and harms nothing.
		err = os.WriteFile(d.path("demo.json"), b, 0o600)
	}
	if err != nil {
		return err
	}
	file, err := demoUpload(d.state.MESH, time.Now())
	if err != nil {
		return err
	}
	_, err = x.send(ctx, file)
	return err
}

// demoUpload is message 01 about one child with a plan.
func demoUpload(m demoMESH, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	w, err := cpis.NewWriter(&b, cpis.Header{Created: cpis.Timestamp(now.UTC().Format("20060102150405") + "+0000"), Sequence: m.Sequence, Quantity: 1,
		Sender: cpis.Organisation{Code: m.Authority, Name: m.Name, OfficeHours: m.OfficeHours, EmergencyDuty: m.EmergencyDuty}})
	if err != nil {
		return nil, fmt.Errorf("the demo's message 01: %w", err)
	}
	if err := w.Write(&cpis.Record{Plans: []cpis.Plan{{Type: cpis.ChildProtection, Start: m.Start}}, Subjects: []cpis.Subject{{Person: cpis.Person{
		Identity: cpis.Identity{NHSNumber: demoMESHChild}, Given: "Merrin", Family: "Meshley", Birth: 20170512}}}}); err != nil {
		return nil, fmt.Errorf("the demo's message 01: %w", err)
	}
	err = w.Close()
	return b.Bytes(), err
}

// send sends a file from the authority's mailbox, as its system would.
func (x *demoExchange) send(ctx context.Context, file []byte) (mesh.Sent, error) {
	return x.authority.Send(ctx, mesh.Outgoing{To: demoMailbox, Workflow: demoWorkflows.Upload, LocalID: "demo-" + rand.Text(),
		ContentType: "application/xml", Body: bytes.NewReader(file), Size: int64(len(file)), Compress: true})
}
