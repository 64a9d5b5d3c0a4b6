package store

// rowCache keeps rows that the one writer reads again and again: plans,
// organisations, profiles. It is written through and belongs to the writer, so
// it needs no lock. A missing row is kept too, as nil.
type rowCache struct {
	rows    map[string]*cachedRow
	queue   []string // of their keys, the oldest first: it goes first
	bytes   int64
	maximum int64
}

// cachedRow is a row, and what a reader has made of it.
type cachedRow struct {
	value []byte
	memo  any
}

// rowOverhead is what a map entry costs beside its key and value, about.
const rowOverhead = 176

func newRowCache(maximum int64) *rowCache {
	return &rowCache{rows: make(map[string]*cachedRow), maximum: maximum}
}

func (c *rowCache) get(key []byte) *cachedRow { return c.rows[string(key)] }

func (c *rowCache) put(key string, value []byte, memo any) {
	if old, ok := c.rows[key]; ok {
		c.bytes += int64(len(value) - len(old.value))
		old.value, old.memo = value, memo
	} else {
		c.rows[key] = &cachedRow{value: value, memo: memo}
		c.queue = append(c.queue, key)
		c.bytes += int64(len(key) + len(value) + rowOverhead)
	}
	for c.bytes > c.maximum {
		k := c.queue[0]
		c.queue = c.queue[1:]
		c.bytes -= int64(len(k) + len(c.rows[k].value) + rowOverhead)
		delete(c.rows, k)
	}
}

func (c *rowCache) update(key string, value []byte) {
	if _, ok := c.rows[key]; ok {
		c.put(key, value, nil)
	}
}

func (c *rowCache) clear() {
	clear(c.rows)
	c.queue, c.bytes = nil, 0
}
