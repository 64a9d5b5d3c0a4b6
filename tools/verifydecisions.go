package tools

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"time"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// decisions checks level 4: each command is made again from its entries and
// decided again, under the rules of its day, on the views of everything before
// it. It must become the same entries, byte for byte. At the end the views
// folded on the way must be the stored ones.
func (v *verification) decisions() error {
	started := time.Now()
	if !v.whole {
		v.level(levelDecisions, false, 0, started, "not checked: the entries are not whole")
		v.level(levelRules, false, 0, started, "not checked: the entries are not whole")
		return nil
	}
	s, err := v.resume.scratch(v.flags.scratch, v.f.db)
	if err != nil {
		return err
	}
	defer s.close()
	v.resume.listen(s)
	size := v.f.db.Head().Size
	before := v.resume.was
	bar := v.a.progress(int64(size), "decisions")
	defer bar.done()
	commands, done := before.Commands, before.Size
	wrong := ""
	rules := newRulesPass(v)
	if before.Size > 0 {
		if err := rules.restore(&before.Rules); err != nil {
			return err
		}
	}
	err = groups(v.f.db, ledger.Seq(before.Size), size, func(group []ledger.Entry) (bool, error) {
		if wrong, err = v.decide(s, group); err != nil {
			return false, err
		}
		if err := rules.before(s.view(), group); err != nil || wrong != "" {
			return false, err
		}
		commands++
		done += int64(len(group))
		bar.at(done)
		if err := s.fold(group); err != nil {
			return false, err
		}
		if err := rules.after(s.view(), group); err != nil {
			return false, err
		}
		if err := s.rest(); err != nil {
			return false, err
		}
		return true, v.resume.keep(s, commands, rules, false)
	})
	var f *ledger.Fault
	switch {
	case errors.Is(err, errStopped):
		return err
	case errors.As(err, &f):
		wrong = f.Error()
		v.bad(f.Seq, wrong)
	case errors.Is(err, ledger.ErrUnknownKind):
		wrong = fmt.Sprintf("the command after entry %d follows rules that this program does not know", done)
		v.missing(wrong)
	case err != nil:
		return failing(ExitUnreadable, err)
	}
	stopped := wrong != ""
	if wrong == "" {
		wrong, err = guarded(func() (string, error) { return v.views(s) })
		var damaged *damagedError
		if errors.As(err, &damaged) {
			wrong = "a block of the views is damaged"
			v.wrong(wrong)
		} else if err != nil {
			return err
		}
	}
	detail := wrong
	if detail == "" {
		detail = fmt.Sprintf("%d commands decided again give the same %d entries; the views folded from them are the stored ones", commands, done)
		if before.Size > 0 {
			detail += fmt.Sprintf("; the first %d entries in an earlier run (--resume)", before.Size)
		}
		s.txn = s.db.Begin()
		if err := v.resume.keep(s, commands, rules, true); err != nil {
			return err
		}
	}
	v.level(levelDecisions, wrong == "", done, started, detail)
	return rules.say(projection.View{R: s.db}, stopped)
}

// decide repeats one decision and compares. What was there before it is folded.
func (v *verification) decide(s *scratch, group []ledger.Entry) (wrong string, err error) {
	first := group[0].Seq
	again, err := projection.Redecide(s.txn, group)
	switch {
	case errors.Is(err, ledger.ErrUnknownKind):
		return "", err
	case err != nil:
		wrong = fmt.Sprintf("the decision cannot be repeated: %v", err)
		v.bad(first, wrong)
		return fmt.Sprintf("entry %d: %s", first, wrong), nil
	}
	for i := range group {
		if i < len(again) && bytes.Equal(again[i].Record(), group[i].Record()) {
			continue
		}
		wrong = fmt.Sprintf("decided again, the command at %d gives another entry than this %s", first, group[i].Kind)
		if i >= len(again) {
			wrong = fmt.Sprintf("decided again, the command at %d gives %d entries and not %d", first, len(again), len(group))
		}
		v.bad(group[i].Seq, wrong)
		return fmt.Sprintf("entry %d: %s", group[i].Seq, wrong), nil
	}
	if len(again) > len(group) {
		wrong = fmt.Sprintf("decided again, its command gives %d entries and not %d", len(again), len(group))
		v.bad(first, wrong)
		return fmt.Sprintf("entry %d: %s", first, wrong), nil
	}
	if v.watch != nil {
		return "", v.watch(group)
	}
	return "", nil
}

// views compares every row of every view with the stored one.
func (v *verification) views(s *scratch) (wrong string, err error) {
	if err := s.commit(); err != nil {
		return "", err
	}
	next, stop := iter.Pull2(store.ViewRows(v.f.db))
	defer stop()
	differs := func(key []byte, how string) string {
		wrong := fmt.Sprintf("a row of view %q %s", key[1:2], how)
		v.wrong("the views are not those that the entries give: " + wrong)
		return wrong
	}
	stored, err, more := next()
	for row, rowErr := range store.ViewRows(s.db) {
		switch {
		case rowErr != nil:
			return "", failing(ExitUnreadable, rowErr)
		case err != nil && isDisk(err):
			return "", failing(ExitUnreadable, err)
		case err != nil:
			return differs(row.Key, "or of the next does not read: a block of the views is damaged"), nil
		case !more || bytes.Compare(stored.Key, row.Key) > 0:
			return differs(row.Key, "is missing"), nil
		case bytes.Compare(stored.Key, row.Key) < 0:
			return differs(stored.Key, "follows from no entry"), nil
		case !bytes.Equal(stored.Value, row.Value):
			return differs(row.Key, "holds something else"), nil
		}
		stored, err, more = next()
	}
	switch {
	case more && err != nil && isDisk(err):
		return "", failing(ExitUnreadable, err)
	case more && err != nil:
		return differs([]byte("v?"), "does not read: a block of the views is damaged"), nil
	case more:
		return differs(stored.Key, "follows from no entry"), nil
	}
	return "", nil
}
