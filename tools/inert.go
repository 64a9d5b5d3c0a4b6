package tools

import "strings"

// inert keeps a spreadsheet from running cells that begin like a formula: each
// gets an apostrophe, in place.
func inert(cells []string) []string {
	for i, c := range cells {
		if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
			cells[i] = "'" + c
		}
	}
	return cells
}
