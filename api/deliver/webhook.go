package deliver

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"custos/ledger"
)

// The types of the events that webhooks carry.
const (
	eventNotifications = "custos.notifications.v1"
	eventTrial         = "custos.trial.v1"
)

// cloudEvent is CloudEvents 1.0 in its JSON form. A letter's is the same bytes
// each time.
type cloudEvent struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject"`
	Time        string    `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        eventData `json:"data"`
}

type eventData struct {
	Authority     string      `json:"authority"`
	Notifications []reference `json:"notifications"`
}

type reference struct {
	ID       ledger.Seq `json:"id"`
	Type     string     `json:"type"`
	QueuedAt string     `json:"queuedAt"`
}

// event writes a letter as CloudEvents has it.
func event(l *Letter) ([]byte, error) {
	e := cloudEvent{SpecVersion: "1.0", ID: l.ID, Source: l.Source, Type: eventNotifications, Subject: l.Authority, Time: l.At.String(),
		ContentType: "application/json", Data: eventData{Authority: l.Authority, Notifications: []reference{}}}
	if l.Trial {
		e.Type = eventTrial
	}
	for _, n := range l.Of {
		e.Data.Notifications = append(e.Data.Notifications, reference{n.ID, n.Type.String(), n.QueuedAt.String()})
	}
	return json.Marshal(e)
}

// Webhook carries letters to an address of an authority's own system, signed as
// Standard Webhooks has it.
type Webhook struct {
	url     string
	signers []*standardwebhooks.Webhook
	client  *http.Client
	now     func() time.Time
}

// leastSecret is the least length of a signing secret, as Standard Webhooks has it.
const leastSecret = 24

// NewWebhook makes a carrier. A letter is signed with each of the secrets
// (whsec_ and base64), so that one can be replaced. roots are who is trusted
// beside nobody else; nil: whom this machine trusts.
func NewWebhook(to string, secrets []string, roots *x509.CertPool, g *Guard, now func() time.Time) (*Webhook, error) {
	u, err := address(to)
	if err != nil {
		return nil, err
	}
	w := &Webhook{url: u.String(), client: g.client(roots), now: now}
	if w.now == nil {
		w.now = time.Now
	}
	for _, s := range secrets {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || !strings.HasPrefix(s, "whsec_") || len(raw) < leastSecret {
			return nil, errors.New("a secret of a webhook is not whsec_ and at least 24 bytes in base64")
		}
		signer, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return nil, err
		}
		w.signers = append(w.signers, signer)
	}
	if len(w.signers) == 0 {
		return nil, errors.New("a webhook has no secret")
	}
	return w, nil
}

// Carry implements [Carrier]. Whatever is 2xx is an acceptance.
func (w *Webhook) Carry(ctx context.Context, l *Letter) error {
	body, err := event(l)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := w.now()
	var signatures []string
	for _, s := range w.signers {
		signature, err := s.Sign(l.ID, at, body)
		if err != nil {
			return err
		}
		signatures = append(signatures, signature)
	}
	r.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	r.Header.Set("User-Agent", "custos")
	r.Header.Set(standardwebhooks.HeaderWebhookID, l.ID)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	res, err := do(w.client, r)
	if err != nil {
		return err
	}
	return accepted(res)
}

// accepted reads the little of an answer that lets its connection be used again,
// and says whether it accepts.
func accepted(res *http.Response) error {
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 16<<10)) // its status has come, and says all
	_ = res.Body.Close()
	switch res.StatusCode / 100 {
	case 2:
		return nil
	case 3:
		return &Undelivered{letterRedirected}
	}
	return &Undelivered{fmt.Sprintf("http-%03d", res.StatusCode)}
}
