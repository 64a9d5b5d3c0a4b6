package ledger

// MaxRegisterRows is the greatest number of rows of one command of the register.
const MaxRegisterRows = 256

// RegisterRow is what the register of schools and organisations says of one of
// them: public data, without the care-setting policy, which is ours.
type RegisterRow struct {
	Code   string `cbor:"1,keyasint"`
	Name   string `cbor:"2,keyasint"`
	Sort   string `cbor:"3,keyasint"`
	Parent string `cbor:"4,keyasint,omitempty"` // of a place, the authority that it lies in
	Closed Day    `cbor:"5,keyasint,omitempty"` // its last day
}

// RecordRegister asks to record what has changed in the register. What has not
// is not asked for: the edge leaves it out.
type RecordRegister struct {
	Rows []RegisterRow `cbor:"1,keyasint,omitempty"`
}

// SchoolRecorded is a school as the register has it.
type SchoolRecorded struct {
	Row RegisterRow `cbor:"1,keyasint"`
}

// OrganisationListed is any other organisation as the register has it.
type OrganisationListed struct {
	Row RegisterRow `cbor:"1,keyasint"`
}

// Kind implements [Event].
func (SchoolRecorded) Kind() Kind     { return KindSchoolRecorded }
func (OrganisationListed) Kind() Kind { return KindOrganisationListed }

// Number implements [Request].
func (*RecordRegister) Number() RequestKind { return RequestRecordRegister }

// Discloses implements [Request].
func (*RecordRegister) Discloses() bool { return false }

func (*RecordRegister) action() Action { return ActRecordOrganisation }

func (q *RecordRegister) withoutRows() Request { return &RecordRegister{} }

func (q *RecordRegister) withRows(group []Entry) (Request, error) {
	out := &RecordRegister{}
	for i := range group {
		switch e := group[i].Event.(type) {
		case *SchoolRecorded:
			if e.Row.Sort != SortSchool {
				return nil, ErrGroup
			}
			out.Rows = append(out.Rows, e.Row)
		case *OrganisationListed:
			out.Rows = append(out.Rows, e.Row)
		}
	}
	return out, nil
}

func (q *RecordRegister) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	if len(q.Rows) == 0 || len(q.Rows) > MaxRegisterRows {
		d.refuse(RefusedState)
		return nil
	}
	for i := range q.Rows {
		o, ok, err := d.Organisation(q.Rows[i].Code)
		if err != nil {
			return err
		}
		if ok && o.Sort != q.Rows[i].Sort { // a list must not make an authority a trust
			d.refuse(RefusedState)
			return nil
		}
	}
	for i := range q.Rows {
		if q.Rows[i].Sort == SortSchool {
			d.record(&SchoolRecorded{Row: q.Rows[i]}, PersonRef{})
		} else {
			d.record(&OrganisationListed{Row: q.Rows[i]}, PersonRef{})
		}
	}
	return nil
}

// Apply returns an organisation with what the register says of it. How care
// there counts, from when, and how it is reached stay as they were.
func (r *RegisterRow) Apply(was Organisation) Organisation {
	was.Code, was.Name, was.Sort, was.Parent, was.Closed = r.Code, r.Name, r.Sort, r.Parent, r.Closed
	return was
}
