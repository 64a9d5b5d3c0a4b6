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
	{"messages", nil, taleOfMessages},
}

// tales4 are those of version 4, told in the same world. Their folder is testdata/v4/<name>.
var tales4 = []tale{
	{"sealed", nil, taleOfSealed},
	{"begun", nil, taleOfBegun},
	{"hours", nil, taleOfHours},
}

// told is a tale with the rules version that it is told under.
type told struct {
	tale
	rules int
}

// allTales are the tales of every version from the third on.
func allTales() []told {
	var out []told
	for _, s := range tales3 {
		out = append(out, told{s, 3})
	}
	for _, s := range tales4 {
		out = append(out, told{s, 4})
	}
	return out
}

// goldenWorld3 is the beginning of every tale of rules version 3.
func goldenWorld3(t testing.TB) *world { return goldenWorld(t, 3) }

func goldenWorld(t testing.TB, rules int) *world {
	w := blankWorld(t)
	w.grant(w.cmd(system(), &OpenLog{ID: ID{0xc3}, Origin: "log.example/three", Verifier: "log.example/three+00000000+AA==", Synthetic: true, Rules: rules}))
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

// goldenTale is what one tale's files must hold.
func goldenTale(t testing.TB, s told) map[string][][]byte {
	w := goldenWorld(t, s.rules)
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
		require.NotEmpty(t, all[name], "every kind has a golden file: %s", k)
		out[name] = all[name]
	}
	return out
}

func (s told) dir() string { return filepath.Join(fmt.Sprintf("testdata/v%d", s.rules), s.name) }

// sinceRules3 are the kinds that came with rules version 3 or a later one.
func sinceRules3() map[Kind]bool {
	out := map[Kind]bool{}
	for _, s := range allTales() {
		for _, k := range s.kinds {
			out[k] = true
		}
	}
	return out
}
