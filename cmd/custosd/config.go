package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"custos/api"
	"custos/consensus"
	"custos/consensus/witness"
	"custos/ledger"
)

// Config is a node's configuration file: JSON, unknown keys refused. Paths are
// relative to the file.
type Config struct {
	Node      string   `json:"node"`      // this node's name: a-z, 0-9 and -
	Log       string   `json:"log"`       // the log's identifier, 32 hexadecimal digits
	Origin    string   `json:"origin"`    // first line of the log's checkpoints
	Data      string   `json:"data"`      // this node's data folder
	Public    string   `json:"public"`    // host:port of the public listener
	PublicURL string   `json:"publicURL"` // where people reach this node
	Admin     string   `json:"admin"`     // host:port of the admin listener: loopback
	Peer      string   `json:"peer"`      // host:port of the port for the other nodes
	Advertise string   `json:"advertise"` // where the other nodes reach it; empty: as Peer
	Members   []Member `json:"members"`   // the voters that a new cluster begins with; read by init alone

	Secrets  string `json:"secrets"`  // file of person and key-encryption keys; readable by the owner alone
	LogKey   string `json:"logKey"`   // file of the log's C2SP signing key; readable by the owner alone
	Verifier string `json:"verifier"` // the log's C2SP verifier key
	PeerCA   string `json:"peerCA"`   // PEM files for mutual TLS between nodes
	PeerCert string `json:"peerCert"`
	PeerKey  string `json:"peerKey"`
	TLSCert  string `json:"tlsCert,omitempty"` // PEM files of the public listener; without them it must be on loopback
	TLSKey   string `json:"tlsKey,omitempty"`

	Witnesses string `json:"witnesses,omitempty"` // C2SP policy file: who cosigns the log's checkpoints; none: nobody

	Register *Register `json:"register,omitempty"` // whom uploads are compared with; none: nobody is asked
	MLLP     *MLLP     `json:"mllp,omitempty"`     // arrivals by HL7 version 2; none: there is no such listener
	MESH     *MESH     `json:"mesh,omitempty"`     // exchange of messages with authorities; none: there is none
	Letters  *Letters  `json:"letters,omitempty"`  // references to authorities' own systems; none: there are none

	SignIn   *SignIn   `json:"signin,omitempty"`   // how people sign in with a browser; none: they do not
	Machines *Machines `json:"machines,omitempty"` // which programs may have a token of ours; none: none

	Audience string   `json:"audience"` // the aud of accepted tokens
	Issuers  []Issuer `json:"issuers"`

	FHIRWithoutCaution bool `json:"fhirWithoutCaution,omitempty"` // FHIR answers that found nothing hold nothing, as published

	PeopleAnHour int `json:"peopleAnHour,omitempty"` // the most different people that somebody may look up here; empty: 1,000; -1: no end

	LogLevel  string `json:"logLevel,omitempty"`  // debug, info (the default), warn or error
	Synthetic bool   `json:"synthetic,omitempty"` // the data is made up, and entry 0 says so
	Demo      string `json:"demo,omitempty"`      // the demo's folder: serves its page and its people
	NoCache   bool   `json:"noTokenCache,omitempty"`
	CacheMiB  int64  `json:"cacheMiB,omitempty"` // the ledger's block cache; empty: 48
}

// Member is one voter of a new cluster.
type Member struct {
	Node    string `json:"node"`
	Address string `json:"address"`
}

// Issuer is one issuer of tokens.
type Issuer struct {
	Issuer        string            `json:"issuer"`
	Keys          string            `json:"keys,omitempty"`    // JWKS file, or
	KeysURL       string            `json:"keysURL,omitempty"` // the address of its JWKS
	Methods       []string          `json:"methods"`
	MaxLifetime   string            `json:"maxLifetime,omitempty"`
	CIS2          bool              `json:"cis2,omitempty"`
	Roles         []string          `json:"roles,omitempty"` // roles it may assert; with cis2 they come from the map
	Map           map[string]string `json:"map,omitempty"`   // activity or role code -> role
	Organisations []string          `json:"organisations,omitempty"`
	MinAssurance  string            `json:"minAssurance,omitempty"`
	Assurance     map[string]string `json:"assurance,omitempty"` // acr -> AAL1, AAL2 or AAL3, where it does not say so itself
}

