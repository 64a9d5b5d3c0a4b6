package mesh

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// signer makes the Authorization header of each request:
//
//	NHSMESH mailbox:nonce:count:yyyyMMddHHmm:HMAC-SHA256
//
// in UTC, where the HMAC, in lower-case hex, is under the environment's shared
// key and over mailbox:nonce:count:password:timestamp. MESH takes each header
// once, within two hours of its own clock.
type signer struct {
	mailbox  string
	password []byte
	key      []byte
	now      func() time.Time

	mu    sync.Mutex
	nonce string
	count uint64
}

func newSigner(mailbox string, password, key []byte, now func() time.Time) *signer {
	return &signer{mailbox: mailbox, password: password, key: key, now: now, nonce: uuid.NewString()}
}

// header returns a value that was never returned before: the nonce is this
// process's own and the count goes up.
func (s *signer) header() string {
	s.mu.Lock()
	count := s.count
	s.count++
	s.mu.Unlock()
	return authorization(s.mailbox, s.nonce, count, s.password, s.key, s.now())
}

func authorization(mailbox, nonce string, count uint64, password, key []byte, now time.Time) string {
	stamp := now.UTC().Format("200601021504")
	public := mailbox + ":" + nonce + ":" + strconv.FormatUint(count, 10) + ":"
	h := hmac.New(sha256.New, key)
	h.Write([]byte(public))
	h.Write(password)
	h.Write([]byte(":" + stamp))
	return "NHSMESH " + public + stamp + ":" + hex.EncodeToString(h.Sum(nil))
}
