package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/api/hl7"
	"custos/api/mesh/meshtest"
	"custos/consensus"
	"custos/ledger"
)

// adt is an ADT A04 of a person who came.
func adt(control, number string) string {
	return "MSH|^~\\&|PAS|RXX01|CUSTOS|X24|20260303141500||ADT^A04^ADT_A01|" + control + "|P|2.4\r" +
		"EVN|A04|20260303141459|||U55^Winterbourne^Willa^^^Sister\r" +
		"PID|1||" + number + "^^^NHS^NH||Featherstonehaugh^Annunziata||20150504\rPV1|1|E|||||C9^Attend^Anna||||||||||||ENC-77120\r"
}

var pas = Sender{Organisation: emergency, System: "200000000115", Name: "Patient administration", Role: "clinician"}

// pasLine is a connection of a system that tells of arrivals.
type pasLine struct {
	w *world
	c net.Conn
	r *bufio.Reader
}

// mllp opens a listener for senders, until the test ends.
func (w *world) mllp(l net.Listener, senders ...Sender) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.ServeArrivals(ctx, l, senders) }()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
}

func loopbackListener(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func (w *world) dial(address string) *pasLine {
	c, err := net.Dial("tcp", address)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = c.Close() })
	return &pasLine{w, c, bufio.NewReader(c)}
}

// raw sends bytes and reads one answer, which repeats nothing.
func (p *pasLine) raw(b []byte) *hl7.Message {
	p.w.t.Helper()
	_, err := p.c.Write(b)
	require.NoError(p.w.t, err)
	got, err := hl7.ReadFrame(p.r)
	require.NoError(p.w.t, err)
	for s := range p.w.secrets {
		require.NotContains(p.w.t, string(got), s, "an answer repeats a secret")
	}
	m, err := hl7.Parse(got)
	require.NoError(p.w.t, err, "%q", got)
	return m
}

// tell sends a message and gives how it was taken, its control id, and what was
// found or why not.
func (p *pasLine) tell(message string) []string {
	p.w.t.Helper()
	m := p.raw(hl7.Frame([]byte(message)))
	what := m.Value("ZCP", 2, 0, 1)
	if what == "" {
		what = m.Value("ERR", 5, 0, 1)
	}
	return []string{m.Value("MSA", 1, 0, 1), m.Value("MSA", 2, 0, 1), what}
}

