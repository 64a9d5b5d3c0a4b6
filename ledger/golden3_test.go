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
	{"caseload", []Kind{KindAssignmentEnded, KindUnassignedRead, KindEnrolmentEnded, KindEnrolmentTakenBack,
		KindSchoolRecorded, KindOrganisationListed, KindEnrolmentsWanted, KindCallBackRecorded}, taleOfCaseloads},
	{"policy", []Kind{KindPolicyRecorded}, taleOfPolicy},
	{"glass", []Kind{KindGlassBroken, KindReviewed}, taleOfGlass},
	{"subjectcopy", []Kind{KindSubjectCopied}, taleOfCopies},
	{"state", []Kind{KindStateRecorded}, taleOfStates},
	{"release", []Kind{KindKeyReleased}, taleOfReleases},
	{"letter", []Kind{KindLetterAttempted, KindLetterSettled, KindLetterAsked}, taleOfLetters},
	{"attendance", []Kind{KindNotificationWithdrawn, KindNotificationActioned}, attendances},
	{"birth", []Kind{KindBirthRecorded, KindPregnancyEnded}, births},
	{"life", []Kind{KindTransitionsDue, KindNotificationEscalated}, lives},
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
