package cpis

// PlanType is what kind of plan a record tells of.
type PlanType uint8

// The plan types.
const (
	ChildProtection PlanType = iota + 1
	LookedAfter
	UnbornChild // held against the mother
)

// ParsePlanType reads CPP, LAC or UCPP.
func ParsePlanType(s string) (PlanType, bool) {
	for _, t := range []PlanType{ChildProtection, LookedAfter, UnbornChild} {
		if t.String() == s {
			return t, true
		}
	}
	return 0, false
}

// String is the type's code in our other formats; empty for none.
func (t PlanType) String() string {
	switch t {
	case ChildProtection:
		return "CPP"
	case LookedAfter:
		return "LAC"
	case UnbornChild:
		return "UCPP"
	}
	return ""
}

// Plan is one plan, or that a child is looked after.
type Plan struct {
	Type   PlanType
	Start  DateTime
	End    DateTime // zero while there is none; an unborn child's plan has one from the start
	Delete DateTime // zero, but where a plan was added in error
}

// template names what a plan is written as.
type template struct {
	kind            PlanType
	element         string
	content         string
	start, end, del string
}

// uploaded are the templates of messages 01 and 02; answered those of message
// 04, which have no delete date.
var (
	uploaded = []template{
		{LookedAfter, "COCT_TP146100GB01.LACInformation", "COCT_TP146100GB01#LACInformation", "lACStartDate", "lACEndDate", "lACDeleteDate"},
		{ChildProtection, "COCT_TP146101GB01.CPPInformation", "COCT_TP146101GB01#CPPInformation", "cPPStartDate", "cPPEndDate", "cPPDeleteDate"},
		{UnbornChild, "COCT_TP146102GB01.UCPInformation", "COCT_TP146102GB01#UCPInformation", "uCPStartDate", "uCPEndDate", "uCPDeleteDate"},
	}
	answered = []template{
		{LookedAfter, "COCT_TP146103GB01.LACInformation", "COCT_TP146103GB01#LACInformation", "lACStartDate", "lACEndDate", ""},
		{ChildProtection, "COCT_TP146105GB01.CPPInformation", "COCT_TP146105GB01#CPPInformation", "cPPStartDate", "cPPEndDate", ""},
		{UnbornChild, "COCT_TP146104GB01.UCPInformation", "COCT_TP146104GB01#UCPInformation", "uCPStartDate", "uCPEndDate", ""},
	}
)

func templateOf(t PlanType, from []template) *template {
	for i := range from {
		if from[i].kind == t {
			return &from[i]
		}
	}
	return nil
}

// plan reads one plan, in an element of the given name, which must come next.
func (c *cursor) plan(around string, from []template) (p Plan) {
	c.within(around, func() {
		id := c.contentID()
		for i := range from {
			if t := &from[i]; t.content == id {
				c.chosen(t.element, func() { c.planDates(t, &p) })
				return
			}
		}
		c.fail(ContentID, "npfitlc:contentId/@extension")
	})
	return p
}

func (c *cursor) planDates(t *template, p *Plan) {
	p.Type = t.kind
	unborn := t.kind == UnbornChild
	p.Start = c.planDate("component", t.start, StartFormat, false)
	switch {
	case c.at("component1"):
		p.End = c.planDate("component1", t.end, EndFormat, !unborn)
	case unborn:
		c.fail(UnbornNeedsEnd, "component1")
	}
	if t.del != "" && c.at("component2") {
		p.Delete = c.planDate("component2", t.del, DeleteFormat, !unborn)
	}
}

// planDate reads one date; where it may be absent, both elements may say so.
func (c *cursor) planDate(around, name string, wrong Detail, nillable bool) (t DateTime) {
	if !c.begin(around) {
		return 0
	}
	if nillable && c.absent() {
		c.end()
		return 0
	}
	if c.begin(name) {
		if !nillable || !c.absent() {
			if v := c.value("value"); c.fault == nil {
				var ok bool
				if t, ok = parseDateTime(v); !ok {
					c.fail(wrong, "@value")
				}
				c.end()
			}
		}
		c.end()
	}
	c.end()
	return t
}

// check is what reading would say of the form.
func (p *Plan) check(place string, from []template) *ValueError {
	t := templateOf(p.Type, from)
	switch {
	case t == nil:
		return &ValueError{PlanTypeUnknown, place}
	case !p.Start.valid():
		return &ValueError{StartFormat, place + "/" + t.place(t.start)}
	case p.End != 0 && !p.End.valid():
		return &ValueError{EndFormat, place + "/" + t.place(t.end)}
	case p.Type == UnbornChild && p.End == 0:
		return &ValueError{UnbornNeedsEnd, place + "/" + t.element + "/component1"}
	case p.Delete != 0 && (t.del == "" || !p.Delete.valid()):
		return &ValueError{DeleteFormat, place + "/" + t.element + "/component2"}
	}
	return nil
}

// place is where one of the template's dates stands, below what is around it.
func (t *template) place(date string) string {
	component := "component"
	switch date {
	case t.end:
		component = "component1"
	case t.del:
		component = "component2"
	}
	return t.element + "/" + component + "/" + date + "/value/@value"
}

func (o *out) plan(around string, p *Plan, from []template) {
	t := templateOf(p.Type, from)
	o.open(around)
	o.contentID(t.content)
	o.open(t.element)
	o.planDate("component", t.start, p.Start)
	if p.End != 0 {
		o.planDate("component1", t.end, p.End)
	}
	if p.Delete != 0 {
		o.planDate("component2", t.del, p.Delete)
	}
	o.close(t.element)
	o.close(around)
}

func (o *out) planDate(around, name string, t DateTime) {
	o.open(around)
	o.open(name)
	o.number("value", int64(t))
	o.close(name)
	o.close(around)
}
