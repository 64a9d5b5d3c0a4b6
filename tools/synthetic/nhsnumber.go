package synthetic

import (
	"math/rand/v2"
	"strconv"
)

// numbers gives out valid NHS numbers of the 999 range, each once.
type numbers struct {
	r    *rand.Rand
	from int
	seen map[int]bool
}

const half = 500_000 // six free digits, in two halves

func newNumbers(r *rand.Rand, upper bool) *numbers {
	n := &numbers{r: r, seen: make(map[int]bool)}
	if upper {
		n.from = half
	}
	return n
}

func (n *numbers) next() string {
	for {
		middle := n.from + n.r.IntN(half)
		if n.seen[middle] {
			continue
		}
		n.seen[middle] = true
		if s, ok := withCheckDigit(999_000_000 + middle); ok {
			return s
		}
	}
}

// withCheckDigit appends the modulus 11 check digit to nine digits. One number
// in eleven has none.
func withCheckDigit(nine int) (string, bool) {
	s := strconv.Itoa(nine)
	sum := 0
	for i := range s {
		sum += int(s[i]-'0') * (10 - i)
	}
	check := (11 - sum%11) % 11
	if check == 10 {
		return "", false
	}
	return s + strconv.Itoa(check), true
}
