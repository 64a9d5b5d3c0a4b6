package ledger

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// update writes what tests compare with: go test ./ledger -update. Golden
// files of a format are only ever added to.
var update = flag.Bool("update", false, "write the access matrix and add golden files that are missing")

const matrixFile = "../docs/access-matrix.md"

// TestAccessMatrix prints the one table of who may do what, so that the page
// and the program cannot differ.
func TestAccessMatrix(t *testing.T) {
	page := matrixPage()
	if *update {
		require.NoError(t, os.WriteFile(matrixFile, []byte(page), 0o644))
	}
	have, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	require.Equal(t, page, string(have), "print it again with: go test ./ledger -run TestAccessMatrix -update")
}

func matrixPage() string {
	var b strings.Builder
	b.WriteString("# Who may do what\n\n" +
		"Printed from the table in `ledger/role.go` by its test. It says which roles may *ask*; whether a particular\n" +
		"request is granted is decided with the person, the organisation and its policy in view. Whoever asks for\n" +
		"what the table does not give is denied, and the denial is an entry.\n\n| action |")
	for _, r := range Roles() {
		b.WriteString(" " + r.String() + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(Roles())) + "\n")
	for _, a := range Actions() {
		b.WriteString("| " + a.String() + " |")
		for _, r := range Roles() {
			if May(r, a) {
				b.WriteString(" yes |")
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\nThe system itself, which no token can act as, opens the log, raises the rules, records keys, records\n" +
		"organisations and voids a diverged proposer's batch.\n")
	return b.String()
}

func TestRolesAndActionsAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Roles() {
		require.False(t, seen[r.String()])
		seen[r.String()] = true
		back, ok := ParseRole(r.String())
		require.True(t, ok)
		require.Equal(t, r, back)
	}
	for _, s := range []string{"none", "system", "", "unknown", "Clinician", "clinician "} {
		_, ok := ParseRole(s)
		require.False(t, ok, "%q is no token's role", s)
	}
	for _, a := range append(Actions(), ActSystem) {
		require.NotEmpty(t, a.String())
		require.False(t, seen[a.String()])
		seen[a.String()] = true
		require.NotEmpty(t, matrix[a], "nobody may %s", a)
	}
	require.Len(t, matrix, len(Actions())+1)
	require.False(t, May(RoleNone, ActReadDirectory))
	for _, r := range Roles() {
		require.False(t, May(r, ActSystem))
	}
	for k, fresh := range requests {
		require.Equal(t, k, fresh().Number())
		if k != RequestDeny {
			require.NotEmpty(t, matrix[fresh().action()], "request %d", k)
		}
	}
	for k, fresh := range events {
		require.Equal(t, k, fresh().Kind())
		require.NotContains(t, k.String(), "kind-", "kind %d has no name", uint16(k))
	}
	require.Len(t, kindNames, len(events))
}
