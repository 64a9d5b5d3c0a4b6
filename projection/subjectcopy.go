package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// SubjectCopy lists what a copy of the accesses to a person's record holds: when,
// in what role and from where somebody saw the record or asked for it, up to the
// entry that records the copy. Nobody is named, and neither an entry's number nor
// a count tells that something was withheld.
func (v View) SubjectCopy(n ledger.Seq) ([]TrailRow, error) {
	e, err := store.Entry(v.R, n)
	if err != nil {
		return nil, err
	}
	ev, ok := e.Event.(*ledger.SubjectCopied)
	if !ok || e.Person == nil {
		return nil, fmt.Errorf("entry %d records no copy", n)
	}
	seqs, err := v.trailOf(e.Person.Ref, n)
	if err != nil {
		return nil, err
	}
	out := []TrailRow{}
	for _, at := range seqs {
		if at >= n {
			break
		}
		if _, withheld := slices.BinarySearch(ev.Withheld, at); withheld {
			continue
		}
		row, err := v.TrailRow(at)
		if err != nil {
			return nil, err
		}
		if row.Role == ledger.RoleSystem || !inCopy(&row) {
			continue
		}
		out = append(out, TrailRow{At: row.At, Kind: row.Kind, Role: row.Role, Organisation: row.Organisation,
			Outcome: row.Outcome, Unscheduled: row.Unscheduled, InError: row.InError})
	}
	return out, nil
}

// inCopy says which entries are somebody's access to a person's record: those by
// which somebody saw whom it is about. That a review was concluded shows nothing more.
func inCopy(r *TrailRow) bool {
	switch r.Kind {
	case ledger.KindAccessed, ledger.KindAccessDenied, ledger.KindSubjectAccessed, ledger.KindNotificationOpened,
		ledger.KindTrailRead, ledger.KindTraced, ledger.KindSubjectCopied, ledger.KindKeyReleased:
		return true
	case ledger.KindReviewed:
		return r.Code == ledger.FindingOpened.String()
	}
	return false
}
