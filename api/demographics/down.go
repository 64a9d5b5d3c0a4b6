package demographics

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// ErrDown is what every error of a register is, but for the caller's own cancellation: the register
// cannot be asked now. The caller loads nothing, answers CPF05 and is sent the file again.
var ErrDown = errors.New("the register is down")

// Down is an [ErrDown] with its cause. It holds codes alone: the address that was asked has an NHS number
// in it, and so may have what an HTTP library or the other side says of it.
type Down struct {
	Cause  Cause
	Status int    // of the HTTP answer, 0 if there was none
	Hint   string // what the token endpoint minds, in the words of RFC 6749 and RFC 7519 alone; otherwise empty
}

// Cause is a stable code for why a register is down.
type Cause string

// Causes.
const (
	CauseUnreachable Cause = "unreachable" // no connection: name, route, or nobody there
	CauseTLS         Cause = "tls"         // its certificate, or the handshake
	CauseTimeout     Cause = "timeout"     // no answer in time, or status 408 to the last
	CauseBusy        Cause = "busy"        // status 429 to the last
	CauseServer      Cause = "server"      // status 5xx to the last
	CauseRefused     Cause = "refused"     // our token or our application is not accepted, or our question is not understood
	CauseToken       Cause = "token"       // the token endpoint gives no token
	CauseAnswer      Cause = "answer"      // what came is no answer: content type, size, syntax or shape
)

// Error names cause, status and hint.
func (d *Down) Error() string {
	text := fmt.Sprintf("%v: %s", ErrDown, d.Cause)
	if d.Status != 0 {
		text += fmt.Sprintf(" (HTTP %d)", d.Status)
	}
	if d.Hint != "" {
		text += ": " + d.Hint
	}
	return text
}

// Is makes every Down an ErrDown.
func (*Down) Is(target error) bool { return target == ErrDown }

// unanswered says why there was no HTTP answer. Nothing of err is passed on: a url.Error holds the
// address, and other errors of net/http hold bytes that came.
func unanswered(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return gaveUp(cause)
	}
	var tlsAlert tls.AlertError
	var tlsRecord tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &Down{Cause: CauseTimeout}
	case errors.As(err, &tlsAlert), errors.As(err, &tlsRecord), errors.As(err, &certificate), errors.As(err, &authority):
		return &Down{Cause: CauseTLS}
	case errors.As(err, &op):
		return &Down{Cause: CauseUnreachable}
	}
	return &Down{Cause: CauseAnswer}
}

// gaveUp is the error of a caller whose context has ended: its own wish is not the register's fault, but a
// deadline that passed is a register that did not answer in time.
func gaveUp(cause error) error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("asking the register: %w: %w", &Down{Cause: CauseTimeout}, cause)
	}
	return fmt.Errorf("asking the register: %w", cause)
}
