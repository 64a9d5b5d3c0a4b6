package cpis

import "strconv"

// Record is one record of message 01: the plans of one child, of one unborn
// child, or of a girl who is herself looked after or protected and expecting.
type Record struct {
	Plans    []Plan    // one to three
	Subjects []Subject // one, or a child and a mother
}

// Of is the person that a plan is held against; nil if the record has none.
func (r *Record) Of(p *Plan) *Subject {
	for i := range r.Subjects {
		if r.Subjects[i].Unborn == (p.Type == UnbornChild) {
			return &r.Subjects[i]
		}
	}
	return nil
}

const recordElement = "CP-ISRecord"

// record reads the inside of a record into one whose room is used again.
func (c *cursor) record(r *Record) {
	r.Plans, r.Subjects = r.Plans[:0], r.Subjects[:0]
	c.within(recordElement, func() { c.recordParts(r, "pertinentInformation", uploaded) })
}

func (c *cursor) recordParts(r *Record, plans string, from []template) {
	for len(r.Plans) == 0 || len(r.Plans) < 3 && c.at(plans) {
		r.Plans = append(r.Plans, c.plan(plans, from))
		if c.fault != nil {
			return
		}
	}
	for len(r.Subjects) == 0 || len(r.Subjects) < 2 && c.at("subject") {
		r.Subjects = append(r.Subjects, c.subject())
		if c.fault != nil {
			return
		}
	}
}

// wrong is the first rule that the record breaks, and where, below the record;
// empty if it keeps them all. today is London's, zero if it is not to be known.
func (r *Record) wrong(today Date) (Detail, string) {
	if len(r.Subjects) == 2 && r.Subjects[0].Unborn == r.Subjects[1].Unborn {
		return SubjectRepeated, r.subjectPlace(1)
	}
	for i := range r.Subjects {
		s := &r.Subjects[i]
		if s.NHSNumber != "" {
			if d := CheckNHSNumber(s.NHSNumber); d != "" {
				return d, r.subjectPlace(i) + "/" + s.idPlace() + "/@extension"
			}
		}
		if !r.concerns(s) {
			return SubjectWithoutPlan, r.subjectPlace(i)
		}
	}
	for i := range r.Plans {
		p := &r.Plans[i]
		t := templateOf(p.Type, uploaded)
		s := r.Of(p)
		if s == nil {
			return PlanWithoutSubject, r.planPlace(i)
		}
		start := r.planPlace(i) + "/" + t.place(t.start)
		switch day := p.Start.Date(); {
		case p.End != 0 && p.End < p.Start:
			return EndBeforeStart, r.planPlace(i) + "/" + t.place(t.end)
		case !s.Unborn && day < s.Birth:
			return StartBeforeBirth, start
		case !s.Unborn && day > s.Birth.Years(18):
			return Over18, start
		case today != 0 && day > today:
			return StartInFuture, start
		}
		for j := range i {
			if q := &r.Plans[j]; q.Type == p.Type && q.Start == p.Start {
				return PlanRepeated, start
			}
		}
	}
	return "", ""
}

// concerns tells whether a plan of the record is the subject's.
func (r *Record) concerns(s *Subject) bool {
	for i := range r.Plans {
		if (r.Plans[i].Type == UnbornChild) == s.Unborn {
			return true
		}
	}
	return false
}

func (r *Record) planPlace(i int) string {
	return recordElement + "/pertinentInformation[" + strconv.Itoa(i+1) + "]"
}

func (r *Record) subjectPlace(i int) string {
	return recordElement + "/subject[" + strconv.Itoa(i+1) + "]"
}

func (s *Subject) idPlace() string {
	if s.Unborn {
		return unbornIDPlace
	}
	return childIDPlace
}

// check is what reading would say of the record's form.
func (r *Record) check(place string, from []template) *ValueError {
	if len(r.Plans) < 1 || len(r.Plans) > 3 || len(r.Subjects) < 1 || len(r.Subjects) > 2 {
		return &ValueError{ElementMissing, place + "/" + recordElement}
	}
	for i := range r.Plans {
		if err := r.Plans[i].check(place+"/"+r.planPlace(i), from); err != nil {
			return err
		}
	}
	return checkSubjects(r.Subjects, place)
}

func checkSubjects(subjects []Subject, place string) *ValueError {
	for i := range subjects {
		if err := subjects[i].check(place + "/subject"); err != nil {
			return err
		}
	}
	return nil
}

func (o *out) recordParts(r *Record, plans string, from []template) {
	for i := range r.Plans {
		o.plan(plans, &r.Plans[i], from)
	}
	for i := range r.Subjects {
		o.subject(&r.Subjects[i])
	}
}
