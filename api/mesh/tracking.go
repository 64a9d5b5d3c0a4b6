package mesh

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// State is what has become of a message of ours.
type State string

// The states that MESH knows.
const (
	Uploading    State = "uploading"    // chunks are missing; it is not delivered until they come
	Accepted     State = "accepted"     // it lies in the recipient's inbox
	Acknowledged State = "acknowledged" // the recipient has it
	Failed       State = "failed"       // it was not delivered; a Report says so too
)

// Tracking is what MESH says of a message of ours.
type Tracking struct {
	MessageID string
	LocalID   string
	State     State
	Code      string    // MESH's error code, for Failed
	At        time.Time // of the last change, UTC; zero where MESH gave none
}

// Track asks what became of a message of ours, by its MESH id. MESH does not
// want to be asked often.
func (c *Client) Track(ctx context.Context, id string) (Tracking, error) {
	if !messageID.MatchString(id) {
		return Tracking{}, &Error{Code: NotFound, Step: "track", detail: "that is no message id"}
	}
	b, err := c.document(ctx, &call{step: "track", method: http.MethodGet, path: []string{"outbox", "tracking"}, query: url.Values{"messageID": {id}}})
	if err != nil {
		return Tracking{}, of(err, id)
	}
	t, err := parseTracking(b)
	if err == nil && t.MessageID != id {
		err = badAnswer("track", "it is about another message")
	}
	return t, of(err, id)
}

// Find asks what became of a message of ours, by the local id it was sent
// under: the way to learn what followed [Unknown]. [NotFound]: MESH has no such
// message; where it was sent a moment ago, ask again before believing that.
// [SentTwice]: it has several.
//
// MESH calls this request deprecated, and has no other that goes without its own id.
func (c *Client) Find(ctx context.Context, local string) (Tracking, error) {
	if !localID(local) {
		return Tracking{}, notSendable("the local id is not 1 to 100 letters, digits, hyphens, underscores and dots")
	}
	b, err := c.document(ctx, &call{step: "find", method: http.MethodGet, path: []string{"outbox", "tracking", local}})
	if e := (*Error)(nil); errors.As(err, &e) && e.Status == http.StatusMultipleChoices {
		return Tracking{}, &Error{Code: SentTwice, Step: "find", Status: e.Status}
	}
	if err != nil {
		return Tracking{}, err
	}
	t, err := parseTracking(b)
	if err == nil && t.LocalID != local {
		err = badAnswer("find", "it is about another message")
	}
	return t, err
}
