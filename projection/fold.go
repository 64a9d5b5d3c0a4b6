package projection

import (
	"encoding/binary"
	"errors"

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
	if err := foldEvent(t, e, first); err != nil || !isAccess(e.Event) {
		return err
	}
	return indexAccess(t, e, first)
}

func foldEvent(t *store.Txn, e, first *ledger.Entry) error {
	switch ev := e.Event.(type) {
	case *ledger.LogOpened, *ledger.RulesRaised, *ledger.OrganisationRecorded, *ledger.DirectoryRecorded, *ledger.ActorProfiled,
		*ledger.SchoolRecorded, *ledger.OrganisationListed, *ledger.CallBackRecorded:
		return foldAdmin(t, e, first)
	case *ledger.GlassBroken:
		return foldGlass(t, e, ev, first)
	case *ledger.Reviewed:
		return foldReview(t, e, ev)
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
			if err := foldNumberBirth(t, e); err != nil {
				return err
			}
			if ev, ok := e.Event.(*ledger.NumberSuperseded); ok && e.Rules >= 4 {
				end, err := (View{t}).Follow(ev.New)
				if err != nil {
					return err
				}
				if err := foldDueLinks(t, end, e.Time); err != nil {
					return err
				}
				if plans, err := (View{t}).Plans(end); err != nil {
					return err
				} else if len(plans) > 0 {
					if err := foldWanted(t, end, e.Rules); err != nil {
						return err
					}
				}
			}
			return foldNumberGaps(t, e)
		}
	case *ledger.PersonMatched:
		return unstand(t, ev.Authority, ev.Item, ev.Of)
	case *ledger.Accessed:
		return foldAccess(t, e, ev, first)
	case *ledger.AccessCorrected:
		return foldCorrection(t, e, ev)
	case *ledger.NotificationQueued:
		return foldNotificationQueued(t, e, ev)
	case *ledger.NotificationOpened:
		return foldNotificationOpened(t, e, ev)
	case *ledger.NotificationAcknowledged:
		return foldNotificationAcknowledged(t, e, ev)
	case *ledger.BirthRecorded:
		return foldBirth(t, e, ev)
	case *ledger.PregnancyEnded:
		return foldPregnancyEnded(t, e, ev)
	case *ledger.TransitionsDue:
		return errors.Join(foldDue(t, ev), foldBegun(t, ev, e.Time.Day()))
	case *ledger.NotificationEscalated:
		return change(t, ev.Notification, func(n *ledger.Notification) { n.Climb(ev, e.Time) })
	case *ledger.NotificationActioned:
		return change(t, ev.Notification, func(n *ledger.Notification) { n.Act(e.Time) })
	case *ledger.NotificationWithdrawn:
		return change(t, ev.Notification, func(n *ledger.Notification) { n.Withdraw(e.Time) })
	case *ledger.NotificationAttempted:
		return foldAttempted(t, e, ev)
	case *ledger.NotificationDelivered:
		return foldSettled(t, e, ev.Attempt, true)
	case *ledger.NotificationFailed:
		return foldSettled(t, e, ev.Attempt, false)
	case *ledger.LetterAttempted:
		return foldLetterAttempted(t, e, ev)
	case *ledger.LetterSettled:
		return foldLetterSettled(t, e, ev)
	case *ledger.LetterAsked:
		return foldLetterAsked(t, e, ev)
	case *ledger.Enrolled, *ledger.EnrolmentEnded, *ledger.EnrolmentTakenBack:
		if err := foldEnrolment(t, e, first); err != nil {
			return err
		}
		return foldPassed(t, e, first)
	case *ledger.EnrolmentNotKept:
		return foldPassed(t, e, first)
	case *ledger.EnrolmentLinked, *ledger.LinksOpened, *ledger.LinksFollowed:
		return foldLink(t, e, first)
	case *ledger.EnrolmentRejected:
		return foldRefusedLink(t, e, first)
	case *ledger.Assigned, *ledger.AssignmentEnded:
		return foldAssignment(t, e)
	case *ledger.CaseloadAccessed:
		return foldCaseload(t, e, ev, first)
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

// isAccess reports whether an event is something that somebody did to a
// person's record or to the ledger's own: what trails by actor and organisation
// are made of.
func isAccess(ev ledger.Event) bool {
	switch ev.(type) {
	case *ledger.Accessed, *ledger.AccessDenied, *ledger.AccessCorrected, *ledger.Reopened, *ledger.Traced, *ledger.NotTraced,
		*ledger.NotificationOpened, *ledger.NotificationAttempted, *ledger.AppointmentMissed, *ledger.CaseloadAccessed, *ledger.UnassignedRead,
		*ledger.EnrolmentsWanted, *ledger.HoldingsRead, *ledger.AckRead, *ledger.TrailRead,
		*ledger.NumberSuperseded, *ledger.NumbersParted, *ledger.NumberInactivated, *ledger.KeyReleased, *ledger.GlassBroken, *ledger.Reviewed,
		*ledger.BirthRecorded, *ledger.PregnancyEnded:
		return true
	}
	return false
}

// indexAccess indexes an access by where it was made from, and by whom there.
func indexAccess(t *store.Txn, e, first *ledger.Entry) error {
	if err := foldArrival(t, e, first); err != nil {
		return err
	}
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
