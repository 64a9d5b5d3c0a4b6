package projection

import (
	"custos/ledger"
	"custos/ledger/store"
)

// EachNotificationSince gives an authority's notifications that were queued at
// or after a moment, newest first; what is older is not read.
func (v View) EachNotificationSince(authority string, since ledger.Time, each func(*ledger.Notification)) error {
	for row, err := range v.R.Back(store.ViewKey(viewNotification, named(authority)), nil) {
		if err != nil {
			return err
		}
		var n ledger.Notification
		if err := ledger.Unmarshal(row.Value, &n); err != nil {
			return err
		}
		if n.Queued < since {
			return nil
		}
		each(&n)
	}
	return nil
}
