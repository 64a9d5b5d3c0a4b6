package api

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseNHSNumber(t *testing.T) {
	for _, c := range []struct{ in, digits, code string }{
		{"9990000018", "9990000018", ""},
		{"999 000 0018", "9990000018", ""},
		{" 999-000-0018 ", "9990000018", ""},
		{"999\u00a0000\u00a00018", "9990000018", ""},
		{"9000000009", "9000000009", ""},
		{"9449306753", "9449306753", ""},
		{"9434765919", "9434765919", ""},
		{"4857773457", "4857773457", ""},
		{"4857773456", "", "nhs-number-check-digit"},
		{"9912003899", "", "nhs-number-check-digit"},
		{"9999999991", "", "nhs-number-check-digit"},
		{"9990000081", "", "nhs-number-check-digit"},
		{"", "", "nhs-number-format"},
		{"999000001", "", "nhs-number-format"},
		{"99900000180", "", "nhs-number-format"},
		{"999000001X", "", "nhs-number-format"},
		{"999000001\n", "", "nhs-number-format"},
		{"999.000.0018", "", "nhs-number-format"},
		{"+990000018", "", "nhs-number-format"},
		{"٩٩٩٠٠٠٠٠١٨", "", "nhs-number-format"},
		{"９９９０００００１８", "", "nhs-number-format"},
		{strings.Repeat(" ", 31) + "9990000018", "", "nhs-number-format"},
	} {
		n, err := ParseNHSNumber(c.in)
		require.Equal(t, c.digits, n.Digits(), "%q", c.in)
		if c.code == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.code)
		require.Equal(t, NHSNumber{}, n)
	}
}

// Every valid number has one check digit, and any single wrong digit is noticed.
func TestNHSNumberCheckDigit(t *testing.T) {
	for stem := 999000000; stem < 999002000; stem++ {
		valid := 0
		for d := range 10 {
			if _, err := ParseNHSNumber(fmt.Sprintf("%09d%d", stem, d)); err == nil {
				valid++
			}
		}
		require.LessOrEqual(t, valid, 1)
	}
	const good = "9990000018"
	for i := range good {
		for d := byte('0'); d <= '9'; d++ {
			b := []byte(good)
			b[i] = d
			_, err := ParseNHSNumber(string(b))
			require.Equal(t, d == good[i], err == nil)
		}
	}
}

func TestNHSNumberIsWithheld(t *testing.T) {
	n, err := ParseNHSNumber("9990000018")
	require.NoError(t, err)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%o", "%b", "%c", "%U"} {
		fmt.Fprintf(&out, verb+"\n", n)
		fmt.Fprintf(&out, verb+"\n", &n)
		fmt.Fprintf(&out, verb+"\n", []NHSNumber{n})
		fmt.Fprintf(&out, verb+"\n", struct{ n NHSNumber }{n})
	}
	fmt.Fprintln(&out, n, map[NHSNumber]int{n: 1}, fmt.Errorf("looking up %v", n))
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "n", n, "in", struct{ N NHSNumber }{n})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "n", n, "in", struct{ N NHSNumber }{n})
	require.NoError(t, json.NewEncoder(&out).Encode(map[NHSNumber]any{n: n}))
	type both struct {
		N NHSNumber
		A NHSNumber `xml:",attr"`
	}
	require.NoError(t, xml.NewEncoder(&out).Encode(both{n, n}))
	for _, leak := range []string{"9990000018", "57 57 57", "393939", "0x39, 0x39"} {
		require.NotContains(t, out.String(), leak)
	}
	require.Contains(t, out.String(), withheld)
	require.Equal(t, "9990000018", n.Digits())
}

func FuzzParseNHSNumber(f *testing.F) {
	f.Add("999 000 0018")
	f.Add("9990000019")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNHSNumber(s)
		if err != nil {
			require.Contains(t, problems, err.Error())
			return
		}
		again, err := ParseNHSNumber(n.Digits())
		require.NoError(t, err)
		require.Equal(t, n, again)
	})
}
