package store

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

// FuzzTileRows: from whatever rows stand where a tile and its groups should, a node
// is the one that the tile's hashes give, or none.
func FuzzTileRows(f *testing.F) {
	full := make([]byte, tileWidth*tlog.HashSize)
	for i := range full {
		full[i] = byte(i * 7 / 3)
	}
	p, err := parsePyramid(0, full)
	require.NoError(f, err)
	f.Add(full, p.groups(), uint8(3), uint8(5))
	f.Add(full, full[:512], uint8(6), uint8(1))
	f.Add(full[:64], []byte(nil), uint8(1), uint8(0))
	f.Add(full[:65], p.groups(), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, hashes, groups []byte, row, n uint8) {
		row %= 8
		whole, err := parsePyramid(0, hashes)
		above := make([]byte, tlog.HashSize)
		if err == nil && whole.full() {
			copy(above, whole.rows[8][0][:])
		}
		r := tiles{have: map[tileID]*readTile{}, read: func(id tileID, into *readTile) error {
			if *into = (readTile{hashes: hashes, groups: groups}); id.level > 0 {
				*into = readTile{hashes: above}
			}
			return nil
		}}
		got, readErr := r.tile(tileID{0, 0})
		require.Equal(t, err == nil, readErr == nil)
		if err != nil {
			return
		}
		h, ok := got.node(int(row), int(n))
		require.Equal(t, int(n) < len(whole.rows[row]), ok)
		if ok {
			require.Equal(t, whole.rows[row][n], h)
		}
	})
}