// An ADT A04 is a lookup in the name of the user who registered the arrival.
func TestAnAdmissionIsALookup(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.secret("Featherstonehaugh", "Annunziata", "Winterbourne", "ENC-77120", nhs(1))
	l := loopbackListener(t)
	w.mllp(l, pas)
	p := w.dial(l.Addr().String())
	size := w.size()
	require.Equal(t, []string{"AA", "MSG1", "found"}, p.tell(adt("MSG1", nhs(1))))
	require.Equal(t, 1, w.kinds(size)[ledger.KindNotificationQueued], "the authority is told")
	require.Equal(t, []string{"AA", "MSG2", "not-found"}, p.tell(adt("MSG2", nhs(9))))
	size = w.size()
	require.Equal(t, []string{"AA", "MSG1", "found"}, p.tell(adt("MSG1", nhs(1))), "sent again")
	require.Equal(t, map[ledger.Kind]int{ledger.KindReopened: 1}, w.kinds(size), "it is the same arrival")

	out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	visit := objects(out["accessHistory"])[1]
	require.Equal(t, []any{"Sister Willa Winterbourne", pas.System}, []any{visit["name"], visit["system"]})

	nameless := strings.NewReplacer("U55^Winterbourne^Willa^^^Sister", "", "C9^Attend^Anna", "").Replace(adt("MSG3", nhs(1)))
	size = w.size()
	require.Equal(t, []string{"AE", "MSG3", "responsible-person-missing"}, p.tell(nameless))
	require.Equal(t, 1, w.kinds(size)[ledger.KindAccessDenied], "and that is recorded")
	require.Equal(t, []string{"AE", "MSG4", "nhs-number-check-digit"}, p.tell(adt("MSG4", "9990000019")))
	require.Equal(t, []string{"AE", "MSG5", "register-unavailable"}, p.tell(adt("MSG5", "")))
	w.server.cfg.Register = w.register(nhs(1) + ",Featherstonehaugh,Annunziata,2015-05-04,,,")
	require.Equal(t, []string{"AA", "MSG6", "found"}, p.tell(adt("MSG6", "")))
	require.Equal(t, []string{"AA", "MSG7", "not-traced"}, p.tell(strings.Replace(adt("MSG7", ""), "Annunziata", "Beatrix", 1)))
	require.Equal(t, []string{"AR", "MSG8", "hl7-event"}, p.tell(strings.Replace(adt("MSG8", nhs(1)), "ADT^A04", "ADT^A08", 1)))
	w.hooked(func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) {
		return consensus.Outcome{}, consensus.ErrUnknown
	}, func() {
		require.Equal(t, []string{"AE", "MSG9", "outcome-unknown"}, p.tell(adt("MSG9", nhs(1))))
	})
	// What is in no frame is answered once, and the connection is given up.
	m := p.raw([]byte("GET / HTTP/1.1\r\n"))
	require.Equal(t, []string{"AE", "", "hl7-frame"}, []string{m.Value("MSA", 1, 0, 1), m.Value("MSA", 2, 0, 1), m.Value("ERR", 5, 0, 1)})
	_, err := p.r.ReadByte()
	require.Error(t, err)
	p = w.dial(l.Addr().String())
	m = p.raw(append([]byte{0x0b}, make([]byte, hl7.MaxMessage+1)...))
	require.Equal(t, "body-too-large", m.Value("ERR", 5, 0, 1))

	counted := w.call(siteOfficer, "GET", "/v1/arrivals", nil).json()
	require.Equal(t, []any{5.0, 3.0, 2.0}, []any{counted["arrivals"], counted["lookedUp"], counted["notLookedUp"]})
	require.Contains(t, w.metrics(), `custos_arrivals_total{result="unavailable"} 2`)
}

// A configured person answers where a message names nobody.
func TestAnAdmissionOfNobodysHasSomebody(t *testing.T) {
	w := newWorld(t)
	l := loopbackListener(t)
	from := pas
	from.Responsible = "Dr Fernleigh"
	w.mllp(l, from)
	nameless := strings.NewReplacer("U55^Winterbourne^Willa^^^Sister", "", "C9^Attend^Anna", "").Replace(adt("MSG1", nhs(1)))
	require.Equal(t, []string{"AA", "MSG1", "not-found"}, w.dial(l.Addr().String()).tell(nameless))
}

// With TLS a sender is known by its certificate, and nobody else is answered.
func TestSendersAreKnownByTheirCertificates(t *testing.T) {
	w := newWorld(t)
	ca, err := meshtest.NewAuthority(t.TempDir())
	require.NoError(t, err)
	secured, err := ca.Server()
	require.NoError(t, err)
	pair := func(name string) tls.Certificate {
		certificate, key, err := ca.Client(name)
		require.NoError(t, err)
		p, err := tls.LoadX509KeyPair(certificate, key)
		require.NoError(t, err)
		return p
	}
	roots := x509.NewCertPool()
	authority, err := os.ReadFile(ca.File())
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(authority))
	known, stranger := pair("pas"), pair("stranger")
	from := pas
	from.Certificate = sha256.Sum256(known.Certificate[0])
	l := loopbackListener(t)
	w.mllp(tls.NewListener(l, secured), from)
	open := func(certificates ...tls.Certificate) *pasLine {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: certificates, MinVersion: tls.VersionTLS12})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return &pasLine{w, c, bufio.NewReader(c)}
	}
	require.Equal(t, []string{"AA", "MSG1", "not-found"}, open(known).tell(adt("MSG1", nhs(1))))
	size := w.size()
	for name, p := range map[string]*pasLine{"a stranger": open(stranger), "nobody": open(), "without TLS": w.dial(l.Addr().String())} {
		_, _ = p.c.Write(hl7.Frame([]byte(adt("MSG2", nhs(1)))))
		_, err := hl7.ReadFrame(p.r)
		require.Error(t, err, name)
	}
	require.Equal(t, size, w.size())
}
