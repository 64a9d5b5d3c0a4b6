package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/mesh"
	"custos/ledger"
	"custos/tools"
)

// letterNode writes the configuration of one node that sends letters.
func letterNode(t *testing.T, hook *httptest.Server, change func(letters map[string]any)) string {
	t.Helper()
	path := meshNode(t, startMESH(t), nil)
	dir := filepath.Dir(path)
	for name, text := range map[string]string{"hook": "whsec_" + strings.Repeat("QUJD", 12) + "\nwhsec_" + strings.Repeat("REVG", 12) + "\n",
		"notify": "custos-6f1c0c4e-8f5b-4f0e-9c57-3d2f1f5c9a01-0b6f6a7e-25a1-4d55-8a4e-6c1f2e3d4b5a\n", "smtp": "hunter22\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", name), []byte(text), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hook.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}), 0o600))
	letters := map[string]any{
		"allow":    []string{"127.0.0.0/8"},
		"webhooks": map[string]any{"E09000001": map[string]any{"url": hook.URL, "secretFile": "secrets/hook", "authorityFile": "hook.pem"}},
		"email":    map[string]any{"host": "127.0.0.1", "port": 1, "user": "custos", "passwordFile": "secrets/smtp", "from": "custos@relay.test", "to": map[string]string{"E09000001": "duty@la.test"}},
		"notify":   map[string]any{"url": hook.URL, "keyFile": "secrets/notify", "template": "f33517ff-2a88-4f6e-b855-c550268ce08a", "to": map[string]string{"E09000001": "duty@la.test"}},
		"giveUp":   "48h",
	}
	if change != nil {
		change(letters)
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(b, &all))
	delete(all, "mesh")
	all["letters"] = letters
	b, err = json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

// A configured node tells an authority's system of a lookup by itself, and of a
// trial when it is asked to.
func TestANodeSendsLetters(t *testing.T) {
	got := make(chan string, 10)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil && r.URL.Path == "/" && len(strings.Fields(r.Header.Get("webhook-signature"))) == 2 {
			got <- string(b)
		}
	}))
	defer hook.Close()
	// Each letter has a connection of its own: one kept open and cut would leave open whether anything came.
	hook.Config.SetKeepAlivesEnabled(false)
	cfg, err := readConfig(letterNode(t, hook, func(l map[string]any) { delete(l, "email"); delete(l, "notify") }))
	require.NoError(t, err)
	n := newNode(t, cfg, slog.New(slog.DiscardHandler))
	as := func(r ledger.Role, org string) ledger.Actor {
		return ledger.Actor{Issuer: "test", Subject: "x", Role: r, Organisation: org, Node: "n1"}
	}
	count := byte(0)
	propose := func(a ledger.Actor, q ledger.Request) {
		count++
		out, err := n.cluster.Propose(t.Context(), ledger.Command{ID: ledger.DeriveID("c", []byte{count}), Seed: ledger.DeriveID("s", []byte{count}), Actor: a, Request: q})
		require.NoError(t, err)
		require.Nil(t, out.Answer.Refusal)
	}
	for _, o := range []ledger.Organisation{{Code: "E09000001", Name: "Northbank Council", Sort: ledger.SortAuthority},
		{Code: "RXX01", Name: "Emergency", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled}} {
		propose(ledger.SystemActor("n1"), &ledger.RecordOrganisation{Organisation: o})
	}
	child, id, today := ledger.PersonRef{1}, ledger.DeriveID("upload"), ledger.Of(time.Now()).Day()
	propose(as(ledger.RoleUploader, "E09000001"), &ledger.OpenUpload{Upload: id, Sequence: 1, Format: 1})
	propose(as(ledger.RoleUploader, "E09000001"), &ledger.UploadChunk{Upload: id, Rows: []ledger.Row{{N: 1, Person: child, Type: ledger.ChildProtection, Start: today - 9, LastDay: today + 900}}})
	propose(as(ledger.RoleClinician, "RXX01"), &ledger.LookUp{Person: child})
	require.Contains(t, <-got, `"type":"custos.notifications.v1"`)
	require.Eventually(t, func() bool {
		list, err := n.cluster.View().Notifications("E09000001", ledger.NotificationIsDelivered, nil, 10)
		return err == nil && len(list) == 1
	}, 20*time.Second, time.Millisecond)
	require.Empty(t, n.tryLetter(t.Context(), "E09000001", ledger.ByWebhook, 7))
	require.Contains(t, <-got, `"type":"custos.trial.v1"`)
	require.Equal(t, "no-address", n.tryLetter(t.Context(), "E09000001", ledger.ByEmail, 7))
	hook.Close()
	require.Equal(t, "unreachable", n.tryLetter(t.Context(), "E09000001", ledger.ByWebhook, 7))
}

