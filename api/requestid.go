package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"custos/ledger"
)

// requestInfo accompanies one request: the identifiers it came with, and what was answered. It is the
// http.ResponseWriter that handlers write to.
type requestInfo struct {
	http.ResponseWriter
	RequestID     string // the caller's X-Request-ID, or one we made
	CorrelationID string // the caller's X-Correlation-ID; may be empty
	TraceID       string // the caller's TraceID; may be empty

	given   bool   // RequestID is the caller's
	route   string // the route's template, never the path: paths may hold identifiers
	code    string // of the problem that was written
	status  int
	written int64
	paced   bool // the server's write timeout is off: each write gets its own
	conn    *conn
	head    bool // a HEAD request: nothing of a body is written
}

type requestInfoKey struct{}

// requestInfoOf is what [edge] knows of r; nil outside of it.
func requestInfoOf(r *http.Request) *requestInfo {
	i, _ := r.Context().Value(requestInfoKey{}).(*requestInfo)
	return i
}

// begin makes the requestInfo of r, and the request that carries it.
func begin(w http.ResponseWriter, r *http.Request) (*requestInfo, *http.Request, *Problem) {
	i := &requestInfo{ResponseWriter: w, route: "none", head: r.Method == http.MethodHead}
	i.conn, _ = r.Context().Value(connKey{}).(*conn)
	r = r.WithContext(context.WithValue(r.Context(), requestInfoKey{}, i))
	var bad bool
	for _, h := range []struct {
		name string // as net/http spells it
		to   *string
	}{{"X-Request-Id", &i.RequestID}, {"X-Correlation-Id", &i.CorrelationID}, {"Traceid", &i.TraceID}} {
		switch given := r.Header[h.name]; {
		case len(given) == 0:
		case len(given) == 1 && (isUUID(given[0]) || h.name == "Traceid" && isFHIR(r) && isTrace(given[0])):
			*h.to = given[0]
			w.Header()[h.name] = given
		default:
			bad = true
		}
	}
	if i.given = i.RequestID != ""; !i.given {
		i.RequestID = uuid.NewString()
		w.Header()["X-Request-Id"] = []string{i.RequestID}
	}
	if bad {
		return i, r, problem("request-id-format")
	}
	return i, r, nil
}

// isTrace reports whether s is a caller's own reference, which CP-IS takes for
// a TraceID where it recommends a UUID: a word, and not one like a person's number.
func isTrace(s string) bool {
	return within(s, 1, 64) && madeOf(s, "._:-") && !isNHSNumber(s)
}

// isUUID wants the 36 characters of RFC 9562 and none of the other spellings.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') {
			return false
		} else if !dash && !('0' <= s[i] && s[i] <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// keyAhead is how far in the future a key of the server's own form may be.
const keyAhead = 5 * ledger.Minute

// idempotencyKey reads the Idempotency-Key, in quotation marks (as the IETF draft has it) or without, and
// makes one if there is none. The answer carries the key either way.
func idempotencyKey(w http.ResponseWriter, r *http.Request, now ledger.Time) (ledger.ID, *Problem) {
	given := r.Header["Idempotency-Key"]
	if len(given) == 0 {
		// It begins with the time: new ids stand together in the ledger's index, where they are looked for.
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			return ledger.ID{}, problem("internal")
		}
		key := ledger.TimedID(now, random)
		w.Header()["Idempotency-Key"] = []string{uuid.UUID(key).String()}
		return key, nil
	}
	s := given[0]
	if len(s) == 38 && s[0] == '"' && s[37] == '"' {
		s = s[1:37]
	}
	if len(given) > 1 || !isUUID(s) {
		return ledger.ID{}, problem("idempotency-key-format")
	}
	parsed, err := uuid.Parse(s)
	key := ledger.ID(parsed)
	// One of our own form, from a future that we have not seen, was not made here: it would stand
	// before every new key in the index that knows them to be new.
	if err != nil || key.Timed() && key.Moment() > now+keyAhead {
		return ledger.ID{}, problem("idempotency-key-format")
	}
	w.Header()["Idempotency-Key"] = []string{s}
	return key, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (i *requestInfo) Unwrap() http.ResponseWriter { return i.ResponseWriter }

// WriteHeader notes the status.
func (i *requestInfo) WriteHeader(status int) {
	if i.status == 0 && status >= 200 {
		i.status = status
	}
	i.pace()
	i.ResponseWriter.WriteHeader(status)
}

// Write notes how much was written.
func (i *requestInfo) Write(b []byte) (int, error) {
	if i.status == 0 {
		i.status = http.StatusOK
	}
	i.pace()
	if i.conn != nil && i.written == 0 && len(b) >= writeBuffer && !i.head && i.Header()["Content-Length"] != nil {
		i.conn.holdNext()
	}
	n, err := i.ResponseWriter.Write(b)
	i.written += int64(n)
	return n, err
}

// pace gives a reader of a long answer so much time for each part of it.
func (i *requestInfo) pace() {
	if i.paced {
		// A writer without deadlines is a test's.
		_ = http.NewResponseController(i.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTimeout))
	}
}

// finish ends the request: a panic becomes a 500, or a cut connection if an answer had begun (half of one
// must not pass for the whole), and one line is logged. Nothing in it was sent by the caller but its UUID.
func (i *requestInfo) finish(log *slog.Logger, r *http.Request, start time.Time) {
	cut := false
	if v := recover(); v != nil {
		// The value may quote what was sent. The stack holds addresses only.
		stack := stackOnly()
		if w, ok := v.(*workPanic); ok {
			v, stack = w.value, w.stack
		}
		log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("route", i.route), slog.String("request_id", i.RequestID), slog.String("stack", stack))
		if cut = i.status != 0 || aborted(v); !cut {
			writeProblem(i, r, problem("internal"))
		}
	}
	if log.Enabled(r.Context(), slog.LevelInfo) {
		method := r.Method
		if !slices.Contains(anyMethod, method) {
			method = "other"
		}
		attrs := [8]slog.Attr{
			slog.String("method", method), slog.String("route", i.route), slog.Int("status", i.status),
			slog.Int64("us", time.Since(start).Microseconds()), slog.Int64("bytes", i.written), slog.String("request_id", i.RequestID),
		}
		n := 6
		if i.code != "" {
			attrs[n] = slog.String("code", i.code)
			n++
		}
		if cut {
			attrs[n] = slog.Bool("cut", true)
			n++
		}
		log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs[:n]...)
	}
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// aborted tells whether a handler panicked only to cut the connection.
func aborted(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// stackOnly is the stack without the line that repeats the panic's value.
func stackOnly() string {
	var kept []string
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if !strings.HasPrefix(line, "panic(") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