func readConfig(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, misuse("read the configuration: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return nil, misuse("%s: %w", path, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, misuse("%s: something follows the configuration", path)
	}
	base := filepath.Dir(path)
	paths := []*string{&c.Data, &c.Secrets, &c.LogKey, &c.PeerCA, &c.PeerCert, &c.PeerKey, &c.TLSCert, &c.TLSKey, &c.Demo, &c.Witnesses}
	for _, p := range slices.Concat(paths, c.Register.paths(), c.MESH.paths(), c.MLLP.paths(), c.Letters.paths(), c.SignIn.paths(), c.Machines.paths()) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
	for i := range c.Issuers {
		if p := &c.Issuers[i].Keys; *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
	return &c, c.check()
}

func (c *Config) check() error {
	for name, value := range map[string]string{"node": c.Node, "log": c.Log, "origin": c.Origin, "data": c.Data, "public": c.Public,
		"admin": c.Admin, "peer": c.Peer, "secrets": c.Secrets, "logKey": c.LogKey, "verifier": c.Verifier, "audience": c.Audience,
		"peerCA": c.PeerCA, "peerCert": c.PeerCert, "peerKey": c.PeerKey} {
		if value == "" {
			return misuse("the configuration has no %q", name)
		}
	}
	if !loopback(c.Admin) {
		return misuse("the admin listener must be on loopback")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return misuse("tlsCert and tlsKey go together")
	}
	if c.TLSCert == "" && !loopback(c.Public) {
		return misuse("without tlsCert and tlsKey the public listener must be on loopback")
	}
	if c.CacheMiB != 0 && c.CacheMiB < leastCacheMiB {
		return misuse("cacheMiB is at least %d: the ledger's memory tables are taken out of it", leastCacheMiB)
	}
	if c.MLLP != nil {
		if _, err := c.MLLP.senders(); err != nil {
			return err
		}
	}
	return c.Register.check(c.Data)
}

// loopback reports whether an address names this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (c *Config) identity() (consensus.Identity, error) {
	id, err := ledger.ParseID(c.Log)
	if err != nil {
		return consensus.Identity{}, misuse("log: %w", err)
	}
	return consensus.Identity{Log: id, Node: c.Node}, nil
}

