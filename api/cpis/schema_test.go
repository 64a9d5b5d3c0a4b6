package cpis

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// schemas are the published ones, by message.
var schemas = map[Kind]string{
	Upload: "REPC_MT000002GB01.xsd", Acknowledgement: "REPC_MT000003GB01.xsd", QueryMessage: "QUPC_MT000006GB01.xsd",
	AnswerMessage: "REPC_MT000007GB01.xsd", AccessMessage: "REPC_MT000004GB01.xsd", InactiveMessage: "REPC_MT000005GB01.xsd",
}

// schemaFolder finds the published schemas, which are not part of the project:
// where CUSTOS_CPIS_SCHEMAS says, or in a folder shared/ beside the project.
func schemaFolder(t *testing.T) string {
	t.Helper()
	places := []string{os.Getenv("CUSTOS_CPIS_SCHEMAS"), "../../../shared/cpis-schemas"}
	for _, p := range places {
		if p == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(p, "Schemas", schemas[Upload])); err == nil {
			if _, err := exec.LookPath("xmllint"); err != nil {
				t.Skip("SKIPPED: xmllint is not installed, so nothing was validated against the published schemas")
			}
			return p
		}
	}
	t.Skip("SKIPPED: the published schemas are not there (CUSTOS_CPIS_SCHEMAS names their folder), so nothing was validated against them")
	return ""
}

// validate asks xmllint about several messages of one kind at once.
func validate(t *testing.T, folder string, k Kind, all ...[]byte) (complaints string, valid bool) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", filepath.Join(folder, "Schemas", schemas[k])}
	for i, m := range all {
		p := filepath.Join(dir, number(i)+".xml")
		require.NoError(t, os.WriteFile(p, m, 0o600))
		args = append(args, p)
	}
	out, err := exec.Command("xmllint", args...).CombinedOutput()
	return string(out), err == nil
}

// Everything that is written validates against the published schemas.
func TestWhatIsWrittenValidates(t *testing.T) {
	folder := schemaFolder(t)
	for k, m := range messages(t) {
		complaints, ok := validate(t, folder, k, m)
		require.Truef(t, ok, "%s: %s", k, complaints)
	}
}

// So does everything else that may be written.
func TestWhateverIsWrittenValidates(t *testing.T) {
	folder := schemaFolder(t)
	made := map[Kind][][]byte{}
	rapid.Check(t, func(t *rapid.T) {
		for k, m := range anyMessages(t) {
			made[k] = append(made[k], m)
		}
	})
	for k, all := range made {
		complaints, ok := validate(t, folder, k, all...)
		require.Truef(t, ok, "%s: %.4000s", k, complaints)
	}
}

// What the reader refuses for its form, the schemas refuse as well; where it is
// stricter than they are, the rule says so.
func TestTheSchemasRefuseWhatTheReaderRefuses(t *testing.T) {
	folder := schemaFolder(t)
	for _, r := range formRules {
		complaints, valid := validate(t, folder, Upload, r.file(t))
		require.Equalf(t, r.stricter, valid, "%s: %s: %.600s", r.detail, r.name, complaints)
	}
	for _, r := range ruleRules {
		complaints, valid := validate(t, folder, Upload, r.file(t))
		require.Truef(t, valid, "%s: %s: %.600s", r.detail, r.name, complaints)
	}
}
