package tools

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"custos/api/cpis"
)

// heldLine is one line of what the service holds for an authority: a plan, or a
// row of a file that became none.
type heldLine struct {
	State string `json:"state"` // in-force, visible, ended; unmatched, rejected
	cpis.Row
	Code       string            `json:"code"`
	Message    string            `json:"message"`
	FileRow    int               `json:"row"`
	ID         uint64            `json:"id"` // of unmatched and rejected rows: their entry
	Restricted bool              `json:"restricted"`
	Suggestion map[string]string `json:"suggestion"`
}

func (h *heldLine) plan() bool { return h.State != "unmatched" && h.State != "rejected" }

// holdings reads what is held, line by line; each is called with a line that is
// good until the next. The whole is one reading, recorded by the service page by
// page: key names it, and the same key reads the same again.
func (s *service) holdings(ctx context.Context, key string, each func(*heldLine)) error {
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "Idempotency-Key": {key}}
	res, err := s.do(ctx, http.MethodPost, "/v1/holdings", header, strings.NewReader("{}"), 2)
	if err != nil {
		return repeatable(err)
	}
	defer func() { _ = res.Body.Close() }() // only read
	if res.StatusCode != http.StatusOK {
		return repeatable(refused(res))
	}
	return repeatable(failing(ExitNoServer, readHoldings(res.Body, each)))
}

// readHoldings reads the service's answer; a line at a time is in memory. An
// answer that is not whole is an error.
func readHoldings(body io.Reader, each func(*heldLine)) error {
	d := json.NewDecoder(body)
	lines, count := 0, -1
	err := eachMember(d, func(name string) error {
		switch name {
		case "holdings":
			return eachElement(d, func() error {
				var l heldLine
				err := d.Decode(&l)
				if err == nil {
					lines++
					each(&l)
				}
				return err
			})
		case "count":
			return d.Decode(&count)
		}
		var skipped json.RawMessage
		return d.Decode(&skipped)
	})
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	if err != nil || lines != count {
		return errors.New("the holdings do not read, or are not whole")
	}
	return nil
}

// standing is how long a row has stood on the authority's worklist.
type standing struct {
	ID    uint64 `json:"id"`
	Since string `json:"since"`
	Age   int    `json:"ageHours"`
	Twin  bool   `json:"possibleTwin"`
}

// worklist reads the rows that match nobody, by their entries. It names nobody.
func (s *service) worklist(ctx context.Context) (map[uint64]standing, error) {
	b, err := s.get(ctx, "/v1/unmatched")
	if err != nil {
		return nil, repeatable(err)
	}
	var list struct {
		Authorities []struct{ Rows []standing }
	}
	if json.Unmarshal(b, &list) != nil {
		return nil, failf(ExitNoServer, "the service's worklist does not read")
	}
	out := map[uint64]standing{}
	for i := range list.Authorities {
		for _, st := range list.Authorities[i].Rows {
			out[st.ID] = st
		}
	}
	return out, nil
}
