package synthetic

import (
	"bufio"
	"fmt"
	"io"

	"custos/ledger"
)

// Nation is a country's worth of plans, schools and a year of enrolment rows,
// made as it is written: nothing of it is kept, so its size costs no memory.
// Every value follows from its place in the whole.
//
// The range of NHS numbers that nobody has holds 909,090. The first Plans are
// people with a plan, all others are pupils without one, who come up again and
// again as rows go on: a year of rows has as many different people as there are
// numbers, not as there are pupils.
type Nation struct {
	Plans       int // people with one plan each
	Schools     int
	Authorities int // three at least
	Caseload    int // people of each of the three large lists, below
	Today       ledger.Day

	School, Area string // places of the first two large lists
}

// The plans are, in this order: on the caseload of School; on that of Area,
// every third a mother with an unborn child's plan; in no caseload, all of the
// first authority; and everybody else, over the other authorities and schools.
// Those of the first two lists are of the second authority.
const (
	listSchool = iota
	listArea
	listUnassigned
	listOthers
)

// PlanEvery is after how many enrolment rows one names somebody with a plan: of
// about nine million pupils 200,000.
const PlanEvery = 45

const (
	nationFrom = 999_000_000
	nationURN  = 100_000
)

// NewNation checks a nation's measures. Its error is ErrConfig.
func NewNation(n Nation) (*Nation, error) {
	switch {
	case n.Today == 0 || n.School == "" || n.Area == "":
		return nil, fmt.Errorf("%w: a nation needs a day, a school and an area", ErrConfig)
	case n.Authorities < 3 || n.Authorities > 500 || n.Schools < 1 || n.Schools > 800_000:
		return nil, fmt.Errorf("%w: 3 to 500 authorities and 1 to 800000 schools", ErrConfig)
	case n.Caseload < 1 || n.Plans < listOthers*n.Caseload+1 || n.Plans > MaxChildren:
		return nil, fmt.Errorf("%w: more than three caseloads' plans, at most %d", ErrConfig, MaxChildren)
	}
	return &n, nil
}

// Authority is an authority's code.
func (n *Nation) Authority(i int) string { return fmt.Sprintf("D9N%03d", i+1) }

// EachAuthority walks codes and names.
func (n *Nation) EachAuthority(each func(code, name string) error) error {
	for i := range n.Authorities {
		if err := each(n.Authority(i), fmt.Sprintf("%s Council %d", towns[i%len(towns)], i/len(towns)+1)); err != nil {
			return err
		}
	}
	return nil
}

// WriteSchools writes every school as GIAS has them.
func (n *Nation) WriteSchools(to io.Writer) error {
	w := bufio.NewWriter(to)
	fmt.Fprintln(w, "URN,LA (code),EstablishmentName,CloseDate,GSSLACode (name)") // an error stays with the writer
	for i := range n.Schools {
		fmt.Fprintf(w, "%d,%s,Nation School %d,,\n", nationURN+i, n.Authority(2+i%(n.Authorities-2)), i+1) // none lies in the first two
	}
	return w.Flush()
}

func (n *Nation) list(person int) int { return min(person/n.Caseload, listOthers) }

func (n *Nation) authorityOf(person int) int {
	switch n.list(person) {
	case listUnassigned:
		return 0
	case listOthers:
		return 2 + person%(n.Authorities-2)
	}
	return 1
}

// WritePlans writes an authority's upload.
func (n *Nation) WritePlans(to io.Writer, authority int) (rows int, err error) {
	w := bufio.NewWriter(to)
	fmt.Fprintln(w, "nhs_number,family_name,given_names,date_of_birth,plan_type,start,end,delete,local_id,team,worker")
	numbers := new(spread)
	for i := range n.Plans {
		number := numbers.next()
		if n.authorityOf(i) != authority {
			continue
		}
		birth, kind, end := n.Today-ledger.Day(400+i%5500), "CPP", ""
		if n.list(i) == listArea && i%3 == 0 {
			birth, kind, end = n.Today-ledger.Day(9000+i%3000), "UCPP", (n.Today + 120).String()
		} else if i%4 == 0 {
			kind = "LAC"
		}
		fmt.Fprintf(w, "%s,%s,%s,%s,%s,%s,%s,,n%d,Team %d,Worker %d\n", number, familyStart[i%len(familyStart)]+familyEnd[i/len(familyStart)%len(familyEnd)], given[i%len(given)],
			birth, kind, n.Today-ledger.Day(30+i%300), end, i, i%9, i%40)
		rows++
	}
	return rows, w.Flush()
}

const nationHeader = "nhs_number,school,area,practice,from,to,change"

// WriteCaseloads writes the enrolments of the two large caseloads.
func (n *Nation) WriteCaseloads(to io.Writer) error {
	w := bufio.NewWriter(to)
	fmt.Fprintln(w, nationHeader)
	numbers := new(spread)
	for i := range 2 * n.Caseload {
		school, area := n.School, ""
		if n.list(i) == listArea {
			school, area = "", n.Area
		}
		fmt.Fprintf(w, "%s,%s,%s,,2025-09-01,,\n", numbers.next(), school, area)
	}
	return w.Flush()
}

// Enrolments walks a year's rows of enrolments, as far as it is asked.
type Enrolments struct {
	n       *Nation
	row     int
	planned *spread // those with a plan who are on no large list, again and again
	others  *spread
	person  int
	round   int
}

// NewEnrolments begins the year.
func (n *Nation) NewEnrolments() *Enrolments {
	e := &Enrolments{n: n, others: new(spread)}
	for range n.Plans {
		e.others.next()
	}
	e.others.from = e.others.at
	e.begin()
	return e
}

func (e *Enrolments) begin() {
	e.planned, e.person = new(spread), listOthers*e.n.Caseload
	for range e.person {
		e.planned.next()
	}
}

// Write writes the next rows as a file of their own. Of every [PlanEvery] one
// names somebody with a plan, who joins a school, and moves to the next when
// their turn comes again.
func (e *Enrolments) Write(to io.Writer, rows int) error {
	w := bufio.NewWriter(to)
	fmt.Fprintln(w, nationHeader)
	for range rows {
		if e.row%PlanEvery == 0 {
			if e.person == e.n.Plans {
				e.round++
				e.begin()
			}
			school, from, change := (e.person+e.round)%e.n.Schools, ledger.Day(20_000)+ledger.Day(30*e.round), "join"
			if e.round > 0 {
				change = "move"
			}
			fmt.Fprintf(w, "%s,%d,,,%s,,%s\n", e.planned.next(), nationURN+school, from, change)
			e.person++
		} else {
			fmt.Fprintf(w, "%s,%d,,,2025-09-01,,\n", e.others.next(), nationURN+e.row%e.n.Schools)
		}
		e.row++
	}
	return w.Flush()
}

// spread walks the valid numbers of the range in order, and begins again.
type spread struct{ from, at int }

func (s *spread) next() string {
	for {
		if s.at == 2*half {
			s.at = s.from
		}
		number, ok := withCheckDigit(nationFrom + s.at)
		s.at++
		if ok {
			return number
		}
	}
}
