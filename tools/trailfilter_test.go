package tools

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func TestOutOfHours(t *testing.T) {
	for at, want := range map[string]bool{
		"2026-03-03T07:59:59Z": true, // a Tuesday in winter: London is UTC
		"2026-03-03T08:00:00Z": false,
		"2026-03-03T17:59:59Z": false,
		"2026-03-03T18:00:00Z": true,
		"2026-07-07T06:59:59Z": true, // in summer London is an hour ahead
		"2026-07-07T07:00:00Z": false,
		"2026-07-07T16:59:59Z": false,
		"2026-07-07T17:00:00Z": true,
		"2026-03-02T12:00:00Z": false, // Monday
		"2026-03-06T12:00:00Z": false, // Friday
		"2026-03-07T12:00:00Z": true,  // Saturday
		"2026-03-29T12:00:00Z": true,  // Sunday, when the clocks change
		"2026-03-30T07:00:00Z": false, // the Monday after
	} {
		moment, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		require.Equal(t, want, outOfHours(ledger.Of(moment)), at)
	}
}
