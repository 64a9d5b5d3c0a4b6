package deliver

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuardedAddresses(t *testing.T) {
	g := &Guard{}
	for _, a := range strings.Fields(`0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255
		192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255
		:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:100.64.0.1 64:ff9b::7f00:1 64:ff9b:1::a00:1 100::1 2001::1 2001:db8::1
		2002:7f00:1:: 2002:a00:1:: fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1`) {
		require.False(t, g.allows(netip.MustParseAddr(a)), a)
	}
	for _, a := range strings.Fields(`1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.167.255.255 ::ffff:8.8.8.8 2606:4700::1111 2a00:1450::1`) {
		require.True(t, g.allows(netip.MustParseAddr(a)), a)
	}
	g = &Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}}
	require.True(t, g.allows(netip.MustParseAddr("10.20.3.4")))
	require.True(t, g.allows(netip.MustParseAddr("::ffff:10.20.3.4")))
	require.False(t, g.allows(netip.MustParseAddr("10.21.3.4")))
	for _, bad := range []string{"", "1.1.1.1", "somewhere:443"} {
		require.ErrorIs(t, g.control("tcp", bad, nil), errBlocked)
	}
}

// What a name leads to is asked, not the name; and nobody is led elsewhere by a
// redirect, or by a proxy of the environment.
func TestNoWayAroundTheGuard(t *testing.T) {
	var visits atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer inside.Close()
	t.Setenv("HTTP_PROXY", inside.URL)
	t.Setenv("HTTPS_PROXY", inside.URL)
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	for _, to := range []string{inside.URL, "https://localhost:" + port, "https://127.0.0.1:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://0.0.0.0:" + port} {
		h, err := NewWebhook(to, hookSecrets, nil, &Guard{}, nil)
		require.NoError(t, err)
		var why *Undelivered
		require.ErrorAs(t, h.Carry(t.Context(), &Letter{ID: "l"}), &why, to)
		require.Equal(t, "address-not-allowed", why.Code, to)
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		led := httptest.NewServer(http.RedirectHandler(inside.URL, code))
		h, err := NewWebhook(led.URL, hookSecrets, nil, thisMachine, nil)
		require.NoError(t, err)
		var why *Undelivered
		require.ErrorAs(t, h.Carry(t.Context(), &Letter{ID: "l"}), &why)
		require.Equal(t, "redirected", why.Code)
		led.Close()
	}
	require.Zero(t, visits.Load())
}

// Why a letter did not arrive is one word of ours.
func TestWhatAReceiverMayDo(t *testing.T) {
	w := newWorld(t, 1)
	h := w.hook()
	carry := func(c Carrier) string {
		err := c.Carry(t.Context(), &Letter{ID: "l", Authority: authority1})
		var why *Undelivered
		if !errors.As(err, &why) {
			require.NoError(t, err)
			return ""
		}
		return why.Code
	}
	c := h.address(authority1).Carrier
	require.Equal(t, "", carry(c))
	for code, want := range map[int]string{201: "", 204: "", 400: "http-400", 401: "http-401", 410: "http-410", 429: "http-429", 500: "http-500", 503: "http-503"} {
		h.answers(status(code))
		require.Equal(t, want, carry(c), code)
	}
	h.answers(func(rw http.ResponseWriter, _ *http.Request, _ taken) {
		rw.WriteHeader(http.StatusOK)
		for range 1 << 10 { // more than anybody reads
			if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	require.Equal(t, "", carry(c))
	untrusted, err := NewWebhook(h.server.URL, hookSecrets, nil, thisMachine, nil)
	require.NoError(t, err)
	require.Equal(t, "untrusted", carry(untrusted))
	h.server.Close()
	require.Equal(t, "unreachable", carry(c))
}
