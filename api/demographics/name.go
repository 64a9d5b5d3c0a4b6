package demographics

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Letters that Unicode does not take apart, and how people write them without.
var plain = strings.NewReplacer("æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ħ", "h", "ı", "i", "ĸ", "k", "ł", "l",
	"ŋ", "n", "þ", "th", "ŧ", "t")

// fold returns what of a name is compared: its letters and digits, without case, accents, apostrophes,
// hyphens and spaces. "O’Brien-Smith", "OBRIEN SMITH" and "obriensmith" are one name; "Zoë" is "Zoe". Marks that
// are part of a script (the vowels of Devanagari) stay; those that any script may carry go.
func fold(s string) string {
	if folded, ok := foldASCII(s); ok {
		return folded
	}
	s = plain.Replace(cases.Fold().String(norm.NFKD.String(s)))
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r):
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			return r
		}
		return -1
	}, norm.NFKD.String(s))
}

// foldASCII is fold for what nearly every name is made of.
func foldASCII(s string) (string, bool) {
	b := make([]byte, 0, 64)
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return "", false
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b = append(b, c)
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		}
	}
	return string(b), true
}

// words returns the folded names of a list that is separated by spaces; a hyphenated name is one of them.
func words(s string) []string { return folded(strings.FieldsFunc(s, unicode.IsSpace)) }

// parts is words with hyphenated names taken apart as well.
func parts(s string) []string {
	return folded(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Hyphen, r) || unicode.Is(unicode.Dash, r)
	}))
}

func folded(names []string) []string {
	out := names[:0]
	for _, n := range names {
		if f := fold(n); f != "" {
			out = append(out, f)
		}
	}
	return out
}

// foldPostcode returns a postcode's letters and digits in upper case.
func foldPostcode(s string) string { return strings.ToUpper(fold(s)) }
