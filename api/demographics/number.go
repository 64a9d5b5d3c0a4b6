package demographics

// numberOf reads an NHS number: ten ASCII digits whose last one checks the
// others (modulus 11). Zero stands for anything else; no valid number is zero
// but 0000000000, which nobody has.
func numberOf(s string) uint64 {
	if len(s) != 10 {
		return 0
	}
	var n uint64
	sum := 0
	for i := range 10 {
		d := s[i]
		if d < '0' || d > '9' {
			return 0
		}
		n = n*10 + uint64(d-'0')
		if i < 9 {
			sum += int(d-'0') * (10 - i)
		}
	}
	if (11-sum%11)%11 != int(s[9]-'0') {
		return 0
	}
	return n
}

// digits is the inverse of numberOf.
func digits(n uint64) string {
	var b [10]byte
	for i := 9; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b[:])
}
