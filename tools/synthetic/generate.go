// Package synthetic makes people, plans, places and past lookups that never
// existed: the same seed gives the same bytes on every machine. NHS numbers are
// of the 999 range, which is issued to nobody; telephone numbers are of the
// ranges kept free for drama; names are invented.
package synthetic

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"custos/ledger"
)

// GenConfig says what to make. Zero fields take the demo's values, but for
// Today, which must be given: this package reads no clock.
type GenConfig struct {
	Seed        uint64
	Children    int        // people with a plan, mothers among them: 400
	Authorities int        // local authorities: 3
	Schools     int        // schools of all authorities: 12
	Today       ledger.Day // the day on which everything is true
	Days        int        // days of history before Today: 90
	Visits      int        // past lookups: two for each of Children
	UpperHalf   bool       // take NHS numbers from the other half of the range, so that two sets share none
}

// Limits of a [GenConfig].
const (
	MaxChildren    = 400_000 // of 454,545 valid numbers in one half of the range
	MaxAuthorities = 60
	minChildren    = 12
)

// ErrConfig marks a configuration that cannot be made.
var ErrConfig = errors.New("synthetic data cannot be made so")

// Synthetic is one set of made-up data.
type Synthetic struct {
	Config        GenConfig
	Authorities   []Authority
	Organisations []ledger.Organisation // authorities, trusts and their units, practices, schools and areas
	People        []Person              // all have, or had, a plan
	Strangers     []string              // valid NHS numbers of people without any plan
	Known         Known
	Actors        []Actor // who made the past lookups
	Visits        []Visit // in order of time, all before Today
}

// Authority is a local authority with its places, by code.
type Authority struct {
	Code     string
	Name     string
	Practice string
	Schools  []string
	Areas    []string
}

// Known points at people of the first authority for whom something particular
// is true on Today.
type Known struct {
	CPP     int    // active child protection plan; at the first school and in the first area
	LAC     int    // active looked-after child; at the first school
	UCPP    int    // an adult mother with an active unborn child's plan; in the first area
	Ended   int    // a child protection plan that ended 100 days ago
	Expired int    // a child protection plan that ended 400 days ago
	None    string // a valid NHS number without a plan

	// In the register alone; see [Synthetic.Register].
	Restricted  int    // a child of the first authority with a plan in force, whom the register restricts
	Superseded  string // a number that that of CPP has superseded
	Invalidated string // a number that is out of use, with nothing in its place
}

// Generate makes the data. Its error is ErrConfig.
func Generate(c GenConfig) (*Synthetic, error) {
	c = c.withDefaults()
	switch {
	case c.Today == 0:
		return nil, fmt.Errorf("%w: no day is given", ErrConfig)
	case c.Children < minChildren || c.Children > MaxChildren:
		return nil, fmt.Errorf("%w: between %d and %d children", ErrConfig, minChildren, MaxChildren)
	case c.Authorities < 1 || c.Authorities > MaxAuthorities:
		return nil, fmt.Errorf("%w: between 1 and %d authorities", ErrConfig, MaxAuthorities)
	case c.Schools < c.Authorities || c.Schools > 9000:
		return nil, fmt.Errorf("%w: at least one school for each authority, at most 9000", ErrConfig)
	case c.Days < 0 || c.Days > 3650 || c.Visits < 0 || c.Visits > 10_000_000:
		return nil, fmt.Errorf("%w: too long a history", ErrConfig)
	}
	g := &generator{Synthetic: Synthetic{Config: c}, r: rand.New(rand.NewPCG(c.Seed, 0x637573746f73))}
	g.numbers = newNumbers(g.r, c.UpperHalf)
	g.organisations()
	g.people()
	g.actors()
	g.visits()
	g.outOfUse()
	return &g.Synthetic, nil
}

func (c GenConfig) withDefaults() GenConfig {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Children, 400)
	def(&c.Authorities, 3)
	def(&c.Schools, max(12, c.Authorities))
	def(&c.Days, 90)
	def(&c.Visits, 2*c.Children)
	return c
}

type generator struct {
	Synthetic
	r       *rand.Rand
	numbers *numbers
	local   int
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// between returns a number from a to b, both included.
func between(r *rand.Rand, a, b int) int { return a + r.IntN(b-a+1) }
