package meshtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

// window is how far a header's time may be from the server's.
const window = 2 * time.Hour

// token is an Authorization header taken apart.
type token struct{ mailbox, nonce, count, stamp, hash string }

var (
	uuidForm  = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	countForm = regexp.MustCompile(`^\d{1,20}$`)
	stampForm = regexp.MustCompile(`^\d{12}$`)
	hashForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// parseToken takes a header apart, to the letter.
func parseToken(header string) (token, bool) {
	rest, ok := strings.CutPrefix(header, "NHSMESH ")
	p := strings.Split(rest, ":")
	if !ok || len(p) != 5 {
		return token{}, false
	}
	t := token{p[0], p[1], p[2], p[3], p[4]}
	ok = t.mailbox != "" && t.mailbox == strings.ToUpper(t.mailbox) && uuidForm.MatchString(t.nonce) &&
		countForm.MatchString(t.count) && stampForm.MatchString(t.stamp) && hashForm.MatchString(t.hash)
	return t, ok
}

// authorise returns why a request for a mailbox is not let through, or "".
func (s *Server) authorise(mailbox, header string) string {
	t, ok := parseToken(header)
	if !ok {
		return "Error reading from Authorization header"
	}
	if t.mailbox != mailbox {
		return "Mailbox id does not match token"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	password, ok := s.boxes[mailbox]
	if !ok {
		return "No mailbox matched"
	}
	h := hmac.New(sha256.New, []byte(s.o.SharedKey))
	h.Write([]byte(strings.Join([]string{t.mailbox, t.nonce, t.count, password, t.stamp}, ":")))
	if !hmac.Equal([]byte(hex.EncodeToString(h.Sum(nil))), []byte(t.hash)) {
		return "Invalid Authentication Token"
	}
	now := s.o.Now().UTC()
	at, err := time.Parse("200601021504", t.stamp)
	if err != nil || now.Sub(at).Abs() > window {
		return "Invalid Authentication Token"
	}
	for once, when := range s.seen {
		if now.Sub(when).Abs() > 2*window {
			delete(s.seen, once)
		}
	}
	once := t.nonce + ":" + t.count
	if _, used := s.seen[once]; used {
		return "Error Duplicated Authentication Token"
	}
	s.seen[once] = now
	return ""
}
