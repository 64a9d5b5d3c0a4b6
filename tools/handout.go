package tools

import (
	"sync"
	"sync/atomic"
)

// handout gives the records of one walk to others as well, in order. Each of them
// reads on a goroutine of its own: what a verification does with an entry is done
// on all cores, and the entries are read once.
type handout struct {
	batch   *records
	readers []*recordReader
	spare   chan *records // read by all, to be filled again
	done    sync.WaitGroup
	once    sync.Once
}

// records are some in a row, in one piece of memory that is used again.
type records struct {
	bytes []byte
	ends  []int // of each in bytes
	left  atomic.Int32
}

// handedOut is how many records are handed over at once.
const handedOut = 512

// handOut begins to hand out. A reader may end before the records do: the rest is
// passed over.
func handOut(each ...func(*recordReader)) *handout {
	h := &handout{batch: new(records), spare: make(chan *records, 4)}
	for _, read := range each {
		r := &recordReader{from: make(chan *records, 4), spare: h.spare}
		h.readers = append(h.readers, r)
		h.done.Go(func() {
			read(r)
			for ok := true; ok; {
				_, ok = r.next()
			}
		})
	}
	return h
}

// push adds a record, whose bytes are the caller's again afterwards.
func (h *handout) push(record []byte) {
	b := h.batch
	b.bytes = append(b.bytes, record...)
	if b.ends = append(b.ends, len(b.bytes)); len(b.ends) >= handedOut {
		h.send()
	}
}

func (h *handout) send() {
	h.batch.left.Store(int32(len(h.readers)))
	for _, r := range h.readers {
		r.from <- h.batch
	}
	select {
	case h.batch = <-h.spare:
		h.batch.bytes, h.batch.ends = h.batch.bytes[:0], h.batch.ends[:0]
	default:
		h.batch = new(records)
	}
}

// stop waits, once, until everybody has read all there is.
func (h *handout) stop() {
	h.once.Do(func() {
		h.send()
		for _, r := range h.readers {
			close(r.from)
		}
		h.done.Wait()
	})
}

// recordReader is one reader's place among the records.
type recordReader struct {
	from  chan *records
	spare chan *records
	batch *records
	at    int // the next record of the batch
}

// next returns the next record, whose bytes hold until the call after it; false:
// there is none.
func (r *recordReader) next() ([]byte, bool) {
	for r.batch == nil || r.at == len(r.batch.ends) {
		if r.batch != nil && r.batch.left.Add(-1) == 0 {
			select {
			case r.spare <- r.batch:
			default:
			}
		}
		r.at = 0
		if r.batch = <-r.from; r.batch == nil {
			return nil, false
		}
	}
	from := 0
	if r.at > 0 {
		from = r.batch.ends[r.at-1]
	}
	r.at++
	return r.batch.bytes[from:r.batch.ends[r.at-1]], true
}
