package api

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
)

const withheld = "NHS number withheld"

// NHSNumber is a valid NHS number that cannot be printed by accident: every formatter, logger and
// encoder gets the word "withheld"; only [NHSNumber.Digits] gives it away. It is comparable and may
// be a map key. The zero value is no number.
type NHSNumber struct{ masked [10]byte }

// mask covers the digits in memory, since reflection (a %+v of a struct with an unexported field)
// passes every formatter by. Its high bits keep a masked number from being the zero value.
var mask = func() (m [10]byte) {
	_, _ = rand.Read(m[:]) // never fails: the runtime ends the process instead
	for i := range m {
		m[i] |= 0x80
	}
	return m
}()

// separators are what people type and paste between the groups of a number: spaces, hyphens and
// no-break spaces. They are dropped; nothing else is.
var separators = strings.NewReplacer(" ", "", "-", "", "\u00a0", "")

// ParseNHSNumber reads ten ASCII digits, with or without separators, and checks the last of them
// (modulus 11). Its error is a *Problem: nhs-number-format or nhs-number-check-digit.
func ParseNHSNumber(s string) (NHSNumber, error) {
	if len(s) != 10 {
		if len(s) > 40 {
			return NHSNumber{}, problem("nhs-number-format")
		}
		s = separators.Replace(s)
	}
	if len(s) != 10 {
		return NHSNumber{}, problem("nhs-number-format")
	}
	var n NHSNumber
	sum := 0
	for i := range 10 {
		d := s[i]
		if d < '0' || d > '9' {
			return NHSNumber{}, problem("nhs-number-format")
		}
		if i < 9 {
			sum += int(d-'0') * (10 - i)
		}
		n.masked[i] = d ^ mask[i]
	}
	check := (11 - sum%11) % 11 // 10 equals no digit
	if check != int(s[9]-'0') {
		return NHSNumber{}, problem("nhs-number-check-digit")
	}
	return n, nil
}

// Digits gives the ten digits; every call is a place to ask why. It is empty for the zero value.
func (n NHSNumber) Digits() string {
	if n == (NHSNumber{}) {
		return ""
	}
	var d [10]byte
	for i := range d {
		d[i] = n.masked[i] ^ mask[i]
	}
	return string(d[:])
}

// String withholds the number.
func (NHSNumber) String() string { return withheld }

// LogValue withholds the number from slog.
func (NHSNumber) LogValue() slog.Value { return slog.StringValue(withheld) }

// Format withholds the number from every verb of fmt.
func (NHSNumber) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// MarshalJSON withholds the number: an answer that shows one says so by calling Digits.
func (NHSNumber) MarshalJSON() ([]byte, error) { return []byte(`"` + withheld + `"`), nil }

// MarshalText withholds the number from XML, and from JSON map keys.
func (NHSNumber) MarshalText() ([]byte, error) { return []byte(withheld), nil }
