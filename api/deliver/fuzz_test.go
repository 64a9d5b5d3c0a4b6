package deliver

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// FuzzLocalID: of the names that MESH knows messages by, only those are read that
// we gave, of our own log.
func FuzzLocalID(f *testing.F) {
	f.Add(localID(logID, ledger.NotifyAccess, 7))
	f.Add(localID(logID, ledger.NotifyInactive, 1<<40))
	f.Add(localID(ledger.ID{9}, ledger.NotifyAccess, 7))
	f.Add("custos-05-07-")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := attemptOf(logID, s)
		if ok {
			require.Contains(t, []string{localID(logID, ledger.NotifyAccess, n), localID(logID, ledger.NotifyInactive, n)}, s)
		}
	})
}

// FuzzWebhook: a letter goes where its address says by https, or to this machine;
// a secret is as long as the standard asks. No refusal repeats either.
func FuzzWebhook(f *testing.F) {
	f.Add("https://authority.example/letters?a=b", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 24)))
	f.Add("http://127.0.0.1:8080", "whsec_AAAA")
	f.Add("http://authority.example", "")
	f.Add("https://a:b@authority.example#x", "x")
	f.Fuzz(func(t *testing.T, to, secret string) {
		if u, err := address(to); err == nil {
			require.NotEmpty(t, u.Hostname())
			require.Nil(t, u.User)
			require.True(t, u.Scheme == "https" || u.Scheme == "http" && (strings.HasPrefix(u.Hostname(), "127.") || strings.Contains(u.Hostname(), ":")))
		}
		if w, err := NewWebhook("https://authority.example", []string{secret}, nil, &Guard{}, nil); err == nil {
			require.Len(t, w.signers, 1)
			require.GreaterOrEqual(t, len(secret), len("whsec_")+leastSecret)
		} else if len(secret) > 8 {
			require.NotContains(t, err.Error(), secret)
		}
	})
}
