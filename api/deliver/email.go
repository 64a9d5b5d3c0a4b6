package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
)

// Relay is the SMTP server that takes e-mail from us. Without STARTTLS nothing is
// sent: neither a password nor a letter.
type Relay struct {
	Host     string
	Port     int
	User     string // empty: without
	Password string
	From     string
	Hello    string         // how we name ourselves to it; empty: as this machine is called
	Roots    *x509.CertPool // who is trusted; nil: whom this machine trusts
	Guard    *Guard
	Page     string // where notifications are opened
}

// Email carries letters to one address, by a relay.
type Email struct {
	relay Relay
	to    string
}

// NewEmail makes a carrier.
func NewEmail(r Relay, to string) (*Email, error) {
	e := &Email{r, to}
	if _, err := e.client(r.Guard.dialer().DialContext); err != nil {
		return nil, errors.New("the relay of e-mail is not as required: a host, a port, and a password for a user")
	}
	if _, err := e.message(&Letter{ID: "letter-0", Authority: "000"}); err != nil {
		return nil, errors.New("an address of e-mail is none")
	}
	return e, nil
}

// client makes a client that connects by dial.
func (e *Email) client(dial mail.DialContextFunc) (*mail.Client, error) {
	r := &e.relay
	options := []mail.Option{
		mail.WithPort(r.Port), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithoutNoop(),
		mail.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.Host, RootCAs: r.Roots}),
		mail.WithDialContextFunc(dial),
	}
	if r.Hello != "" {
		options = append(options, mail.WithHELO(r.Hello))
	}
	if r.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(r.User), mail.WithPassword(r.Password))
	}
	return mail.NewClient(r.Host, options...)
}

// message writes a letter as e-mail: how many notifications wait, and their
// numbers. Its id is the letter's.
func (e *Email) message(l *Letter) (*mail.Msg, error) {
	m := mail.NewMsg()
	if err := m.From(e.relay.From); err != nil {
		return nil, err
	}
	if err := m.To(e.to); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(m.GetFromString()[0], "@")
	m.SetMessageIDWithValue(l.ID + "@" + strings.Trim(domain, "<> "))
	m.SetDateWithValue(l.At.Std())
	m.SetBulk()
	subject, body := words(l, e.relay.Page)
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, body)
	return m, nil
}

// words tell of a letter to people.
func words(l *Letter, page string) (subject, body string) {
	if l.Trial {
		return "Custos: a trial", "This is a trial of how " + l.Authority + " is told of notifications. Nothing waits because of it.\n"
	}
	var numbers []string
	for _, n := range l.Of {
		numbers = append(numbers, strconv.FormatUint(uint64(n.ID), 10))
	}
	subject = fmt.Sprintf("Custos: %d notifications are waiting", len(l.Of))
	if len(l.Of) == 1 {
		subject = "Custos: a notification is waiting"
	}
	body = subject + ", for " + l.Authority + ".\n\nNumbers: " + strings.Join(numbers, ", ") + ".\n\nOpen them in Custos"
	if page != "" {
		body += ": " + page
	}
	return subject, body + "\n\nThis message names nobody, and nobody reads an answer to it.\n"
}

// Carry implements [Carrier]. What the relay has taken is accepted.
func (e *Email) Carry(ctx context.Context, l *Letter) error {
	var relay net.Conn // ours to close: the library leaves it open where it fails
	defer func() {
		if relay != nil {
			_ = relay.Close() // what was to be said was said
		}
	}()
	client, err := e.client(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := e.relay.Guard.dialer().DialContext(ctx, network, address)
		relay = c
		return c, err
	})
	if err != nil {
		return err
	}
	m, err := e.message(l)
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return unsent(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = relay.Close() }) // whoever waits for it waits no longer
	defer stop()
	err = client.Send(m)
	var why *mail.SendError
	switch {
	case err == nil || m.IsDelivered():
		return nil
	case !errors.As(err, &why):
		return &Undelivered{letterCut}
	case why.ErrorCode() >= 400:
		return &Undelivered{fmt.Sprintf("smtp-%03d", why.ErrorCode())}
	case why.Reason == mail.ErrSMTPDataClose, why.Reason == mail.ErrWriteContent:
		return &Undelivered{letterCut} // it may have been taken
	}
	return &Undelivered{letterUnreachable}
}

// unsent says why the relay was not even spoken to.
func unsent(err error) *Undelivered {
	var why *Undelivered
	var dns *net.DNSError
	switch why = unanswered(err, false); {
	case why.Code != letterUnreachable, errors.As(err, &dns):
		return why
	case strings.Contains(err.Error(), "STARTTLS"):
		return &Undelivered{letterUntrusted}
	}
	return why
}
