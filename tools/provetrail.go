package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// proveTrail writes the proof that the entries about a person are all there are.
func (a *app) proveTrail(data, url, tokenFile, ref string) error {
	if err := required(map[string]string{"ref": ref}); err != nil {
		return err
	}
	p, err := ledger.ParsePersonRef(ref)
	if err != nil {
		return failf(ExitUsage, "--ref: %w", err)
	}
	if url != "" {
		return a.proveTrailFrom(url, tokenFile, p)
	}
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	proof, err := guarded(func() (*projection.TrailProof, error) {
		last, ok, err := projection.View{R: f.db}.LastState()
		if err != nil || !ok {
			return nil, errors.Join(err, projection.ErrNoState)
		}
		signed, err := f.covering(last)
		if err != nil {
			return nil, err
		}
		return projection.ProveTrail(f.db, p, signed.note, signed.N)
	})
	if err != nil {
		return f.provingError(err)
	}
	if later := int64(f.db.Head().Size) - int64(proof.State.Seq) - 1; later > 0 {
		fmt.Fprintf(a.stderr, "note: %d entries stand after state entry %d; the proof says nothing of them\n", later, proof.State.Seq)
	}
	return a.writeProof(proof)
}

// proveCaseload writes the proof of whom one access to a caseload showed.
func (a *app) proveCaseload(data string, seq ledger.Seq) error {
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	proof, err := guarded(func() (*projection.CaseloadProof, error) {
		e, err := store.Entry(f.db, seq)
		if err != nil {
			return nil, err
		}
		signed, err := f.covering(seq + ledger.Seq(e.Of-e.Nth-1))
		if err != nil {
			return nil, err
		}
		return projection.ProveCaseload(f.db, seq, signed.note, signed.N)
	})
	if err != nil {
		return f.provingError(err)
	}
	return a.writeProof(proof)
}

// provingError says what it means that a proof cannot be made.
func (f *folder) provingError(err error) error {
	var coded *failure
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(err, store.ErrNoEntry):
		return failf(ExitUsage, "the ledger has %d entries: there is no such entry", f.db.Head().Size)
	case errors.Is(err, projection.ErrNoCaseload):
		return failing(ExitUsage, err)
	case errors.Is(err, projection.ErrNoState), errors.Is(err, projection.ErrUnfinished):
		return failing(ExitIncomplete, err)
	}
	f.struck = true
	return failf(ExitIntegrity, "the ledger does not read; verify says more: %w", err)
}

func (a *app) writeProof(proof any) error {
	b, err := json.Marshal(proof)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	_, err = a.stdout.Write(append(b, '\n'))
	return failing(ExitUnreadable, err)
}

// proveTrailFrom asks a running node for the proof. The node makes a state entry
// first, so that the proof reaches to now. What it sends is written as it came:
// check-trail believes nothing in it.
func (a *app) proveTrailFrom(url, tokenFile string, p ledger.PersonRef) error {
	f := serviceFlags{url, tokenFile}
	s, err := f.open()
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"reference": p.String()})
	if err != nil {
		return failing(ExitUsage, err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	res, err := s.do(context.Background(), http.MethodPost, "/v1/trail-proofs", header, bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // only read
	if res.StatusCode != http.StatusOK {
		return refused(res)
	}
	if _, err := io.Copy(a.stdout, io.LimitReader(res.Body, maxProof)); err != nil {
		return failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
	}
	return nil
}
