package tools

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every reader is given every record, in order, whatever the others do; and the
// memory that records come in is used again.
func TestRecordsAreHandedOut(t *testing.T) {
	for _, n := range []int{0, 1, handedOut, handedOut + 1, 20*handedOut + 7} {
		record := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, i%5) } // some are empty
		var seen [2]int
		var wrong [2]string
		batches := map[*records]bool{}
		all := func(who int) func(*recordReader) {
			return func(r *recordReader) {
				for got, ok := r.next(); ok; got, ok = r.next() {
					if want := record(seen[who]); !bytes.Equal(got, want) && wrong[who] == "" {
						wrong[who] = fmt.Sprintf("record %d: %x and not %x", seen[who], got, want)
					}
					seen[who]++
					if who == 0 {
						batches[r.batch] = true
					}
				}
			}
		}
		early := func(r *recordReader) { r.next() }
		out := handOut(all(0), early, all(1))
		scratch := make([]byte, 0, 16)
		for i := range n {
			scratch = append(scratch[:0], record(i)...)
			out.push(scratch)
			clear(scratch) // the caller's again
		}
		out.stop()
		out.stop() // a second time does nothing
		require.Equal(t, [2]int{n, n}, seen)
		require.Empty(t, wrong[0]+wrong[1])
		require.LessOrEqual(t, len(batches), 12, "batches are used again")
	}
}