// All ways can be configured, and none with a secret that others can read or
// something that is not as it should be.
func TestLettersAreConfiguredStrictly(t *testing.T) {
	hook := httptest.NewTLSServer(http.NotFoundHandler())
	defer hook.Close()
	open := func(path string) (int, error) {
		cfg, err := readConfig(path)
		if err != nil {
			return 0, err
		}
		all, err := cfg.Letters.addresses(nil, cfg.PublicURL)
		return len(all), err
	}
	n, err := open(letterNode(t, hook, nil))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	part := func(l map[string]any, name string) map[string]any { return l[name].(map[string]any) }
	for name, change := range map[string]func(map[string]any){
		"unknown field":     func(l map[string]any) { l["fax"] = "x" },
		"no secret":         func(l map[string]any) { part(part(l, "webhooks"), "E09000001")["secretFile"] = "secrets/none" },
		"empty webhook":     func(l map[string]any) { part(l, "webhooks")["E09000001"] = nil },
		"not https":         func(l map[string]any) { part(part(l, "webhooks"), "E09000001")["url"] = "http://la.example/" },
		"bad authorityFile": func(l map[string]any) { part(part(l, "webhooks"), "E09000001")["authorityFile"] = "jwks.json" },
		"no port":           func(l map[string]any) { part(l, "email")["port"] = 0 },
		"not an address":    func(l map[string]any) { part(l, "email")["to"] = map[string]string{"E09000001": "duty"} },
		"no template":       func(l map[string]any) { part(l, "notify")["template"] = "" },
		"another key":       func(l map[string]any) { part(l, "notify")["keyFile"] = "secrets/smtp" },
	} {
		_, err := open(letterNode(t, hook, change))
		require.Error(t, err, name)
		for _, secret := range []string{"hunter22", "QUJDQUJD", "0b6f6a7e", "duty@"} {
			require.NotContains(t, err.Error(), secret, name)
		}
	}
	path := letterNode(t, hook, nil)
	require.NoError(t, os.Chmod(filepath.Join(filepath.Dir(path), "secrets", "hook"), 0o644))
	_, err = open(path)
	require.ErrorContains(t, err, "secret")
	cfg, err := readConfig(letterNode(t, hook, func(l map[string]any) { l["allow"] = []string{"localhost"} }))
	require.NoError(t, err)
	_, err = cfg.Letters.open(cfg, nil, nil, nil)
	require.ErrorContains(t, err, "allow")
}

// An operator sees by custos-tools what was given up, has it tried again, and
// tries a way. What waited before the way was configured is told as well.
func TestTheNotifyCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	var status atomic.Int64
	status.Store(500)
	var mu sync.Mutex
	told := map[string]bool{}
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		told[r.Header.Get("webhook-id")] = true
		w.WriteHeader(int(status.Load()))
	}))
	defer hook.Close()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_"+strings.Repeat("QUJD", 12)), 0o600))
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}), 0o600))
	o := newOffice(t, func(c *Config) {
		c.Letters = &Letters{Allow: []string{"127.0.0.0/8"}, GiveUp: mesh.Duration(time.Nanosecond),
			Webhooks: map[string]*Webhook{"D9X1A": {URL: hook.URL, SecretFile: secret, AuthorityFile: ca}}}
	})
	notify := func(want int, who string, args ...string) (string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		require.Equalf(t, want, tools.Main(append([]string{"notify"}, append(args, "--url", o.url, "--token-file", o.path(who))...), &out, &errs), "%s\n%s", &out, &errs)
		require.NotContains(t, out.String()+errs.String(), strings.TrimSpace(o.read("T_OPERATOR")))
		return out.String(), errs.String()
	}
	dead := regexp.MustCompile(`DEAD: letter (\d+) to ` + o.authority + ` by webhook, \d+ notifications, \d+ attempts since .*: http-500`)
	listed := ""
	require.Eventually(t, func() bool {
		listed, _ = notify(0, "T_OPERATOR", "list")
		return dead.MatchString(listed)
	}, 20*time.Second, 10*time.Millisecond)
	letter := dead.FindStringSubmatch(listed)[1]
	_, errs := notify(5, "T_OPERATOR", "test", "--authority", o.authority, "--way", "webhook")
	require.Contains(t, errs, "http-500")
	status.Store(204)
	out, _ := notify(0, "T_OPERATOR", "test", "--authority", o.authority, "--way", "webhook")
	require.Regexp(t, `^the trial was accepted; recorded as entry \d+\n$`, out)
	_, errs = notify(5, "T_OPERATOR", "test", "--authority", o.authority, "--way", "email")
	require.Contains(t, errs, "no-address")
	out, _ = notify(0, "T_OPERATOR", "redeliver", letter)
	require.Regexp(t, `^letter `+letter+` is tried again; recorded as entry \d+\n$`, out)
	require.Eventually(t, func() bool {
		listed, _ = notify(0, "T_OPERATOR", "list", "-o", "json")
		var l struct{ Dead []struct{ Letter int64 } }
		require.NoError(t, json.Unmarshal([]byte(listed), &l))
		for _, d := range l.Dead {
			if strconv.FormatInt(d.Letter, 10) == letter {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond)
	_, errs = notify(2, "T_OPERATOR", "redeliver", letter)
	require.Contains(t, errs, "409 not-in-this-state")
	_, errs = notify(2, "T_OPERATOR", "redeliver", "1")
	require.Contains(t, errs, "404 not-found")
	_, errs = notify(6, "T_SOCIAL_WORKER", "list")
	require.Contains(t, errs, "role-not-permitted")
	notify(2, "T_OPERATOR", "redeliver", "x")
	notify(2, "T_OPERATOR", "test")
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, strings.Join(slices.Collect(maps.Keys(told)), " "), "letter-"+letter+"-")
}
