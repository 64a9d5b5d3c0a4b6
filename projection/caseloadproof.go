package projection

import (
	"errors"

	"custos/ledger"
	"custos/ledger/store"
)

// CaseloadProof shows that the people in it are all to whom one access to a
// caseload was: the whole of its command.
type CaseloadProof struct {
	Format     string        `json:"format"`
	Checkpoint string        `json:"checkpoint"`
	Entries    []ProvedEntry `json:"entries"`
}

// CaseloadFormat is what every proof of a caseload begins with.
const CaseloadFormat = "custos-caseload-proof@v1"

// ErrNoCaseload says that an entry is no access to a caseload.
var ErrNoCaseload = errors.New("it is no access to a caseload")

// ProveCaseload makes the proof for the command that an entry belongs to.
func ProveCaseload(db *store.DB, n ledger.Seq, checkpoint []byte, size int64) (*CaseloadProof, error) {
	e, err := store.Entry(db, n)
	if err != nil {
		return nil, err
	}
	if e.Kind != ledger.KindCaseloadAccessed && e.Kind != ledger.KindSubjectAccessed {
		return nil, ErrNoCaseload
	}
	first := e.Seq - ledger.Seq(e.Nth)
	x := &trailProver{view: View{db}, have: map[ledger.Seq]bool{}}
	out := &CaseloadProof{Format: CaseloadFormat, Checkpoint: string(checkpoint)}
	for i := range ledger.Seq(e.Of) {
		proved, err := x.entry(first + i)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, proved)
	}
	return out, prove(db, pointers(out.Entries), size)
}
