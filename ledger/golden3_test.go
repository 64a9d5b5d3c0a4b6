package ledger

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tale is one fixed input of golden files: a ledger, and the kinds that it
// shows first. Commands are added at a tale's end and nowhere else.
type tale struct {
	name  string // its folder is testdata/v3/<name>
	kinds []Kind
	tell  func(w *world)
}

// tales3 are those of rules version 3, one for each part that came with it.
var tales3 = []tale{
	{"policy", []Kind{KindPolicyRecorded}, tellPolicy},
}

// tellPolicy: a region before, while and after it is live; each item said, and
// taken back; the same lookups between.
func tellPolicy(w *world) {
	boss, today := named(as(RoleOperator, "CUSTOS", "policy")), w.now.Day()
	say := func(place string, from Day, p Policy) {
		w.grant(w.cmd(boss, &RecordPolicy{Place: place, From: from, Says: p}, PayloadReason))
	}
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{Code: "Y56", Name: "London", Sort: SortRegion}}))
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{
		Code: "RLN", Name: "A clinic", Sort: SortService, Parent: "Y56", Setting: SettingUnscheduled}}))
	ended := Row{N: 2, Person: person(1), Type: LookedAfter, Start: today - 90, End: today - 9, Birth: tag("b"), Content: tag("c"), LastDay: today + 1000}
	w.load(authorityB, 1, ended)
	w.load(authorityA, 1, Row{N: 1, Person: person(1), Type: ChildProtection, Start: today - 9, Birth: tag("b"), Content: tag("c"), LastDay: today + 1000})
	doctor := named(as(RoleClinician, "RLN", "555001"))
	look := func(a Actor) *Command { return w.cmd(a, &LookUp{Person: person(1)}, PayloadAccess) }
	w.grant(look(doctor))
	say(Nation, today, Policy{Live: No, Roles: []Role{RoleClinician}})
	w.deny(RefusedNotLive, look(doctor))
	say("Y56", today+1, Policy{Live: Yes})
	w.deny(RefusedNotLive, look(doctor))
	w.now += 24 * Hour
	w.grant(look(doctor))
	w.deny(RefusedPolicyRole, look(as(RoleScheduledClinician, "RLN", "gp")))
	say("RLN", today+1, Policy{Unscheduled: No, Notify: No, History: No, Roles: []Role{RoleNone}})
	w.grant(w.cmd(doctor, &LookUp{Person: person(1), Declared: DeclaredUnscheduled}, PayloadAccess))
	say("RLN", today+1, Policy{Unscheduled: Inherited, Notify: Inherited, History: Yes})
	say(authorityB, today+1, Policy{Ended: Yes, Links: Yes, DPIA: "DPIA 7"})
	w.grant(look(doctor))
}

// goldenWorld3 is the beginning of every tale of rules version 3.
func goldenWorld3(t testing.TB) *world {
	w := blankWorld(t)
	w.grant(w.cmd(system(), &OpenLog{ID: ID{0xc3}, Origin: "log.example/three", Verifier: "log.example/three+00000000+AA==", Synthetic: true, Rules: 3}))
	for _, o := range []Organisation{
		{Code: authorityA, Name: "Aldershire", Sort: SortAuthority},
		{Code: authorityB, Name: "Borchester", Sort: SortAuthority},
		{Code: emergency, Name: "Felpersham General", Sort: SortTrust, Setting: SettingUnscheduled},
		{Code: practice, Name: "Ambridge Surgery", Sort: SortPractice, Setting: SettingScheduled},
		{Code: nursing, Name: "School Nursing", Sort: SortTrust, Setting: SettingScheduled},
		{Code: school.Code(), Name: "Loxley Barratt", Sort: SortSchool},
	} {
		w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: o}))
	}
	return w
}

// golden3 is what one tale's files must hold.
func golden3(t testing.TB, s tale) map[string][][]byte {
	w := goldenWorld3(t)
	s.tell(w)
	out, all := map[string][][]byte{}, map[string][][]byte{}
	for _, group := range w.groups {
		add(all, group)
		for i := range group {
			out["ledger.hex"] = append(out["ledger.hex"], group[i].Record())
		}
	}
	for _, k := range s.kinds {
		name := fmt.Sprintf("%03d-%s.hex", uint16(k), k)
		require.NotEmpty(t, all[name], "every kind of version 3 has a golden file")
		out[name] = all[name]
	}
	return out
}

func (s tale) dir() string { return filepath.Join("testdata/v3", s.name) }

// sinceRules3 are the kinds that came with rules version 3.
func sinceRules3() map[Kind]bool {
	out := map[Kind]bool{}
	for _, s := range tales3 {
		for _, k := range s.kinds {
			out[k] = true
		}
	}
	return out
}
