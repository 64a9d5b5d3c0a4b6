package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"custos/api/demographics"
)

// Register says which register of demographics uploads are compared with:
// a file, or the Personal Demographics Service. Without one nobody is asked.
type Register struct {
	File string `json:"file,omitempty"` // CSV; readable by the owner alone, and not in the data folder
	PDS  *PDS   `json:"pds,omitempty"`

	// UnknownNumbers says what becomes of a row whose NHS number the register
	// does not know: "unmatched" (the default) puts it on the worklist, "accept"
	// takes it unchecked, which is for a register that holds some people only.
	UnknownNumbers string `json:"unknownNumbers,omitempty"`
}

// PDS is how the Personal Demographics Service is reached; docs/DEMOGRAPHICS.md
// says what each is.
type PDS struct {
	Base         string `json:"base"`
	Token        string `json:"token"`
	APIKey       string `json:"apiKey"`
	KeyID        string `json:"keyId"`
	KeyFile      string `json:"keyFile"` // readable by the owner alone
	Organisation string `json:"organisation,omitempty"`
	Rate         int    `json:"rate,omitempty"`
	InFlight     int    `json:"inFlight,omitempty"`
	Attempts     int    `json:"attempts,omitempty"`
	Timeout      string `json:"timeout,omitempty"` // such as 10s
}

// paths are the paths that the file may give relative to itself.
func (r *Register) paths() []*string {
	if r == nil {
		return nil
	}
	if r.PDS == nil {
		return []*string{&r.File}
	}
	return []*string{&r.File, &r.PDS.KeyFile}
}

func (r *Register) check(data string) error {
	if r == nil {
		return nil
	}
	if (r.File == "") == (r.PDS == nil) {
		return misuse("register: give either file or pds")
	}
	if r.UnknownNumbers != "" && r.UnknownNumbers != "unmatched" && r.UnknownNumbers != "accept" {
		return misuse("register: unknownNumbers is unmatched or accept")
	}
	if r.File != "" {
		// A data folder is copied and shown; what is in clear does not belong there.
		if rel, err := filepath.Rel(data, r.File); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return misuse("register: the file holds people in clear and may not be in the data folder")
		}
	}
	return nil
}

// open opens the register; close ends what watches it. Both are nothing without one.
func (r *Register) open(log *slog.Logger) (register demographics.Register, closer func(), err error) {
	if r == nil {
		return nil, func() {}, nil
	}
	secret := r.File
	if r.PDS != nil {
		secret = r.PDS.KeyFile
	}
	if err := ownerAlone(secret); err != nil {
		return nil, nil, err
	}
	if r.PDS != nil {
		p, err := r.PDS.open()
		return p, func() {}, err
	}
	e, err := demographics.OpenEmbedded(demographics.EmbeddedConfig{File: r.File, Logger: log})
	if err != nil {
		return nil, nil, misuse("register: %w", err)
	}
	return e, e.Close, nil
}

func (p *PDS) open() (demographics.Register, error) {
	cfg := demographics.PDSConfig{Base: p.Base, Token: p.Token, APIKey: p.APIKey, KeyID: p.KeyID, KeyFile: p.KeyFile,
		Organisation: p.Organisation, Rate: p.Rate, InFlight: p.InFlight, Attempts: p.Attempts}
	if p.Timeout != "" {
		d, err := time.ParseDuration(p.Timeout)
		if err != nil {
			return nil, misuse("register: timeout: %w", err)
		}
		cfg.Timeout = d
	}
	c, err := demographics.NewPDS(cfg)
	if err != nil {
		return nil, misuse("register: %w", err)
	}
	return c, nil
}

// ownerAlone refuses a file that others may read.
func ownerAlone(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return misuse("read a secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return misuse("%s can be read by others: chmod 600 it", path)
	}
	return nil
}
