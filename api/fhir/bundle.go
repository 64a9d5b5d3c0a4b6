package fhir

import "encoding/json"

// Types of a bundle, and why an entry is in one.
const (
	Searchset  = "searchset"
	Collection = "collection"

	ModeMatch   = "match"
	ModeInclude = "include"
	ModeOutcome = "outcome"
)

// Bundle is a collection of resources.
type Bundle struct {
	ResourceType Is[bundle] `json:"resourceType"`
	ID           string     `json:"id,omitempty"`
	Type         string     `json:"type"`
	Total        *int       `json:"total,omitempty"` // matches; of a searchset only
	Link         []Link     `json:"link,omitempty"`
	Entry        []Entry    `json:"entry,omitempty"`
}

type bundle struct{}

func (bundle) name() string { return "Bundle" }

// Link is where the same, or more of it, is found.
type Link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// Entry is one resource of a bundle.
type Entry struct {
	FullURL  string       `json:"fullUrl,omitempty"`
	Resource any          `json:"resource"`
	Search   *EntrySearch `json:"search,omitempty"` // in a searchset only
}

// EntrySearch says why an entry is there.
type EntrySearch struct {
	Mode string `json:"mode"`
}

// The ways to be in a searchset, shared by all entries.
var (
	Match   = &EntrySearch{ModeMatch}
	Include = &EntrySearch{ModeInclude}
	Outcome = &EntrySearch{ModeOutcome}
)

// NewSearchset is what a search found: total counts matches.
func NewSearchset(id, self string, total int) *Bundle {
	return &Bundle{ID: id, Type: Searchset, Total: &total, Link: []Link{{"self", self}}}
}

// Append appends the bundle with entries that were encoded before, with a comma
// between two. The bundle has none of its own.
func (b *Bundle) Append(to, entries []byte) ([]byte, error) {
	head, err := json.Marshal(b)
	if err != nil || len(entries) == 0 {
		return append(to, head...), err
	}
	to = append(append(to, head[:len(head)-1]...), `,"entry":[`...)
	return append(append(to, entries...), `]}`...), nil
}
