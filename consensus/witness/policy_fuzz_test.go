package witness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParsePolicy: a policy that is accepted names each witness's key once, and
// where it is asked by an address that can be asked; nothing meets it with nothing.
func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("log log.test/one+00000000+AQ==\nwitness a a+00000000+BA== https://a.test\ngroup g 1 a\nquorum g\n"))
	f.Add([]byte("quorum none\n"))
	f.Add([]byte("\r\nquorum none\r\n")) // as written on Windows
	f.Add([]byte("group g 2 a a\n# nothing\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePolicy(b)
		if err != nil {
			require.ErrorIs(t, err, ErrPolicy)
			return
		}
		seen := map[uint32]bool{}
		for _, w := range p.Witnesses {
			require.False(t, seen[w.Verifier.KeyHash()])
			seen[w.Verifier.KeyHash()] = true
		}
		require.Error(t, p.Met(nil, "log.test/one"))
	})
}