// readSecret reads a file that nobody but its owner may read.
func readSecret(path string) ([]byte, error) {
	if err := ownerAlone(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// secretsFile is the file of keys that a node is given at start.
type secretsFile struct {
	Person map[string]string `json:"person"` // epoch -> base64 of 32 bytes
	KEK    map[string]string `json:"kek"`
}

func (c *Config) keyring(random io.Reader) (*ledger.Keyring, error) {
	b, err := readSecret(c.Secrets)
	if err != nil {
		return nil, err
	}
	var f secretsFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, misuse("the secrets file is not as it should be")
	}
	id, err := c.identity()
	if err != nil {
		return nil, err
	}
	s := ledger.Secrets{Log: id.Log, Person: map[byte][]byte{}, KEK: map[uint32][]byte{}}
	for epoch, text := range f.Person {
		n, key, err := epochKey(epoch, text, 8)
		if err != nil {
			return nil, err
		}
		s.Person[byte(n)] = key
	}
	for epoch, text := range f.KEK {
		n, key, err := epochKey(epoch, text, 32)
		if err != nil {
			return nil, err
		}
		s.KEK[uint32(n)] = key
	}
	k, err := ledger.NewKeyring(s, random)
	if err != nil {
		return nil, misuse("the secrets file: %w", err)
	}
	return k, nil
}

func epochKey(epoch, text string, bits int) (uint64, []byte, error) {
	n, err := strconv.ParseUint(epoch, 10, bits)
	if err != nil {
		return 0, nil, misuse("the secrets file: an epoch is not a number")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return 0, nil, misuse("the secrets file: a key is not base64")
	}
	return n, key, nil
}

func (c *Config) signer() (note.Signer, note.Verifier, error) {
	b, err := readSecret(c.LogKey)
	if err != nil {
		return nil, nil, err
	}
	s, err := note.NewSigner(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, nil, misuse("the log key is not a C2SP signing key")
	}
	v, err := note.NewVerifier(c.Verifier)
	if err != nil {
		return nil, nil, misuse("verifier: %w", err)
	}
	if s.Name() != v.Name() || s.KeyHash() != v.KeyHash() || s.Name() != c.Origin {
		return nil, nil, misuse("the log key, the verifier key and the origin do not belong together")
	}
	return s, v, nil
}

func (c *Config) credentials() (cr consensus.Credentials, err error) {
	if cr.CA, err = os.ReadFile(c.PeerCA); err != nil {
		return cr, misuse("peerCA: %w", err)
	}
	if cr.Cert, err = os.ReadFile(c.PeerCert); err != nil {
		return cr, misuse("peerCert: %w", err)
	}
	cr.Key, err = readSecret(c.PeerKey)
	return cr, err
}

func (c *Config) verifierConfig() (api.VerifierConfig, error) {
	v := api.VerifierConfig{Audience: c.Audience}
	if c.NoCache {
		v.Cached = -1
	}
	for _, i := range c.Issuers {
		out := api.IssuerConfig{Issuer: i.Issuer, Methods: i.Methods, Keys: i.Keys, KeysURL: i.KeysURL, CIS2: i.CIS2, Roles: i.Roles,
			Organisations: i.Organisations, MinAssurance: i.MinAssurance, Assurance: i.Assurance}
		if i.MaxLifetime != "" {
			d, err := time.ParseDuration(i.MaxLifetime)
			if err != nil {
				return v, misuse("issuer: maxLifetime: %w", err)
			}
			out.MaxLifetime = d
		}
		if i.CIS2 {
			out.Map = api.CIS2Mapping
			if len(i.Map) > 0 {
				out.Map = nil
				for _, role := range api.Roles { // in the order of roles, so that the file's order does not matter
					for code, to := range i.Map {
						if to == role {
							out.Map = append(out.Map, api.RoleMapping{Code: code, Role: to})
						}
					}
				}
			}
		}
		v.Issuers = append(v.Issuers, out)
	}
	if len(v.Issuers) == 0 {
		return v, misuse("the configuration has no issuer of tokens")
	}
	return v, nil
}

func (c *Config) consensus() (consensus.Config, error) {
	id, err := c.identity()
	if err != nil {
		return consensus.Config{}, err
	}
	out := consensus.Config{Dir: c.Data, Identity: id, PublicURL: c.PublicURL, Origin: c.Origin, LedgerCache: c.cacheMiB() << 20}
	for _, m := range c.Members {
		out.Members = append(out.Members, consensus.Member{Node: m.Node, Address: m.Address})
	}
	return out, nil
}

// policy reads who cosigns; nil: nobody is asked.
func (c *Config) policy() (*witness.Policy, error) {
	if c.Witnesses == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.Witnesses)
	if err != nil {
		return nil, misuse("witnesses: %w", err)
	}
	p, err := witness.ParsePolicy(b)
	if err != nil {
		return nil, misuse("witnesses: %w", err)
	}
	return &p, nil
}

// defaultCacheMiB holds the parts of the ledger that lookups read again: few,
// since their rows are kept as such, and the system keeps the files' pages.
const (
	defaultCacheMiB = 48
	leastCacheMiB   = 32
)

func (c *Config) cacheMiB() int64 {
	if c.CacheMiB > 0 {
		return c.CacheMiB
	}
	return defaultCacheMiB
}

// write stores the configuration as a file.
func (c *Config) write(path string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
