package cpis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// someFile is message 01 with n records of different people.
func someFile(t testing.TB, n int) []byte {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Created: "20260302140000+0000", Sequence: 17, Quantity: n, Sender: fable})
	require.NoError(t, err)
	for i := range n {
		r := Record{
			Plans:    []Plan{{Type: ChildProtection, Start: 202601050900, End: 202602050900}},
			Subjects: []Subject{{Person: Person{Identity: Identity{number(i), fmt.Sprintf("C%06d", i), "D9X1A"}, Given: "Ada", Family: "Fableton", Birth: 20180305}}},
		}
		require.NoError(t, w.Write(&r))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// number is the nth valid NHS number of the range that is issued to nobody.
func number(n int) string {
	for i := 0; ; i++ {
		s := fmt.Sprintf("999%06d", i%1_000_000)
		for d := range 10 {
			if full := s + string(rune('0'+d)); CheckNHSNumber(full) == "" {
				if n == 0 {
					return full
				}
				n--
			}
		}
	}
}

var fable = Organisation{Code: "D9X1A", Name: "Fablethorpe Council", EmergencyDuty: "01134960999", OfficeHours: "01134960100"}

func BenchmarkReader(b *testing.B) {
	file := someFile(b, 1000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file), Options{})
		require.NoError(b, err)
		var rec Record
		for {
			if err := r.Next(&rec); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
