package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// demoUploaded is the newest file of an authority.
type demoUploaded struct {
	Sequence int64  `json:"sequence"`
	State    string `json:"state"`
}

// lastUpload asks a node for an authority's newest file: an earlier run may have
// sent some, so that no number which the demo wrote down is the last for long.
// Reading it is no access, and leaves no entry.
func (d *demo) lastUpload(ctx context.Context, node string, tokens *tokenMaker, authority string) (demoUploaded, error) {
	var last demoUploaded
	token, err := tokens.issue(&persona{Subject: "998000000001", Name: "Upload Service", Role: "uploader", RoleName: "Upload Service",
		Organisation: authority, OrganisationName: authority}, time.Now())
	if err != nil {
		return last, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, node+"/v1/uploads", nil)
	if err != nil {
		return last, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return last, fmt.Errorf("asking for the newest upload: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read or not, it is done with
	var listed struct {
		Authorities []struct {
			Uploads []demoUploaded `json:"uploads"`
		} `json:"authorities"`
	}
	if answer.StatusCode != http.StatusOK {
		return last, fmt.Errorf("asking for the newest upload: the node answers %d", answer.StatusCode)
	}
	if err := json.NewDecoder(answer.Body).Decode(&listed); err != nil {
		return last, fmt.Errorf("asking for the newest upload: %w", err)
	}
	for _, a := range listed.Authorities {
		for _, u := range a.Uploads[:min(1, len(a.Uploads))] {
			last = u
		}
	}
	return last, nil
}

// waitFile waits until the file that waits in our mailbox is loaded: who looks
// its child up at once is told of no plan otherwise, and nobody is notified.
// Without it everything else works, so a file that is late ends nothing.
func (d *demo) waitFile(ctx context.Context, node string, tokens *tokenMaker) error {
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		last, err := d.lastUpload(ctx, node, tokens, d.state.MESH.Authority)
		if err != nil {
			return err
		}
		if last.Sequence >= d.state.MESH.Sequence && last.State == "closed" {
			return nil
		}
		if time.Since(begun) > 30*time.Second {
			d.say("The file that %s sent by MESH is not loaded yet: until it is, its child is not found. See %s.", d.state.MESH.Name, d.path(d.configs[0].Node+".log"))
			return nil
		}
	}
}
