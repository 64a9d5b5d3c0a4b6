package tools

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// send sends a body as it is written, so that no file of it need be in memory
// or on the disk, and reads the whole answer.
func (x *nationBench) send(method, path, token, media string, write func(io.Writer) error) ([]byte, error) {
	body, pipe := io.Pipe()
	go func() { _ = pipe.CloseWithError(write(pipe)) }()
	q, err := http.NewRequest(method, x.base+path, body)
	if err != nil {
		return nil, failing(ExitUsage, err)
	}
	q.Header.Set("Content-Type", media)
	answer, err := benchDo(q, token)
	_ = body.CloseWithError(errors.New("nobody reads it any more"))
	return answer, err
}

// benchAsk asks for one list.
func benchAsk(url, token, accept string, body []byte) ([]byte, error) {
	q, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, failing(ExitUsage, err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Accept", accept)
	return benchDo(q, token)
}

// benchDo sends a request in somebody's name and reads the whole answer.
func benchDo(q *http.Request, token string) ([]byte, error) {
	if token == "" {
		return nil, failf(ExitUsage, "the demo's env file lacks a token")
	}
	q.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	defer func() { _ = res.Body.Close() }() // only read
	answer, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	if err != nil {
		return nil, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	if res.StatusCode/100 != 2 {
		return nil, failf(exitOf(res.StatusCode), "the service answered %d %s", res.StatusCode, problemCode(answer))
	}
	return answer, nil
}

// peopleOf counts whom a list shows; as CSV it has a line for each plan.
func peopleOf(answer []byte, media string) (int, error) {
	if media == "text/csv" {
		lines, err := csv.NewReader(bytes.NewReader(answer)).ReadAll()
		if err != nil || len(lines) == 0 {
			return 0, failf(ExitNoServer, "the list does not read")
		}
		people := map[string]bool{}
		for _, l := range lines[1:] {
			people[l[0]] = true
		}
		return len(people), nil
	}
	var list struct{ People, Ended []json.RawMessage }
	if err := json.Unmarshal(answer, &list); err != nil {
		return 0, failf(ExitNoServer, "the list does not read: %w", err)
	}
	return len(list.People) + len(list.Ended), nil
}
