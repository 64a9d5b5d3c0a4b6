package cpis

import (
	"slices"
	"strconv"
	"strings"
)

// repeated are the elements that may stand more than once beside each other:
// only they are counted in a place.
var repeated = []string{
	"record", "pertinentInformation", "subject", "id", "telecom", "message", "acknowledgementRecordDetail", "acknowledgementFileDetail",
	"pertinentInformation1", "pertinentInformation2", "pertinentInformation13", "pertinentInformation14", "pertinentInformation15",
	"indirectAuthority", "value", "given", "prefix", "*",
}

// place is where the cursor stands, with more steps if there are.
func (c *cursor) place(more ...string) string {
	var b strings.Builder
	for _, s := range c.path[1:] {
		b.WriteByte('/')
		b.WriteString(s.name)
		if slices.Contains(repeated, s.name) {
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(s.n))
			b.WriteByte(']')
		}
	}
	for _, m := range more {
		b.WriteByte('/')
		b.WriteString(m)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
