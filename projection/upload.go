package projection

import (
	"fmt"

	"custos/ledger"
	"custos/ledger/store"
)

// Upload implements [ledger.View].
func (v View) Upload(id ledger.ID) (ledger.Upload, bool, error) {
	return read[ledger.Upload](v.R, uploadKey(id))
}

// UploadAt implements [ledger.View].
func (v View) UploadAt(authority string, sequence int64) (ledger.ID, bool, error) {
	b, err := v.R.Get(uploadAtKey(authority, sequence))
	if err != nil || len(b) != 16 {
		return ledger.ID{}, false, err
	}
	return ledger.ID(b), true, nil
}

// LastUpload implements [ledger.View].
func (v View) LastUpload(authority string) (ledger.LastUpload, error) {
	l, _, err := read[ledger.LastUpload](v.R, lastUploadKey(authority))
	return l, err
}

func setUpload(t *store.Txn, id ledger.ID, u ledger.Upload) error {
	return set(t, uploadKey(id), &u)
}

// Uploads lists an authority's uploads, the highest number first, at most limit.
func (v View) Uploads(authority string, limit int) ([]ledger.Upload, error) {
	var ids []ledger.ID
	for row, err := range v.R.Scan(store.ViewKey(viewUploadAt, named(authority))) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, ledger.ID(row.Value))
	}
	var out []ledger.Upload
	for i := len(ids) - 1; i >= 0 && len(out) < limit; i-- {
		u, ok, err := v.Upload(ids[i])
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("an upload is indexed and missing")
		}
		out = append(out, u)
	}
	return out, nil
}

// LastUploads lists the newest upload of every authority that ever sent one.
func (v View) LastUploads() (map[string]ledger.LastUpload, error) {
	out := make(map[string]ledger.LastUpload)
	for row, err := range v.R.Scan(store.ViewKey(viewLastUpload)) {
		if err != nil {
			return nil, err
		}
		var l ledger.LastUpload
		if err := ledger.Unmarshal(row.Value, &l); err != nil {
			return nil, err
		}
		out[string(row.Key[2:])] = l
	}
	return out, nil
}

// UploadSpans lists where the entries of an upload's chunks are, in order.
func (v View) UploadSpans(id ledger.ID) ([]ledger.Span, error) {
	var out []ledger.Span
	for row, err := range v.R.Scan(store.ViewKey(viewUploadSpan, id[:])) {
		if err != nil {
			return nil, err
		}
		var s ledger.Span
		if err := ledger.Unmarshal(row.Value, &s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func foldUpload(t *store.Txn, e, first *ledger.Entry) error {
	v := View{t}
	switch ev := e.Event.(type) {
	case *ledger.UploadOpened:
		q, ok := first.Request.(*ledger.OpenUpload)
		if !ok {
			return fmt.Errorf("entry %d: an upload opened by another request", e.Seq)
		}
		authority := first.Actor.Organisation
		u := ledger.Upload{ID: q.Upload, Authority: authority, Sequence: q.Sequence, Content: q.Content, Opened: e.Seq, At: e.Time}
		if e.Rules >= 2 {
			u.Gap, u.Snapshot = ev.Gap, q.Snapshot
		}
		touch(&u, first)
		if err := setUpload(t, q.Upload, u); err != nil {
			return err
		}
		if err := t.Set(uploadAtKey(authority, q.Sequence), q.Upload[:]); err != nil {
			return err
		}
		return set(t, lastUploadKey(authority), ledger.LastUpload{Sequence: q.Sequence, At: e.Time})
	case *ledger.ChunkRecorded:
		q, ok := first.Request.(*ledger.UploadChunk)
		if !ok {
			return fmt.Errorf("entry %d: a chunk of another request", e.Seq)
		}
		u, _, err := v.Upload(q.Upload)
		if err != nil {
			return err
		}
		u.Chunks++
		touch(&u, first)
		if err := setUpload(t, q.Upload, u); err != nil {
			return err
		}
		return set(t, uploadSpanKey(q.Upload, q.No), ledger.Span{First: first.Seq, Of: first.Of})
	case *ledger.UploadClosed:
		q, ok := first.Request.(*ledger.CloseUpload)
		if !ok {
			return fmt.Errorf("entry %d: an upload closed by another request", e.Seq)
		}
		u, _, err := v.Upload(q.Upload)
		if err != nil {
			return err
		}
		u.Closed = e.Seq
		if u.Snapshot {
			u.Ended = ev.Ended
		}
		touch(&u, first)
		return setUpload(t, q.Upload, u)
	}
	return nil
}

func countMatch(u *ledger.Upload, m ledger.Match) {
	switch m {
	case ledger.Matched:
		u.Matched++
	case ledger.Unmatched:
		u.Unmatched++
	}
}

// touch notes who had a hand in a snapshot.
func touch(u *ledger.Upload, first *ledger.Entry) {
	if u.Snapshot {
		u.Touch(first.Actor.ID())
	}
}

// uploadOf returns the upload of the chunk that first heads.
func (v View) uploadOf(first *ledger.Entry) (ledger.Upload, error) {
	q, ok := first.Request.(*ledger.UploadChunk)
	if !ok {
		return ledger.Upload{}, fmt.Errorf("entry %d: a row outside a chunk", first.Seq)
	}
	u, _, err := v.Upload(q.Upload)
	return u, err
}

// countRow counts one row of the chunk that first heads.
func countRow(t *store.Txn, e, first *ledger.Entry, accepted bool) error {
	u, err := (View{t}).uploadOf(first)
	if err != nil {
		return err
	}
	if accepted {
		u.Accepted++
		switch ev := e.Event.(type) {
		case *ledger.PlanRecorded:
			countMatch(&u, ev.Row.Match)
		case *ledger.PlanUnchanged:
			countMatch(&u, ev.Row.Match)
		case *ledger.PlanUnmatched:
			countMatch(&u, ledger.Unmatched)
		}
	} else {
		u.Rejected++
		if u.Snapshot && e.Person == nil {
			u.Nameless++
		}
	}
	return setUpload(t, u.ID, u)
}
