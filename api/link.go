package api

import (
	"strconv"

	"custos/ledger"
)

// mayLink reports whether rows of a source about people without a plan may be
// kept, sealed. It is asked before anything is sealed, so that what nobody may
// keep is not even on its way as a ciphertext; that policy still says so when the
// row is recorded is for the decision to see.
func (s *Server) mayLink(source string) (bool, error) {
	view := s.node.View()
	log, err := view.Log()
	if err != nil || log.Rules < 4 {
		return false, err
	}
	held, err := ledger.PolicyOn(view, source, ledger.Of(s.cfg.Now()).Day())
	return held.Links == ledger.Yes, err
}

// link seals a row for the person whom it is about. In clear is a keyed tag, by
// which the same row of tomorrow's file is known: in the scope of the person, so
// that two at one school have nothing in common. Of somebody without a visible
// plan that is all that leaves this node: consensus replicates, and keeps for a
// while, what a command says in clear.
func (d *draft) link(r *ledger.EnrolmentRow) error {
	if !r.Sound() {
		return nil
	}
	view, source := d.s.node.View(), d.command.Actor.Organisation
	shown, err := view.Shown(r.Person, ledger.Of(d.s.cfg.Now()).Day())
	if err != nil {
		return err
	}
	waits, err := view.Links(r.Person, source)
	if err != nil {
		return err
	}
	details := ledger.LinkDetails{Place: r.Place, From: r.From, To: r.To, Change: r.Change}
	if r.Leaves() && len(waits.Each) == 0 && !d.linking[r.Person] { // no link could be left
		kept, err := view.KeepsAny(r.Person, source)
		if err == nil && !kept && !shown { // what was kept while there was a plan ends now, and needs its place
			r.Conceal()
		}
		return err
	}
	if !shown {
		r.Conceal()
	}
	if d.linking == nil {
		d.linking = map[ledger.PersonRef]bool{}
	}
	d.linking[r.Person] = true
	r.Link = d.s.keys.Tag("link", r.Person.String(), string(details.Place), details.From.String(), details.To.String(), strconv.Itoa(int(details.Change)))
	return d.seal(ledger.HolderPerson, r.Person[:], ledger.PayloadLink, r.N, details)
}
