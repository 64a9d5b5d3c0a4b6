package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"custos/api"
	"custos/api/signin"
)

// Machines says which programs may have a token of ours; docs/SIGNIN.md says what each is.
type Machines struct {
	Issuer  string          `json:"issuer"`        // iss of the tokens; the same on every node
	URL     string          `json:"url,omitempty"` // by which programs reach this node; empty: publicURL
	Key     string          `json:"key"`           // PEM file of a P-256 key, the same on every node; readable by the owner alone
	KeyID   string          `json:"keyId"`
	Life    string          `json:"life,omitempty"` // of a token, such as 5m
	Clients []MachineClient `json:"clients"`
}

// MachineClient is a registered program.
type MachineClient struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	Organisation     string   `json:"organisation"`
	OrganisationName string   `json:"organisationName,omitempty"`
	Role             string   `json:"role"`
	Methods          []string `json:"methods"`
	Keys             string   `json:"keys,omitempty"`
	KeysURL          string   `json:"keysURL,omitempty"`
}

// paths are the paths that the file may give relative to itself.
func (m *Machines) paths() []*string {
	if m == nil {
		return nil
	}
	out := []*string{&m.Key}
	for i := range m.Clients {
		out = append(out, &m.Clients[i].Keys)
	}
	return out
}

// open reads the keys; nil where no program is registered.
func (m *Machines) open(publicURL string, log *slog.Logger) (*api.MachineTokens, error) {
	if m == nil {
		return nil, nil
	}
	b, err := readSecret(m.Key)
	if err != nil {
		return nil, err
	}
	key, err := signin.ParseSigningKey(b, m.KeyID, "ES256")
	clear(b)
	if err != nil {
		return nil, misuse("machines: %s: %w", filepath.Base(m.Key), err)
	}
	cfg := api.Machines{Issuer: m.Issuer, URL: strings.TrimSuffix(publicURL, "/"), Key: key, Logger: log}
	if m.URL != "" {
		cfg.URL = m.URL
	}
	if m.Life != "" {
		if cfg.Life, err = time.ParseDuration(m.Life); err != nil {
			return nil, misuse("machines: life: %w", err)
		}
	}
	for i := range m.Clients {
		cfg.Clients = append(cfg.Clients, api.MachineClient(m.Clients[i]))
	}
	out, err := api.NewMachineTokens(cfg)
	if err != nil {
		return nil, misuse("%w", err)
	}
	return out, nil
}
