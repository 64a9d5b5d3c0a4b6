package synthetic

import (
	"fmt"
	"math"
	"sort"

	"custos/ledger"
)

// Actor is somebody who made past lookups.
type Actor struct {
	Subject      string // as the identity provider names them
	Name         string
	RoleName     string
	Organisation string
	Unscheduled  bool // works in unscheduled care
}

// Visit is one past lookup.
type Visit struct {
	At        ledger.Time
	Actor     int // index into Actors
	Person    int // index into People; -1 for somebody without a plan
	NHSNumber string
	Birth     ledger.Day // as the care setting has it; zero if it was not given
}

func (g *generator) actors() {
	add := func(n int, role, organisation string, unscheduled bool) {
		for range n {
			g.Actors = append(g.Actors, Actor{
				Subject: fmt.Sprintf("5550%08d", len(g.Actors)+1), Name: pick(g.r, append(mothers, given...)) + " " + g.family(),
				RoleName: role, Organisation: organisation, Unscheduled: unscheduled,
			})
		}
	}
	add(9, "Emergency Department Nurse", Emergency, true)
	add(4, "Emergency Department Doctor", Emergency, true)
	add(5, "Emergency Department Nurse", OtherUrgent, true)
	add(4, "Midwife", Maternity, true)
	for i := range g.Authorities {
		add(1, "General Medical Practitioner", g.Authorities[i].Practice, false)
	}
	add(2, "Community Paediatrician", Community, false)
}

// visits spreads lookups over the days of history: most from noon to midnight,
// a few people again and again, one in four for somebody without a plan.
func (g *generator) visits() {
	c := g.Config
	var midwives []int
	for i := range g.Actors {
		if g.Actors[i].Organisation == Maternity {
			midwives = append(midwives, i)
		}
	}
	for range c.Visits {
		if c.Days == 0 {
			break
		}
		day := c.Today - ledger.Day(between(g.r, 1, c.Days))
		hour := between(g.r, 12, 23)
		if g.r.IntN(4) == 0 {
			hour = between(g.r, 0, 11)
		}
		v := Visit{
			At:    day.Start() + ledger.Time(hour)*ledger.Hour + ledger.Time(g.r.Int64N(int64(ledger.Hour))),
			Actor: g.r.IntN(len(g.Actors)), Person: -1,
		}
		if g.r.IntN(4) == 0 {
			v.NHSNumber = pick(g.r, g.Strangers)
		} else {
			// The square of an even draw: the first quarter of the people has half of the visits.
			v.Person = int(math.Pow(g.r.Float64(), 2) * float64(len(g.People)))
			p := &g.People[v.Person]
			v.NHSNumber = p.NHSNumber
			if p.Plans[0].Type == ledger.UnbornChild {
				v.Actor = pick(g.r, midwives)
			}
			if g.r.IntN(3) > 0 {
				v.Birth = p.Birth
			}
		}
		g.Visits = append(g.Visits, v)
	}
	sort.SliceStable(g.Visits, func(i, j int) bool { return g.Visits[i].At < g.Visits[j].At })
}
