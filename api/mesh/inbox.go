package mesh

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// Ask says which messages of the inbox to list.
type Ask struct {
	Max      int    // at most so many, 10 to 5000; 0: MESH's own 500
	From     string // Page.Next of the page before; empty: the first page
	Workflow string // MESH's workflow filter, such as "X" or "!X*"; empty: all
}

// Inbox lists message ids that are ready to be downloaded.
func (c *Client) Inbox(ctx context.Context, ask Ask) (Page, error) {
	q := url.Values{}
	if ask.Max != 0 {
		if ask.Max < 10 || ask.Max > 5000 {
			return Page{}, &Error{Code: Misconfigured, Step: "inbox", detail: "a page has 10 to 5000 messages"}
		}
		q.Set("max_results", strconv.Itoa(ask.Max))
	}
	if ask.From != "" {
		q.Set("continue_from", ask.From)
	}
	if ask.Workflow != "" {
		q.Set("workflow_filter", ask.Workflow)
	}
	b, err := c.document(ctx, &call{step: "inbox", method: http.MethodGet, path: []string{"inbox"}, query: q})
	if err != nil {
		return Page{}, err
	}
	return parsePage(b)
}

// Acknowledge tells MESH that a message was dealt with: it leaves the inbox for
// good. Acknowledging twice, or what has expired, is no error.
func (c *Client) Acknowledge(ctx context.Context, id string) error {
	if !messageID.MatchString(id) {
		return &Error{Code: NotFound, Step: "acknowledge", detail: "that is no message id"}
	}
	a, err := c.do(ctx, &call{step: "acknowledge", method: http.MethodPut, path: []string{"inbox", id, "status", "acknowledged"}})
	if errors.Is(err, Gone) {
		return nil
	}
	if err != nil {
		return of(err, id)
	}
	a.close()
	return nil
}

// Count returns how many messages wait in the inbox. MESH keeps this call for
// old clients; [Page] has an estimate too.
func (c *Client) Count(ctx context.Context) (int, error) {
	b, err := c.document(ctx, &call{step: "count", method: http.MethodGet, path: []string{"count"}})
	if err != nil {
		return 0, err
	}
	return parseCount(b)
}
