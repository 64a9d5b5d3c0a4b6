package synthetic

import (
	"fmt"

	"custos/ledger"
)

// Person is somebody with a plan, or a mother with an unborn child's plan.
type Person struct {
	NHSNumber string
	Family    string
	Given     string
	Birth     ledger.Day
	Authority int // index into Authorities
	Plans     []Plan
	Area      string
	Practice  string
	School    string     // empty for those too young or grown up
	Since     ledger.Day // from when the person is enrolled at all three
}

// Plan is one plan of a person as its authority holds it.
type Plan struct {
	Type    ledger.PlanType
	Start   ledger.Day
	End     ledger.Day // zero while the plan has no end
	LocalID string
	Team    string
	Worker  string
}

var (
	familyStart = []string{"Fable", "Quill", "Thistle", "Ember", "Maple", "Copper", "Saffron", "Juniper", "Puddle", "Lark", "Bramble", "Hazel",
		"Otter", "Pepper", "Tumble", "Marrow", "Ginger", "Nettle", "Clover", "Barley", "Cobble", "Muddle", "Sorrel", "Teasel"}
	familyEnd = []string{"ton", "wick", "worth", "thorpe", "by", "hurst", "dale", "bottom", "croft", "well", "more", "shaw"}
	given     = []string{"Ada", "Alfie", "Amara", "Arjun", "Bea", "Caleb", "Chidi", "Dilys", "Eira", "Ezra", "Faisal", "Freya", "Gwen", "Hana",
		"Idris", "Imani", "Jonah", "Jyoti", "Kai", "Keira", "Leo", "Lowri", "Mabel", "Mei", "Nia", "Noor", "Oscar", "Otis", "Pippa", "Priya",
		"Quentin", "Rafi", "Rhys", "Saoirse", "Seren", "Tariq", "Tilly", "Uma", "Vikram", "Wanda", "Xanthe", "Yusuf", "Zac", "Zofia"}
	mothers = []string{"Alice", "Bronwen", "Carys", "Deepa", "Esther", "Fatima", "Grace", "Hafsa", "Iris", "Joan", "Kezia", "Lucia", "Maryam", "Nell", "Orla", "Ruth"}
	teams   = []string{"North Safeguarding", "South Safeguarding", "Children in Care", "Assessment"}
)

func (g *generator) family() string { return pick(g.r, familyStart) + pick(g.r, familyEnd) }

func (g *generator) people() {
	c := g.Config
	g.known()
	for len(g.People) < c.Children {
		authority := len(g.People) % c.Authorities
		if g.r.IntN(100) < 7 {
			g.mother(authority)
			continue
		}
		// Siblings come together; one family in thirty has twins, who share all but their numbers and names.
		family, siblings := g.family(), 1
		if g.r.IntN(100) < 30 {
			siblings = between(g.r, 2, 3)
		}
		birth := c.Today - ledger.Day(between(g.r, 40, 17*365+200))
		twins := g.r.IntN(30) == 0
		for n := 0; n < siblings && len(g.People) < c.Children; n++ {
			p := g.child(authority, family, birth)
			p.Plans = g.plans(p.Birth)
			g.People = append(g.People, p)
			if !twins {
				birth = min(birth+ledger.Day(between(g.r, 400, 1300)), c.Today-ledger.Day(between(g.r, 30, 200)))
			}
		}
	}
	for range 200 {
		g.Strangers = append(g.Strangers, g.numbers.next())
	}
	g.Known.None = g.Strangers[0]
}

// known makes the people that the demo and its checks speak of.
func (g *generator) known() {
	today := g.Config.Today
	first := &g.Authorities[0]
	add := func(born int, plan Plan) int {
		p := g.child(0, g.family(), today-ledger.Day(born))
		p.Area, p.School = first.Areas[0], ""
		if born < 17*365 {
			p.School = first.Schools[0]
		}
		p.Plans = []Plan{g.held(plan)}
		g.People = append(g.People, p)
		return len(g.People) - 1
	}
	g.Known.CPP = add(8*365, Plan{Type: ledger.ChildProtection, Start: today - 220})
	g.Known.LAC = add(10*365, Plan{Type: ledger.LookedAfter, Start: today - 400})
	g.Known.UCPP = add(27*365, Plan{Type: ledger.UnbornChild, Start: today - 110, End: today + 60})
	g.People[g.Known.UCPP].Given = "Marian"
	g.Known.Ended = add(7*365, Plan{Type: ledger.ChildProtection, Start: today - 500, End: today - 100})
	g.Known.Expired = add(9*365, Plan{Type: ledger.ChildProtection, Start: today - 800, End: today - 400})
}

func (g *generator) child(authority int, family string, birth ledger.Day) Person {
	a := &g.Authorities[authority]
	p := Person{
		NHSNumber: g.numbers.next(), Family: family, Given: pick(g.r, given), Birth: birth, Authority: authority,
		Area: pick(g.r, a.Areas), Practice: a.Practice, Since: max(birth, g.Config.Today-ledger.Day(between(g.r, 100, 900))),
	}
	if g.r.IntN(4) == 0 {
		p.Given += " " + pick(g.r, given)
	}
	if age := g.Config.Today - birth; age > 5*365 && age < 16*365 {
		p.School = pick(g.r, a.Schools)
	}
	return p
}

func (g *generator) mother(authority int) {
	today := g.Config.Today
	p := g.child(authority, g.family(), today-ledger.Day(between(g.r, 17*365, 41*365)))
	p.Given, p.School = pick(g.r, mothers), ""
	end := today + ledger.Day(between(g.r, -60, 150))
	start := min(end-ledger.Day(between(g.r, 60, 160)), today)
	p.Plans = []Plan{g.held(Plan{Type: ledger.UnbornChild, Start: start, End: end})}
	g.People = append(g.People, p)
}

// plans gives a child one plan, or a looked-after child its earlier child
// protection plan as well. Six in ten are in force; the others ended, a third of
// them so long ago that nobody sees them.
func (g *generator) plans(birth ledger.Day) []Plan {
	today := g.Config.Today
	start := max(birth, today-ledger.Day(between(g.r, 1, 700)))
	kind := ledger.ChildProtection
	if g.r.IntN(100) < 38 {
		kind = ledger.LookedAfter
	}
	switch n := g.r.IntN(100); {
	case n < 62:
	case n < 80 && start < today-14:
		return []Plan{g.held(Plan{Type: kind, Start: start, End: ledger.Day(between(g.r, int(start)+7, int(today)-1))})}
	case n < 90 && birth < today-900:
		end := today - ledger.Day(between(g.r, 366, 600))
		return []Plan{g.held(Plan{Type: kind, Start: max(birth, end-ledger.Day(between(g.r, 60, 300))), End: end})}
	case kind == ledger.LookedAfter && start > birth+200:
		before := max(birth, start-ledger.Day(between(g.r, 60, 190)))
		return []Plan{
			g.held(Plan{Type: ledger.ChildProtection, Start: before, End: start}),
			g.held(Plan{Type: ledger.LookedAfter, Start: start}),
		}
	}
	return []Plan{g.held(Plan{Type: kind, Start: start})}
}

// held adds what only the authority itself knows of a plan.
func (g *generator) held(p Plan) Plan {
	g.local++
	p.LocalID, p.Team = fmt.Sprintf("C%06d", g.local), pick(g.r, teams)
	p.Worker = pick(g.r, mothers) + " " + g.family()
	return p
}
