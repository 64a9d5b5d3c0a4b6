package api

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Parts are done in order, one at a time, and one more is ready meanwhile. The
// first error is what is told, and nothing after it is done.
func TestPartsAreDoneInOrder(t *testing.T) {
	run := func(parts, fails int, last error) (done []int, ready int, err error) {
		err = inOrder(func(put func(func() error) error) error {
			for n := range parts {
				ready++
				if err := put(func() error {
					if n == fails {
						return errors.New("refused")
					}
					done = append(done, n)
					return nil
				}); err != nil {
					require.ErrorIs(t, err, errEnded)
					return err
				}
			}
			return last
		})
		return done, ready, err
	}
	done, _, err := run(5, -1, nil)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 3, 4}, done)
	done, ready, err := run(100, 2, nil)
	require.EqualError(t, err, "refused")
	require.Equal(t, []int{0, 1}, done)
	require.LessOrEqual(t, ready, 4, "nobody goes on reading a file that was refused")
	broken := errors.New("the file breaks off")
	done, _, err = run(3, -1, broken)
	require.ErrorIs(t, err, broken)
	require.Len(t, done, 3, "what was ready before it is done")
	_, _, err = run(3, 2, broken)
	require.EqualError(t, err, "refused", "the part stood before")
	require.NoError(t, inOrder(func(func(func() error) error) error { return nil }))
}

// One part is made ready while another waits, and no more than one.
func TestOnePartIsMadeReadyAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn, ready := make(chan struct{}), 0
		ended := make(chan error)
		go func() {
			ended <- inOrder(func(put func(func() error) error) error {
				for range 4 {
					ready++
					if err := put(func() error { <-goOn; return nil }); err != nil {
						return err
					}
				}
				return nil
			})
		}()
		for want := 2; want <= 4; want++ {
			synctest.Wait()
			require.Equal(t, want, ready)
			goOn <- struct{}{}
		}
		goOn <- struct{}{}
		require.NoError(t, <-ended)
	})
}

// A panic of a part is the caller's, who deals with it.
func TestAPanicOfAPartOfAFile(t *testing.T) {
	require.Panics(t, func() {
		_ = inOrder(func(put func(func() error) error) error {
			for {
				if err := put(func() error { panic("fallen") }); err != nil {
					return err
				}
			}
		})
	})
}

// Whoever falls while a part is made ready leaves nobody behind who waits for it.
func TestAPanicWhileAPartIsMadeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := 0
		require.PanicsWithValue(t, "fallen", func() {
			_ = inOrder(func(put func(func() error) error) error {
				require.NoError(t, put(func() error { done++; return nil }))
				panic("fallen")
			})
		})
		require.Equal(t, 1, done)
	})
}
