package synthetic

import (
	"fmt"
	"math/rand/v2"

	"custos/ledger"
)

// RegisterColumns are the columns of a register file as package api/demographics reads it, in the order
// written here.
var RegisterColumns = []string{"nhs_number", "family_name", "given_names", "date_of_birth", "postcode", "other_names", "restricted", "superseded_by", "invalid"}

// outOfUse chooses who is restricted, and makes two numbers that are out of use. It comes last, so that what was made
// before it stays as it was.
func (g *generator) outOfUse() {
	k := &g.Known
	k.Restricted = len(g.People) - 1
	for i := k.Expired + 1; i < len(g.People); i++ {
		p := &g.People[i]
		if l := p.Plans[len(p.Plans)-1]; p.Authority == 0 && l.Type != ledger.UnbornChild && l.End == 0 {
			k.Restricted = i
			break
		}
	}
	k.Superseded, k.Invalidated = g.numbers.next(), g.numbers.next()
}

// Register returns a register of everybody as a CSV file, and how many rows it has: those with plans as
// their authorities know them, the strangers, whom it alone gives names, and the numbers out of use.
// Families share a postcode; some grown-ups have a former surname.
func (s *Synthetic) Register() ([]byte, int, error) {
	g := generator{r: rand.New(rand.NewPCG(s.Config.Seed, 0x7265676973746572))}
	rows := [][]string{RegisterColumns}
	add := func(number, family, given string, birth ledger.Day, postcode, mark string) {
		other := ""
		if birth.AddYears(18) <= s.Config.Today && g.r.IntN(3) == 0 {
			other = g.family() + "/" + given
		}
		rows = append(rows, []string{number, family, given, birth.String(), postcode, other, mark, "", ""})
	}
	home := ""
	for i := range s.People {
		p := &s.People[i]
		if i == 0 || p.Family != s.People[i-1].Family {
			home = g.postcode()
		}
		mark := ""
		if i == s.Known.Restricted {
			mark = "R"
		}
		add(p.NHSNumber, p.Family, p.Given, p.Birth, home, mark)
	}
	for _, n := range s.Strangers {
		add(n, g.family(), pick(g.r, given), s.Config.Today-ledger.Day(between(g.r, 40, 40*365)), g.postcode(), "")
	}
	rows = append(rows,
		[]string{s.Known.Superseded, "", "", "", "", "", "", s.People[s.Known.CPP].NHSNumber, ""},
		[]string{s.Known.Invalidated, "", "", "", "", "", "", "", "yes"})
	b, err := encode(rows)
	return b, len(rows) - 1, err
}

// postcode is of the area ZZ, which is no place.
func (g *generator) postcode() string {
	letter := func() byte { return "ABDEFGHJLNPQRSTUWXYZ"[g.r.IntN(20)] }
	return fmt.Sprintf("ZZ%d %d%c%c", between(g.r, 1, 98), between(g.r, 1, 9), letter(), letter())
}
