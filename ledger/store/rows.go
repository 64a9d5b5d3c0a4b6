package store

// rowCache keeps rows that the one writer reads again and again: plans,
// organisations, profiles. It is written through and belongs to the writer, so
// it needs no lock. A missing row is kept too, as nil.
type rowCache struct {
	rows    map[string]*cachedRow
	queue   []string // of the keys of those that go, the oldest first
	bytes   int64
	kept    int64 // of them those of rows that stay
	maximum int64
}

// cachedRow is a row, and what a reader has made of it.
type cachedRow struct {
	value  []byte
	memo   any
	beside int  // bytes that the memo takes, where they count
	kept   bool // stays, for what it was made from is dear
}

// rowOverhead is what a map entry costs beside its key and value, about.
const rowOverhead = 176

func newRowCache(maximum int64) *rowCache {
	return &rowCache{rows: make(map[string]*cachedRow), maximum: maximum}
}

func (c *rowCache) get(key []byte) *cachedRow { return c.rows[string(key)] }

func (c *rowCache) put(key string, value []byte, memo any, beside int) {
	if old, ok := c.rows[key]; ok {
		more := int64(len(value) + beside - len(old.value) - old.beside)
		if c.bytes += more; old.kept {
			c.kept += more
		}
		old.value, old.memo, old.beside = value, memo, beside
	} else {
		c.rows[key] = &cachedRow{value: value, memo: memo, beside: beside}
		c.queue = append(c.queue, key)
		c.bytes += int64(len(key) + len(value) + beside + rowOverhead)
	}
	for c.bytes > c.maximum && len(c.queue) > 0 {
		k := c.queue[0]
		c.queue = c.queue[1:]
		if r := c.rows[k]; !r.kept {
			delete(c.rows, k)
			c.bytes -= int64(len(k) + len(r.value) + r.beside + rowOverhead)
		}
	}
}

// keep has a row stay in the cache, whatever else comes into it. Half of the cache
// is for such rows; what is more comes and goes as others do.
func (c *rowCache) keep(key string) {
	r, ok := c.rows[key]
	if !ok || r.kept {
		return
	}
	if more := int64(len(key) + len(r.value) + r.beside + rowOverhead); c.kept+more <= c.maximum/2 {
		r.kept, c.kept = true, c.kept+more
	}
}

// update puts a row in place of the one that is there, and nothing where none is.
func (c *rowCache) update(key string, value []byte, memo any, beside int) {
	if _, ok := c.rows[key]; ok {
		c.put(key, value, memo, beside)
	}
}

func (c *rowCache) clear() {
	clear(c.rows)
	c.queue, c.bytes, c.kept = nil, 0, 0
}
