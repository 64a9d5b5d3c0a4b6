package main

import (
	"os"

	"custos/tools/synthetic"
)

const (
	demoTokens     = "https://tokens.demo.example" //nolint:gosec // whose tokens programs get, the demo's own: a name and no token
	demoProgram    = "chis-demo"
	demoProgramKey = "program-1"
)

// programs registers one program, child health's, so that signing for a token can
// be tried as well; its keys, and ours, are made unless an earlier run did.
func (d *demo) programs() (*Machines, error) {
	own, theirs, public := d.path("secrets", "machines.pem"), d.path("secrets", "program.pem"), d.path("secrets", "program.jwks.json")
	for secret, jwks := range map[string]string{own: "", theirs: public} {
		if _, err := os.Stat(secret); err == nil {
			continue
		}
		if err := makeSigningKey(secret, jwks, demoProgramKey); err != nil {
			return nil, err
		}
	}
	return &Machines{Issuer: demoTokens, Key: own, KeyID: demoKeyID, Clients: []MachineClient{
		{ID: demoProgram, Name: "Child health system", Organisation: synthetic.ChildHealth, Role: "child-health", Methods: []string{"ES256"}, Keys: public},
	}}, nil
}
