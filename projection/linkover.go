package projection

import (
	"bytes"
	"math"

	"custos/ledger"
	"custos/ledger/store"
)

// LinkSources implements [ledger.View]. It skips from source to source: however
// many people wait, it is one search for each.
func (v View) LinkSources() ([]string, error) {
	var out []string
	prefix := store.ViewKey(viewLinkSaid)
	for from := prefix; ; {
		source, ok, err := v.firstNamed(prefix, from)
		if err != nil || !ok {
			return out, err
		}
		out = append(out, source)
		from = linkSaidKey(source, ledger.DueDay{Day: math.MaxInt32, Person: lastPerson})
	}
}

// firstNamed reads the name that begins the first key behind one, after the prefix.
func (v View) firstNamed(prefix, from []byte) (string, bool, error) {
	for row, err := range v.R.After(prefix, from) {
		if err != nil {
			return "", false, err
		}
		rest := row.Key[len(prefix):]
		return string(rest[1:][:rest[0]]), true, nil
	}
	return "", false, nil
}

// lastPerson stands behind every person's reference.
var lastPerson = ledger.PersonRef(bytes.Repeat([]byte{0xff}, len(ledger.PersonRef{})))

// LinksSaid implements [ledger.View].
func (v View) LinksSaid(source string, through ledger.Day, after ledger.DueDay, limit int) ([]ledger.DueDay, error) {
	var out []ledger.DueDay
	prefix := store.ViewKey(viewLinkSaid, named(source))
	for row, err := range v.R.After(prefix, linkSaidKey(source, after)) {
		if err != nil {
			return nil, err
		}
		at := dueDayOf(row.Key[len(prefix):])
		if at.Day > through || len(out) == limit {
			break
		}
		out = append(out, at)
	}
	return out, nil
}

// linksSaid puts links in their place, and in the index of when their source
// last spoke.
func linksSaid(t *store.Txn, p ledger.PersonRef, source string, was, now *ledger.Links) error {
	if day := was.Said.Day(); len(was.Each) == 0 || day != now.Said.Day() {
		if err := dropSaid(t, p, source, was); err != nil {
			return err
		}
		if err := t.SetIndex(linkSaidKey(source, ledger.DueDay{Day: now.Said.Day(), Person: p})); err != nil {
			return err
		}
	}
	return set(t, linksKey(p, source), *now)
}

func dropSaid(t *store.Txn, p ledger.PersonRef, source string, was *ledger.Links) error {
	if len(was.Each) == 0 {
		return nil
	}
	return t.DeleteCold(linkSaidKey(source, ledger.DueDay{Day: was.Said.Day(), Person: p}))
}

// erase takes what is sealed of links out of the store: nobody may open them any
// more. The entries still commit to it, and a row that is gone was erased, which
// is lawful. If the node dies here, nothing of the batch has happened.
func erase(t *store.Txn, links []ledger.Link) error {
	for i := range links {
		if err := t.EraseSealed(links[i].Seq, 0); err != nil {
			return err
		}
	}
	return nil
}
