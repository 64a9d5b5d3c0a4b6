package ledger

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzNames: an id, a reference and a word of ours have one spelling each, but for
// the case of digits: what is read is written the same.
func FuzzNames(f *testing.F) {
	for _, s := range []string{ID{1}.String(), PersonRef{2}.String(), strings.Repeat("A", 64), "CPP", "webhook", "clinician", "leave", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil {
			require.Equal(t, strings.ToLower(s), id.String())
		}
		if p, err := ParsePersonRef(s); err == nil {
			require.Equal(t, strings.ToLower(s), p.String())
		}
		if r, ok := ParseRole(s); ok {
			require.Equal(t, s, r.String())
		}
		if w, ok := ParseWay(s); ok {
			require.Equal(t, s, w.String())
		}
		if p, ok := ParsePlanType(s); ok {
			require.NotContains(t, []string{"", s}, p.String(), "files have another word for it")
		}
		if c, ok := ParseEnrolmentChange(s); ok && s != "" {
			require.Less(t, c, EnrolmentChange(4))
		}
		if d, err := ParseBirth(s); err == nil {
			require.Equal(t, s, d.String())
		}
	})
}
