package tools

import (
	"encoding/hex"
	"errors"
	"os"
	"time"

	"custos/ledger"
	"custos/ledger/store"
)

// capability is what an IG officer's recorded act lets an auditor know: whose one
// reference is. Nothing else here takes an NHS number, or gives one.
type capability struct {
	Format    string     `json:"format"`
	Log       string     `json:"log"`
	Seq       ledger.Seq `json:"seq"`
	NHSNumber string     `json:"nhsNumber"`
	Nonce     []byte     `json:"nonce"`
	Issuer    string     `json:"issuer"`
	Subject   string     `json:"subject"`
	Receipt   string     `json:"receipt"`
}

const capabilityFormat = "custos-capability@v1"

// named is a person whom a capability names.
type named struct {
	NHSNumber string     `json:"nhsNumber"`
	Person    string     `json:"reference"`
	Release   ledger.Seq `json:"release"` // the entry
	Until     string     `json:"until"`

	ref ledger.PersonRef
}

// capability reads a capability and holds it against the ledger: its release
// must be recorded there, of this person, for this auditor, and not be over.
func (f *folder) capability(file string, now time.Time) (*named, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	var c capability
	if err := parseProof(b, &c); err != nil || c.Format != capabilityFormat || len(c.Nonce) != len(ledger.Tag{}) {
		return nil, failf(ExitUnreadable, "%s is no capability", file)
	}
	if size := f.db.Head().Size; c.Seq >= size {
		return nil, failf(ExitIncomplete, "the ledger has %d entries, and the release is entry %d: it was recorded later than this copy, or never", size, c.Seq)
	}
	e, err := guarded(func() (ledger.Entry, error) { return store.Entry(f.db, c.Seq) })
	if err != nil {
		f.struck = true
		return nil, failf(ExitIntegrity, "entry %d does not read: %w", c.Seq, err)
	}
	if hex.EncodeToString(e.Log[:]) != c.Log {
		return nil, failf(ExitIntegrity, "the capability is of another log")
	}
	released, ok := e.Event.(*ledger.KeyReleased)
	switch {
	case !ok || e.Person == nil:
		return nil, failf(ExitIntegrity, "entry %d releases nothing", c.Seq)
	case ledger.ReleaseBinding(e.Log, e.Person.Ref, ledger.Tag(c.Nonce), c.NHSNumber) != released.Binding:
		return nil, failf(ExitIntegrity, "entry %d is a release of another person, or the capability was changed", c.Seq)
	case ledger.ActorIDOf(c.Issuer, c.Subject) != released.To:
		return nil, failf(ExitIntegrity, "entry %d is a release to another auditor", c.Seq)
	case ledger.Of(now) >= released.Until:
		return nil, failf(ExitNotPermitted, "the release of entry %d ended at %s", c.Seq, released.Until)
	}
	r, err := ledger.ParseReceipt([]byte(c.Receipt))
	if err != nil || r.Seq != c.Seq || r.Leaf != e.Hash() {
		return nil, failing(ExitIntegrity, errors.Join(errors.New("the capability's receipt is not of its release"), err))
	}
	return &named{c.NHSNumber, e.Person.Ref.String(), c.Seq, released.Until.String(), e.Person.Ref}, nil
}
