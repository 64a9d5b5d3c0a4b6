package deliver

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"custos/api/cpis"
	"custos/ledger"
	"custos/projection"
)

// message makes message 05 or 06 of a batch. All of it comes from the committed
// outcome: nothing from a clock, a name or a random number of the moment.
func (s *Service) message(log ledger.ID, d *projection.Delivery, profiles []*ledger.Shown) ([]byte, error) {
	if d.Type == ledger.NotifyInactive {
		return s.inactive(log, d)
	}
	n := cpis.Notification{Time: cpis.TimestampOf(d.At.Std()), ID: messageID(log, d.Attempt), Recipient: party(d, d.Authority)}
	for i := range d.Items {
		item := &d.Items[i]
		who, err := s.identity(d.Authority, item)
		if err != nil {
			return nil, err
		}
		by, err := s.author(d, item, profiles)
		if err != nil {
			return nil, err
		}
		n.Accesses = append(n.Accesses, cpis.Access{UploadFile: strconv.FormatInt(item.File, 10), Asked: []cpis.Asked{{
			Time: cpis.TimestampOf(item.Visit.At.Std()), ID: cpis.UUID(ledger.QueryID(log, item.Visit.Seq)), Author: by, Person: who,
		}}})
	}
	return n.Append(nil)
}

func (s *Service) inactive(log ledger.ID, d *projection.Delivery) ([]byte, error) {
	n := cpis.Inactive{Time: cpis.TimestampOf(d.At.Std()), ID: messageID(log, d.Attempt), Recipient: party(d, d.Authority)}
	for i := range d.Items {
		who, err := s.identity(d.Authority, &d.Items[i])
		if err != nil {
			return nil, err
		}
		n.People = append(n.People, cpis.InactivePerson{Identity: who, UploadFile: strconv.FormatInt(d.Items[i].File, 10)})
	}
	return n.Append(nil)
}

func messageID(log ledger.ID, attempt ledger.Seq) string {
	return cpis.UUID(derived("message", log, attempt))
}

func derived(what string, log ledger.ID, n ledger.Seq) ledger.ID {
	return ledger.DeriveID("cp-is "+what, log[:], binary.BigEndian.AppendUint64(nil, uint64(n)))
}

var errNobody = errors.New("a notification of nobody who can be named")

// identity opens who a notification is about, as the newest of the plans has them.
func (s *Service) identity(authority string, item *projection.DeliveryItem) (cpis.Identity, error) {
	newest := -1
	for i := range item.Plans {
		if newest < 0 || item.Plans[i].Plan.Seq > item.Plans[newest].Plan.Seq {
			newest = i
		}
	}
	if newest < 0 {
		return cpis.Identity{}, errNobody
	}
	var d ledger.PlanDetails
	if err := s.cfg.Keyring.Open(item.Plans[newest].Details, &d); err != nil {
		return cpis.Identity{}, fmt.Errorf("open whom notification %d is about: %w", item.Notification, err)
	}
	who := cpis.Identity{NHSNumber: d.NHSNumber, LocalID: d.LocalID}
	if len(who.LocalID) > 64 || !cpis.Sendable(who.LocalID) {
		who.LocalID = "" // the message has no room for it; the number is there
	}
	if who.LocalID != "" {
		who.Assigner = authority
	}
	return who, nil
}

// author says who looked and where; of a restricted person, and where what is
// known of them has not the form that CP-IS wants, it is the service itself.
func (s *Service) author(d *projection.Delivery, item *projection.DeliveryItem, profiles []*ledger.Shown) (cpis.Author, error) {
	asks := item.Visit.Role == ledger.RoleClinician || item.Visit.Role == ledger.RoleScheduledClinician
	if !asks || !cpis.ValidCode(item.Visit.Organisation) {
		return s.cfg.service(), nil
	}
	var who ledger.ProfileDetails
	for _, p := range profiles {
		if p.Seq != item.Visit.Profile {
			continue
		}
		if err := s.cfg.Keyring.Open(*p, &who); err != nil && !errors.Is(err, ledger.ErrErased) {
			return cpis.Author{}, fmt.Errorf("open who looked, of notification %d: %w", item.Notification, err)
		}
	}
	employer := party(d, item.Visit.Organisation)
	if theirs := cpis.Tidy(who.Organisation, 200); employer.Name == employer.Code && theirs != "" {
		employer.Name = theirs
	}
	return cpis.Asker{UserID: userID(item), RoleProfile: who.RoleProfile, RoleCode: who.RoleCode, RoleWords: who.RoleName,
		Name: who.Name, System: who.System, Employer: employer}.Author(), nil
}

// party is an organisation as it was called, or its code.
func party(d *projection.Delivery, code string) cpis.Party {
	p := cpis.Party{Code: code, Name: cpis.Tidy(d.Name(code), 200)}
	if p.Name == "" {
		p.Name = code
	}
	return p
}

// userID is the directory's own id of whoever looked; one that is longer than
// the message has room for is digested.
func userID(item *projection.DeliveryItem) string {
	if item.Subject != "" && len(item.Subject) <= 64 && cpis.Sendable(item.Subject) {
		return item.Subject
	}
	id := ledger.ActorIDOf(item.Issuer, item.Subject)
	return hex.EncodeToString(id[:])
}
