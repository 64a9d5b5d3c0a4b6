package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUnknownRulesStopTheNode: a program that does not know a rules version
// must not refuse it, for one that does would record it, and the two would part.
func TestUnknownRulesStopTheNode(t *testing.T) {
	v := newFakeView()
	v.log.Rules = CurrentRules
	c := Command{ID: ID{1}, Seed: ID{2}, Actor: SystemActor("n1"), Request: &RaiseRules{To: 99}}
	_, err := Decide(v, Head{Size: 1}, &c)
	require.ErrorIs(t, err, ErrUnknownKind)
}
