package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// session is somebody who signed in with a browser. It lives in this node's memory alone: a node that restarts
// forgets it, and nobody stays in who was signed out meanwhile (ADR 0021).
type session struct {
	provider string
	acts     []*Identity // what the person may act as
	who      *Identity   // what they have chosen; nil: nothing yet, and so nothing is open to them
	until    time.Time   // the end, however busy
	idle     time.Duration
	used     time.Time
}

// sessions are all of a node's, by the hash of what the browser holds.
type sessions struct {
	mu   sync.Mutex
	all  map[[32]byte]*session
	most int
}

const sessionsKept = 1 << 15

func newSessions() *sessions { return &sessions{all: map[[32]byte]*session{}, most: sessionsKept} }

// begin keeps a session and returns what the browser is to hold: 256 bits that nobody has held before.
func (x *sessions) begin(s *session, now time.Time) (string, *Problem) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process first
	name := base64.RawURLEncoding.EncodeToString(raw[:])
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.all) >= x.most {
		x.sweep(now)
	}
	if len(x.all) >= x.most {
		return "", problem("busy")
	}
	s.used = now
	x.all[sha256.Sum256([]byte(name))] = s
	return name, nil
}

// find returns the session of a browser, or nil. Using it keeps it from idling out; looking whether it is
// there does not.
func (x *sessions) find(name string, now time.Time, use bool) *session {
	key := sha256.Sum256([]byte(name))
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.all[key]
	if s == nil {
		return nil
	}
	if s.over(now) {
		delete(x.all, key)
		return nil
	}
	if use {
		s.used = now
	}
	out := *s // what is handed out does not change any more
	return &out
}

func (s *session) over(now time.Time) bool { return !now.Before(s.until) || now.Sub(s.used) >= s.idle }

// end ends a browser's session.
func (x *sessions) end(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.all, sha256.Sum256([]byte(name)))
}

// endOf ends the session that the issuer calls so, or without its name all of the subject's.
func (x *sessions) endOf(issuer, subject, id string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for key, s := range x.all {
		who := s.acts[0]
		if who.Issuer == issuer && (subject == "" || who.Subject == subject) && (id == "" || who.SessionID == id) {
			delete(x.all, key)
			n++
		}
	}
	return n
}

func (x *sessions) sweep(now time.Time) {
	for key, s := range x.all {
		if s.over(now) {
			delete(x.all, key)
		}
	}
}

func (x *sessions) count(now time.Time) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep(now)
	return len(x.all)
}
