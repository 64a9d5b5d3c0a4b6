package openapitest

import (
	"fmt"
	"slices"
	"strings"
)

// Unseen lists the answers below 300 and redirections that are described and
// that no request got, each as "GET /path 200".
func (d *Document) Unseen() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.operations {
		for status := range o.Responses.Map() {
			name := o.Name() + " " + status
			if strings.Compare(status, "400") < 0 && d.seen[name] == 0 {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Seen says how much of the description was seen.
func (d *Document) Seen() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	answers, described := 0, 0
	for _, n := range d.seen {
		answers += n
	}
	for _, o := range d.operations {
		described += o.Responses.Len()
	}
	return fmt.Sprintf("%d answers as described, of %d of the %d described", answers, len(d.seen), described)
}
