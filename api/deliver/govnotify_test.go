package deliver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	notifyService  = "6f1c0c4e-8f5b-4f0e-9c57-3d2f1f5c9a01"
	notifySecret   = "0b6f6a7e-25a1-4d55-8a4e-6c1f2e3d4b5a"
	notifyTemplate = "f33517ff-2a88-4f6e-b855-c550268ce08a"
)

// GOV.UK Notify is asked as it wants: a token of its own, a reference that is the
// letter's id, and nothing of a person. A letter that it may have is asked for
// before it is sent again.
func TestALetterByNotify(t *testing.T) {
	answer, had := http.StatusCreated, []string{}
	var sent []map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := jwt.MapClaims{}
		_, err := jwt.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), claims,
			func(*jwt.Token) (any, error) { return []byte(notifySecret), nil }, jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(notifyService))
		iat, _ := claims.GetIssuedAt()
		if err != nil || iat == nil || time.Since(iat.Time).Abs() > 30*time.Second {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.Method == http.MethodGet && r.URL.Path == "/v2/notifications" {
			out := []map[string]string{}
			for _, h := range had {
				if h == r.URL.Query().Get("reference") {
					out = append(out, map[string]string{"reference": h})
				}
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"notifications": out})
			return
		}
		var body map[string]any
		if r.URL.Path != "/v2/notifications/email" || json.NewDecoder(r.Body).Decode(&body) != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		sent = append(sent, body)
		w.WriteHeader(answer)
	}))
	defer s.Close()
	g := GOVUKNotify{URL: s.URL, Key: "custos-" + notifyService + "-" + notifySecret, Template: notifyTemplate, Guard: thisMachine}
	n, err := NewNotifyEmail(g, "duty@la.test")
	require.NoError(t, err)
	require.NoError(t, n.Carry(t.Context(), threeWait))
	require.Equal(t, map[string]any{"email_address": "duty@la.test", "template_id": notifyTemplate, "reference": threeWait.ID,
		"personalisation": map[string]any{"count": "3", "authority": authority1, "numbers": "3, 4, 5"}}, sent[0])
	again := *threeWait
	again.Again = true
	require.NoError(t, n.Carry(t.Context(), &again))
	require.Len(t, sent, 2, "it does not have it")
	had = append(had, threeWait.ID)
	require.NoError(t, n.Carry(t.Context(), &again))
	require.Len(t, sent, 2, "it has it")
	answer = http.StatusTooManyRequests
	var why *Undelivered
	require.ErrorAs(t, n.Carry(t.Context(), threeWait), &why)
	require.Equal(t, "http-429", why.Code)
	g.Key = "custos-" + notifyService + "-" + notifyService
	other, err := NewNotifyEmail(g, "duty@la.test")
	require.NoError(t, err)
	require.ErrorAs(t, other.Carry(t.Context(), &again), &why)
	require.Equal(t, "http-403", why.Code, "what cannot be asked for is not sent")

	for name, change := range map[string]func(*GOVUKNotify){
		"no url": func(g *GOVUKNotify) { g.URL = "" }, "a short key": func(g *GOVUKNotify) { g.Key = notifySecret },
		"another key": func(g *GOVUKNotify) { g.Key = strings.Repeat("x", 80) }, "no template": func(g *GOVUKNotify) { g.Template = "x" },
	} {
		bad := g
		change(&bad)
		_, err := NewNotifyEmail(bad, "duty@la.test")
		require.Error(t, err, name)
	}
	_, err = NewNotifyEmail(g, "")
	require.Error(t, err)
}
