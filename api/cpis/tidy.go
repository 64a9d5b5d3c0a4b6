package cpis

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What others hold, made fit for a message.

// Tidy makes a text one that XML holds and gives back: without controls, with
// single spaces, and of so many bytes at most.
func Tidy(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case strange(r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	for len(s) > most {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}

// Sendable tells whether a text stands in a message as it is.
func Sendable(s string) bool { return !strings.ContainsFunc(s, strange) }

// ValidCode tells whether a code has the form that organisations have here:
// three to ten capital letters and digits.
func ValidCode(s string) bool { return validCode(s) }

// strange is a character that XML does not hold, or that nobody sees.
func strange(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || r >= 0xfffe && r <= 0xffff
}

// UUID writes an identifier as HL7 has it.
func UUID(i [16]byte) string {
	return fmt.Sprintf("%X-%X-%X-%X-%X", i[:4], i[4:6], i[6:8], i[8:10], i[10:])
}
