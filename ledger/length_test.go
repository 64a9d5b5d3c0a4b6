package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A record that does not fit would stop every node that decides its command,
// again at each start. So whatever is asked, it fits or is refused.
func TestNothingAskedIsTooLongForARecord(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	long := strings.Repeat("x", 7<<10)
	uploader := as(RoleUploader, authorityA, "up")
	w.refuse(RefusedTooLong, w.cmd(uploader, &RecordDirectory{Code: authorityA, Directory: Directory{Hours: long}}))
	w.refuse(RefusedTooLong, w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{Code: "X", Name: long}}))
	w.refuse(RefusedTooLong, w.cmd(as(RoleTeamLeader, nursing, "l"), &Assign{Place: school, Subject: long}))
	wordy := clinician()
	wordy.Subject = strings.Repeat("x", 13<<10)
	w.refuse(RefusedTooLong, w.cmd(wordy, &LookUp{Person: person(1)}))
	many := w.cmd(clinician(), &LookUp{Person: person(1)})
	for range 400 {
		many.Sealed = append(many.Sealed, w.sealed(PayloadAccess, 0))
	}
	w.refuse(RefusedTooLong, many)

	// Just below the bound everything is sealed, whatever the event repeats.
	for _, n := range []int{100, 1000, 5000, 5900} {
		w.do(w.cmd(uploader, &RecordDirectory{Code: authorityA, Directory: Directory{Hours: long[:n]}}))
		w.do(w.cmd(as(RoleTeamLeader, nursing, "l"), &Assign{Place: school, Subject: long[:n]}))
		w.do(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{Code: "X", Name: long[:n]}}))
	}
	rows := make([]Row, MaxCheck)
	for i := range rows {
		rows[i] = Row{N: 100_000 + i, Person: person(byte(i)), Type: ChildProtection, Start: begin.Day() - 100, End: begin.Day() - 1, Delete: begin.Day(),
			LastDay: begin.Day() + 100, Birth: tag("b"), Local: tag("l"), Content: tag("c"), Restricted: true}
	}
	w.grant(w.cmd(uploader, &CheckRows{Rows: rows})) // the longest dry run is not refused
}

func TestAPersonHasOnlySoManyPlans(t *testing.T) {
	w := newWorld(t)
	seq := int64(0)
	for authority := range 2 {
		for range 3 {
			seq++
			rows := make([]Row, 40)
			for i := range rows {
				rows[i] = Row{Person: person(1), Type: UnbornChild, Start: begin.Day() - 1, End: begin.Day() + 100, Local: tag(fmt.Sprint(seq, i)), Birth: tag("b"), Content: tag("c")}
			}
			w.load([]string{authorityA, authorityB}[authority], seq, rows...)
		}
	}
	require.Len(t, w.view.plans[person(1)], maxPlans)
	e := only[*Accessed](w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)))[0]
	require.Len(t, e.Disclosed, maxPlans)
	require.Equal(t, []string{authorityA, authorityB}, e.Told)
}
