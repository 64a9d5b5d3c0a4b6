package projection

import (
	"encoding/binary"

	"custos/ledger"
	"custos/ledger/store"
)

// Fold brings every view up to date with the next entry. first is the first
// entry of the same command, which holds the actor; it is e itself for that one.
func Fold(t *store.Txn, e, first *ledger.Entry) error {
	if err := fold(t, e, first); err != nil {
		return err
	}
	return foldChanges(t, e.Seq)
}

func fold(t *store.Txn, e, first *ledger.Entry) error {
	if e.Nth == 0 {
		if err := foldDecided(t, e); err != nil {
			return err
		}
	}
	if e.Person != nil {
		if err := foldPerson(t, e); err != nil {
			return err
		}
	}
	switch ev := e.Event.(type) {
	case *ledger.LogOpened, *ledger.RulesRaised, *ledger.OrganisationRecorded, *ledger.DirectoryRecorded, *ledger.ActorProfiled,
		*ledger.SchoolRecorded, *ledger.OrganisationListed, *ledger.CallBackRecorded:
		return foldAdmin(t, e, first)
	case *ledger.GlassBroken:
		if err := foldGlass(t, e, ev, first); err != nil {
			return err
		}
		return foldTrail(t, e, first)
	case *ledger.Reviewed:
		if err := foldReview(t, e, ev); err != nil {
			return err
		}
		return foldTrail(t, e, first)
	case *ledger.PolicyRecorded:
		return foldPolicy(t, e, ev)
	case *ledger.StateRecorded:
		return foldState(t, e)
	case *ledger.UploadOpened, *ledger.ChunkRecorded, *ledger.UploadClosed:
		return foldUpload(t, e, first)
	case *ledger.PlanRecorded, *ledger.PlanDeleted, *ledger.PlanUnchanged, *ledger.PlanRejected, *ledger.PlanUnmatched:
		return foldPlan(t, e, first)
	case *ledger.SnapshotHeld, *ledger.SnapshotApproved, *ledger.PlanLapsed:
		return foldSnapshot(t, e)
	case *ledger.NumberSuperseded, *ledger.NumbersParted, *ledger.NumberInactivated:
		if err := foldNumber(t, e); err != nil {
			return err
		}
		if e.Rules >= 3 {
			if err := foldNumberGaps(t, e); err != nil {
				return err
			}
		}
		return foldTrail(t, e, first)
	case *ledger.PersonMatched:
		return unstand(t, ev.Authority, ev.Item, ev.Of)
	case *ledger.Accessed:
		if err := foldAccess(t, e, ev, first); err != nil {
			return err
		}
		return foldTrail(t, e, first)
	case *ledger.AccessCorrected:
		if err := foldCorrection(t, e, ev); err != nil {
			return err
		}
		return foldTrail(t, e, first)
	case *ledger.NotificationQueued:
		return foldNotificationQueued(t, e, ev)
	case *ledger.NotificationOpened:
		if err := foldNotificationOpened(t, e, ev); err != nil {
			return err
		}
		return foldTrail(t, e, first)
	case *ledger.NotificationAcknowledged:
		return foldNotificationAcknowledged(t, e, ev)
	case *ledger.NotificationAttempted:
		if err := foldAttempted(t, e, ev); err != nil {
			return err
		}
		return foldTrail(t, e, first)
	case *ledger.NotificationDelivered:
		return foldSettled(t, e, ev.Attempt, true)
	case *ledger.NotificationFailed:
		return foldSettled(t, e, ev.Attempt, false)
	case *ledger.Enrolled, *ledger.EnrolmentEnded, *ledger.EnrolmentTakenBack:
		return foldEnrolment(t, e, first)
	case *ledger.Assigned, *ledger.AssignmentEnded:
		return foldAssignment(t, e)
	case *ledger.CaseloadAccessed:
		if err := foldCaseload(t, e, ev, first); err != nil {
			return err
		}
		return foldTrail(t, e, first)
	case *ledger.KeyReleased:
		return foldTrail(t, e, first)
	case *ledger.AccessDenied, *ledger.Reopened, *ledger.TrailRead, *ledger.AckRead, *ledger.AppointmentMissed,
		*ledger.HoldingsRead, *ledger.UnassignedRead, *ledger.EnrolmentsWanted, *ledger.Traced, *ledger.NotTraced:
		return foldTrail(t, e, first)
	}
	return nil
}

func foldDecided(t *store.Txn, e *ledger.Entry) error {
	b := binary.AppendUvarint(make([]byte, 0, 12), uint64(e.Seq))
	b = binary.AppendUvarint(b, uint64(e.Of))
	key := decidedKey(e.Command)
	if e.Command.Timed() {
		return t.SetRising(key, b)
	}
	return t.SetCold(key, b)
}

// foldTrail indexes an access by where it was made from, and by whom there.
func foldTrail(t *store.Txn, e, first *ledger.Entry) error {
	by, org := first.Actor.ID(), first.Actor.Organisation
	acting := actingKey(by, org)
	if have, err := t.Get(acting); err != nil {
		return err
	} else if have == nil {
		if err := t.Set(acting, nil); err != nil {
			return err
		}
	}
	return t.SetIndex(accessKey(org, by, e.Seq))
}
