package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegisterConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "register.csv")
	require.NoError(t, os.WriteFile(file, []byte("nhs_number,family_name,given_names,date_of_birth\n9990000018,Sampleby,Ann,2015-01-01\n"), 0o600))
	data := filepath.Join(dir, "n1")
	for _, r := range []*Register{nil, {File: file}, {File: file, UnknownNumbers: "accept"}, {File: file, UnknownNumbers: "unmatched"}, {PDS: &PDS{}}, {File: data + "x"}} {
		require.NoError(t, r.check(data))
	}
	for what, r := range map[string]*Register{
		"either file or pds":  {},
		"give either file or": {File: file, PDS: &PDS{}},
		"unmatched or accept": {File: file, UnknownNumbers: "yes"},
		"in the data folder":  {File: filepath.Join(data, "ledger", "register.csv")},
	} {
		require.ErrorContains(t, r.check(data), what)
	}

	var none *Register
	register, closer, err := none.open(nil)
	require.NoError(t, err)
	require.Nil(t, register)
	closer()
	register, closer, err = (&Register{File: file}).open(nil)
	require.NoError(t, err)
	require.NotNil(t, register)
	closer()
	require.NoError(t, os.Chmod(file, 0o644))
	_, _, err = (&Register{File: file}).open(nil)
	require.ErrorContains(t, err, "can be read by others")
	_, _, err = (&Register{File: file + "x"}).open(nil)
	require.Error(t, err)
	for _, p := range []PDS{{}, {Base: "https://pds.example", Token: "https://pds.example/token", APIKey: "k", KeyID: "1", Timeout: "soon"}} {
		p.KeyFile = filepath.Join(dir, "key.pem")
		require.NoError(t, os.WriteFile(p.KeyFile, []byte("no key"), 0o600))
		_, _, err = (&Register{PDS: &p}).open(nil)
		require.ErrorContains(t, err, "register:")
	}

	// Paths are relative to the configuration, and an unknown key is refused.
	c := filepath.Join(dir, "n.json")
	require.NoError(t, os.WriteFile(c, []byte(`{"register":{"file":"register.csv","colour":"red"}}`), 0o600))
	_, err = readConfig(c)
	require.ErrorContains(t, err, "colour")
	require.NoError(t, os.WriteFile(c, []byte(`{"data":"n1","register":{"pds":{"keyFile":"pds.pem"}}}`), 0o600))
	read, _ := readConfig(c) // it lacks the rest
	require.Equal(t, filepath.Join(dir, "pds.pem"), read.Register.PDS.KeyFile)
	require.Empty(t, read.Register.File)
}
