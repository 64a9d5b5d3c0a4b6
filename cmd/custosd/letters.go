package main

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"custos/api/deliver"
	"custos/api/mesh"
	"custos/consensus"
	"custos/ledger"
)

// Letters says how authorities' own systems are told that notifications wait:
// references, by the ways that each offers (docs/DELIVERY.md). Without it, and for
// an authority that it does not name, nothing is sent.
type Letters struct {
	// Allow has the networks, beside those of the internet, that letters may go to.
	Allow    []string            `json:"allow,omitempty"`
	Webhooks map[string]*Webhook `json:"webhooks,omitempty"` // by the authority's ODS code, as are the others
	Email    *Email              `json:"email,omitempty"`
	Notify   *Notify             `json:"notify,omitempty"`
	GiveUp   mesh.Duration       `json:"giveUp,omitzero"` // how long a letter is tried; 72h
	Alarm    mesh.Duration       `json:"alarm,omitzero"`  // how long one may wait before the log says so; 15m
}

// Webhook is an address of an authority's own system.
type Webhook struct {
	URL           string `json:"url"`                     // https
	SecretFile    string `json:"secretFile"`              // whsec_..., one a line: each signs
	AuthorityFile string `json:"authorityFile,omitempty"` // PEM: whose certificates are trusted; none: whom this machine trusts
}

// Email is the relay that takes e-mail from us.
type Email struct {
	Host          string            `json:"host"`
	Port          int               `json:"port"`
	User          string            `json:"user,omitempty"`
	PasswordFile  string            `json:"passwordFile,omitempty"`
	AuthorityFile string            `json:"authorityFile,omitempty"`
	From          string            `json:"from"`
	To            map[string]string `json:"to"`
}

// Notify is a service of GOV.UK Notify.
type Notify struct {
	URL      string            `json:"url,omitempty"` // https://api.notifications.service.gov.uk
	KeyFile  string            `json:"keyFile"`
	Template string            `json:"template"`
	To       map[string]string `json:"to"`
}

// paths are the paths that the file may give relative to itself.
func (l *Letters) paths() []*string {
	if l == nil {
		return nil
	}
	var out []*string
	for _, h := range l.Webhooks {
		if h != nil {
			out = append(out, &h.SecretFile, &h.AuthorityFile)
		}
	}
	if l.Email != nil {
		out = append(out, &l.Email.PasswordFile, &l.Email.AuthorityFile)
	}
	if l.Notify != nil {
		out = append(out, &l.Notify.KeyFile)
	}
	return out
}

// open makes the sender of letters; nil: none are configured.
func (l *Letters) open(c *Config, n *consensus.Node, clock func() time.Time, log *slog.Logger) (*deliver.Letters, error) {
	if l == nil {
		return nil, nil
	}
	g := &deliver.Guard{}
	for _, text := range l.Allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, misuse("letters: allow has networks like 10.20.0.0/16")
		}
		g.Allowed = append(g.Allowed, p)
	}
	all, err := l.addresses(g, c.PublicURL)
	if err != nil {
		return nil, misuse("letters: %w", err)
	}
	out, err := deliver.NewLetters(deliver.LettersConfig{Node: n, NodeID: c.Node, Addresses: all, GiveUp: time.Duration(l.GiveUp), Alarm: time.Duration(l.Alarm),
		Logger: log, Now: clock})
	if err != nil {
		return nil, misuse("letters: %w", err)
	}
	return out, nil
}

// addresses are signed with the machine's own time: a receiver compares it with its own.
func (l *Letters) addresses(g *deliver.Guard, page string) ([]deliver.Address, error) {
	var out []deliver.Address
	for _, authority := range slices.Sorted(maps.Keys(l.Webhooks)) {
		h := l.Webhooks[authority]
		if h == nil {
			return nil, errors.New("a webhook is empty")
		}
		secrets, err := readSecret(h.SecretFile)
		if err != nil {
			return nil, err
		}
		roots, err := authorities(h.AuthorityFile)
		if err != nil {
			return nil, err
		}
		carrier, err := deliver.NewWebhook(h.URL, strings.Fields(string(secrets)), roots, g, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, deliver.Address{Authority: authority, Way: ledger.ByWebhook, Carrier: carrier})
	}
	if l.Email != nil {
		r := deliver.Relay{Host: l.Email.Host, Port: l.Email.Port, User: l.Email.User, From: l.Email.From, Guard: g, Page: page}
		var err error
		if r.Roots, err = authorities(l.Email.AuthorityFile); err != nil {
			return nil, err
		}
		if l.Email.PasswordFile != "" {
			b, err := readSecret(l.Email.PasswordFile)
			if err != nil {
				return nil, err
			}
			r.Password = strings.TrimSpace(string(b))
		}
		for _, authority := range slices.Sorted(maps.Keys(l.Email.To)) {
			carrier, err := deliver.NewEmail(r, l.Email.To[authority])
			if err != nil {
				return nil, err
			}
			out = append(out, deliver.Address{Authority: authority, Way: ledger.ByEmail, Carrier: carrier})
		}
	}
	if l.Notify != nil {
		key, err := readSecret(l.Notify.KeyFile)
		if err != nil {
			return nil, err
		}
		n := deliver.GOVUKNotify{URL: l.Notify.URL, Key: strings.TrimSpace(string(key)), Template: l.Notify.Template, Guard: g}
		if n.URL == "" {
			n.URL = "https://api.notifications.service.gov.uk"
		}
		for _, authority := range slices.Sorted(maps.Keys(l.Notify.To)) {
			carrier, err := deliver.NewNotifyEmail(n, l.Notify.To[authority])
			if err != nil {
				return nil, err
			}
			out = append(out, deliver.Address{Authority: authority, Way: ledger.ByNotify, Carrier: carrier})
		}
	}
	return out, nil
}

// authorities reads whose certificates are trusted; nil: whom this machine trusts.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, errors.New("an authorityFile has no certificate")
	}
	return roots, nil
}

// tryLetter sends a trial and says in one word why it is not known to have arrived.
func (n *node) tryLetter(ctx context.Context, authority string, way ledger.Way, entry ledger.Seq) string {
	err := n.letters.Try(ctx, authority, way, entry)
	var why *deliver.Undelivered
	switch {
	case err == nil:
		return ""
	case errors.Is(err, deliver.ErrNoAddress):
		return "no-address"
	case errors.As(err, &why):
		return why.Code
	}
	return "not-made"
}

// startLetters begins to send letters whenever this node leads, until ctx ends.
func (n *node) startLetters(ctx context.Context) error {
	if n.letters == nil {
		return nil
	}
	if err := n.edge.Register(n.letters.Collectors()...); err != nil {
		return err
	}
	n.running.Go(func() { n.letters.Run(ctx) })
	return nil
}
