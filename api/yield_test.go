package api

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// What yields gives its caller its error, and its panic with where that was.
func TestWhatYieldsEndsAsItWould(t *testing.T) {
	fault := errors.New("a fault")
	require.Equal(t, fault, yielding(func() error { return fault }))
	defer func() {
		p, ok := recover().(*workPanic)
		require.True(t, ok)
		require.Equal(t, "fallen", p.value)
		require.Contains(t, p.stack, "TestWhatYieldsEndsAsItWould")
		require.NotContains(t, p.stack, "fallen")
	}()
	_ = yielding(func() error { panic("fallen") })
}
