package projection

import "custos/ledger"

// What an audit repository wants to know of a row beside its columns. None of it
// holds a number or a name: a person is a reference.

// Words are what came of an access, in the ledger's own words.
func (r *TrailRow) Words() string {
	words := ""
	switch {
	case r.Code != "" && r.Action != 0:
		words = r.Code + ": " + r.Action.String()
	case r.Code != "":
		words = r.Code
	case r.Outcome != 0:
		words = r.Outcome.String()
	}
	if r.InError {
		words += ", looked up in error"
	}
	return words
}

// Asked is the question as far as the ledger has it, of a person under that name.
func (r *TrailRow) Asked(person string) string {
	asked := r.Kind.String()
	for _, part := range []struct{ name, value string }{{"person", person}, {"place", string(r.Place)}, {"authority", r.Authority}} {
		if part.value != "" {
			asked += "&" + part.name + "=" + part.value
		}
	}
	return asked
}

// Read is the entry that was read: the one that the row answers to, or its own.
func (r *TrailRow) Read() ledger.Seq {
	if r.Of != 0 {
		return r.Of
	}
	return r.Seq
}
