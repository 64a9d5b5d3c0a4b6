package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever is put, the cache keeps below its size, the oldest rows go first, and
// what it believes to hold is what it holds.
func TestTheOldestRowsGoFirst(t *testing.T) {
	c := newRowCache(10 * (rowOverhead + 20))
	key := func(n int) string { return fmt.Sprintf("row %06d", n) }
	held := func() (bytes int64) {
		for k, r := range c.rows {
			bytes += int64(len(k) + len(r.value) + rowOverhead)
		}
		require.Len(t, c.queue, len(c.rows))
		return bytes
	}
	for n := range 1000 {
		c.put(key(n), make([]byte, 10), nil, 0)
		if n%3 == 0 {
			c.put(key(n), make([]byte, n%20), n, 0) // another state of the same row
		}
		c.update(key(n-5), make([]byte, n%11), nil, 0)
		require.Equal(t, held(), c.bytes)
		require.LessOrEqual(t, c.bytes, c.maximum)
	}
	require.NotNil(t, c.get([]byte(key(999))))
	require.Nil(t, c.get([]byte(key(900))))
	for n := range 999 {
		require.True(t, c.get([]byte(key(n))) == nil || c.get([]byte(key(n+1))) != nil, "row %d is older", n)
	}
	c.put("large", make([]byte, c.maximum), nil, 0)
	require.Empty(t, c.rows)
	require.Zero(t, c.bytes)
	c.put(key(1), nil, nil, 0)
	require.NotNil(t, c.get([]byte(key(1))))
	c.clear()
	require.Zero(t, held()+c.bytes)
}

// What is kept stays whatever else comes, up to half of the cache, which keeps its bound.
func TestRowsThatStayInTheCache(t *testing.T) {
	c := newRowCache(100_000)
	for i := range 400 {
		k := fmt.Sprintf("%03d", i)
		c.put(k, make([]byte, 100), nil, 500)
		c.keep(k)
	}
	require.LessOrEqual(t, c.kept, int64(50_000))
	require.Greater(t, c.kept, int64(48_000))
	for i := range 2000 {
		c.put(fmt.Sprintf("x%d", i), make([]byte, 100), nil, 0)
	}
	require.LessOrEqual(t, c.bytes, int64(100_000))
	stay, sum := 0, int64(0)
	for k, r := range c.rows {
		sum += int64(len(k) + len(r.value) + r.beside + rowOverhead)
		if r.kept {
			stay++
		}
	}
	require.Equal(t, sum, c.bytes)
	require.Equal(t, c.kept, int64(stay)*(3+100+500+rowOverhead))
	c.put("000", make([]byte, 50), nil, 500)
	require.Equal(t, c.kept, int64(stay)*(3+100+500+rowOverhead)-50, "what stays may become smaller")
}
