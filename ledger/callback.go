package ledger

// RecordCallBack asks to record the number at which a care site is rung back.
type RecordCallBack struct {
	Code  string `cbor:"1,keyasint"`
	Phone string `cbor:"2,keyasint,omitempty"` // none: there is none any more
}

// CallBackRecorded is that number: what a notification of a visit there shows
// unless the lookup gave another. It is a site's, never a person's.
type CallBackRecorded struct {
	Code    string `cbor:"1,keyasint"`
	Phone   string `cbor:"2,keyasint,omitempty"`
	Profile Seq    `cbor:"3,keyasint,omitempty"`
}

// Kind implements [Event].
func (CallBackRecorded) Kind() Kind { return KindCallBackRecorded }

// Number implements [Request].
func (*RecordCallBack) Number() RequestKind { return RequestRecordCallBack }

// Discloses implements [Request].
func (*RecordCallBack) Discloses() bool { return false }

func (*RecordCallBack) action() Action { return ActRecordCallBack }

func (q *RecordCallBack) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	if q.Code != d.c.Actor.Organisation && d.c.Actor.Role != RoleOperator {
		d.deny(RefusedOwnOrganisation, 0)
		return nil
	}
	o, ok, err := d.Organisation(q.Code)
	if err != nil {
		return err
	}
	if !ok || o.Sort == SortAuthority { // an authority has its directory entry
		d.refuse(RefusedNotFound)
		return nil
	}
	d.record(&CallBackRecorded{Code: q.Code, Phone: q.Phone, Profile: d.profile}, PersonRef{})
	return nil
}
