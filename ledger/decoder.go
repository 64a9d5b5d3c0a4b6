package ledger

// Decoder is [ParseEntry] for whoever reads many entries, one after another. It
// keeps the actors that it has read: the same few people make most commands, with
// the same token for minutes, and the same bytes are the same actor, once they
// were found to be the one form of it. Entries share them; nobody changes them.
// The zero Decoder is ready.
type Decoder struct {
	actors map[string]*Actor // by their bytes
}

// decoderActors is how many actors are kept before it begins anew.
const decoderActors = 4096

// ParseEntry reads a record whole. The entry keeps the record.
func (d *Decoder) ParseEntry(record []byte) (Entry, error) {
	e, err := ParseHeader(record)
	if err != nil {
		return e, err
	}
	known := d.actors[string(e.actorRaw)] // nil for all but the first of a command
	e.Actor = known
	if err := e.Decode(); err != nil {
		e.Actor = nil
		return e, err
	}
	if e.Nth == 0 && known == nil {
		if d.actors == nil || len(d.actors) >= decoderActors {
			d.actors = make(map[string]*Actor)
		}
		d.actors[string(e.actorRaw)] = e.Actor
	}
	return e, nil
}
