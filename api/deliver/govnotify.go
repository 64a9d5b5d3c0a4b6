package deliver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
	guuid "github.com/google/uuid"
)

// GOVUKNotify is a service of GOV.UK Notify that sends e-mail for us.
type GOVUKNotify struct {
	URL      string // https://api.notifications.service.gov.uk
	Key      string // as Notify gives it: a name, the service's id and the secret
	Template string // of the e-mail: it may use ((count)), ((authority)) and ((numbers))
	Guard    *Guard
	Now      func() time.Time
}

// NotifyEmail carries letters to one address, by GOV.UK Notify.
type NotifyEmail struct {
	url             string
	service, secret string
	template, to    string
	client          *http.Client
	now             func() time.Time
}

// NewNotifyEmail makes a carrier.
func NewNotifyEmail(g GOVUKNotify, to string) (*NotifyEmail, error) {
	u, err := address(g.URL)
	if err != nil {
		return nil, err
	}
	const id = 36
	if len(g.Key) < 2*id+1 || to == "" || guuid.Validate(g.Template) != nil {
		return nil, errors.New("GOV.UK Notify needs a key, a template's id and an address")
	}
	n := &NotifyEmail{url: u.String(), service: g.Key[len(g.Key)-2*id-1 : len(g.Key)-id-1], secret: g.Key[len(g.Key)-id:],
		template: g.Template, to: to, client: g.Guard.client(nil), now: g.Now}
	if n.now == nil {
		n.now = time.Now
	}
	if guuid.Validate(n.service) != nil || guuid.Validate(n.secret) != nil {
		return nil, errors.New("the key of GOV.UK Notify does not end with two ids")
	}
	return n, nil
}

// Carry implements [Carrier]. What Notify has taken is accepted. A letter that it
// may have is asked for first, by its id.
func (n *NotifyEmail) Carry(ctx context.Context, l *Letter) error {
	if l.Again {
		if had, err := n.has(ctx, l.ID); err != nil || had {
			return err
		}
	}
	var numbers string
	for i, r := range l.Of {
		if i > 0 {
			numbers += ", "
		}
		numbers += strconv.FormatUint(uint64(r.ID), 10)
	}
	body, err := json.Marshal(map[string]any{"email_address": n.to, "template_id": n.template, "reference": l.ID,
		"personalisation": map[string]string{"count": strconv.Itoa(len(l.Of)), "authority": l.Authority, "numbers": numbers}})
	if err != nil {
		return err
	}
	r, err := n.request(ctx, http.MethodPost, "/v2/notifications/email", body)
	if err != nil {
		return err
	}
	res, err := do(n.client, r)
	if err != nil {
		return err
	}
	return accepted(res)
}

// has asks whether Notify took a letter. Where it cannot be asked, nothing is sent.
func (n *NotifyEmail) has(ctx context.Context, id string) (bool, error) {
	r, err := n.request(ctx, http.MethodGet, "/v2/notifications?template_type=email&reference="+url.QueryEscape(id), nil)
	if err != nil {
		return false, err
	}
	res, err := do(n.client, r)
	if err != nil {
		return false, err
	}
	var list struct {
		Notifications []struct {
			Reference string `json:"reference"`
		} `json:"notifications"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&list)
	if why := accepted(res); why != nil {
		return false, why
	}
	if err != nil {
		return false, &Undelivered{letterCut}
	}
	return len(list.Notifications) > 0 && list.Notifications[0].Reference == id, nil
}

// request is one that is signed: a token of Notify's is good for 30 seconds.
func (n *NotifyEmail) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, n.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": n.service, "iat": n.now().Unix()}).SignedString([]byte(n.secret))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "custos")
	return r, nil
}
