package projection

import "custos/ledger"

// told lists the notifications that an entry names, or if it names none those
// of its own command: as just recorded, or for an earlier command as they stand now.
func (a *Assembler) told(v View, out *Answer, entries []ledger.Entry, names []ledger.Seq) error {
	first := entries[0].Seq
	if names == nil {
		for i := range entries {
			if q, ok := entries[i].Event.(*ledger.NotificationQueued); ok && q.Type != ledger.NotifyDataQuality {
				names = append(names, entries[i].Seq)
			}
		}
	}
	for _, id := range names {
		t := Told{Notification: id, Merged: id < first, State: ledger.NotificationIsQueued}
		if !t.Merged && !out.Again {
			e := &entries[id-first]
			if q, ok := e.Event.(*ledger.NotificationQueued); ok {
				t.Authority, t.At, t.Queued = q.Authority, e.Time, e.Time
			}
			out.Told = append(out.Told, t)
			continue
		}
		n, ok, err := v.Notification(id)
		if err != nil {
			return err
		}
		if ok {
			t.Authority, t.State, t.At, t.Queued, t.Acknowledged = n.Authority, n.State, n.Since(), n.Queued, n.Acknowledged
			out.Told = append(out.Told, t)
		}
	}
	return nil
}

// acknowledgers adds who acknowledged what an access told. An answer that hides
// who looked does not come here: it hides who acts as well.
func (a *Assembler) acknowledgers(v View, out *Answer) error {
	for i := range out.Told {
		t := &out.Told[i]
		if t.Acknowledged == 0 {
			continue
		}
		n, _, err := v.Notification(t.Notification)
		if err != nil {
			return err
		}
		if n.By == 0 {
			continue // under earlier rules
		}
		e, first, err := entryWithFirst(v.R, n.By)
		if err != nil {
			return err
		}
		by := &Visit{Seq: e.Seq, At: e.Time, Role: first.Actor.Role, Organisation: first.Actor.Organisation}
		if ev, ok := e.Event.(*ledger.NotificationAcknowledged); ok {
			by.Profile = ev.Profile
		}
		t.By = by
		if err := a.profile(v.R, out, by.Profile); err != nil {
			return err
		}
	}
	return nil
}
