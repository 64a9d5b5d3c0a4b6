package api

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/api/demographics"
	"custos/ledger"
)

// register opens an embedded register of these rows.
func (w *world) register(rows ...string) demographics.Register {
	w.t.Helper()
	p := filepath.Join(w.t.TempDir(), "register.csv")
	text := "nhs_number,family_name,given_names,date_of_birth,restricted,superseded_by,invalid\n" + strings.Join(rows, "\n") + "\n"
	require.NoError(w.t, os.WriteFile(p, []byte(text), 0o600))
	e, err := demographics.OpenEmbedded(demographics.EmbeddedConfig{File: p, Poll: -1})
	require.NoError(w.t, err)
	w.t.Cleanup(e.Close)
	return e
}

// Each answer of the register has its consequence, for CSV and message 01 alike.
func TestWhatTheRegisterSays(t *testing.T) {
	w := newWorld(t)
	// Plans are held before anybody is asked.
	row := func(n int) planRow {
		return ann(func(p *planRow) { p.NHSNumber, p.LocalID = nhs(n), person(n).LocalID })
	}
	w.plans(uploader, 1, row(5), row(6), row(9))
	fine := "Featherstonehaugh,Annunziata,2015-05-04,"
	w.server.match = w.server.registerMatcher(w.register(
		nhs(1)+","+fine+",,",
		nhs(2)+",Otherby,Annunziata,2015-05-04,,,",
		nhs(3)+","+fine+"R,,",
		nhs(4)+",,,,,"+nhs(40)+",",
		nhs(40)+","+fine+",,",
		nhs(5)+",,,,,"+nhs(50)+",",
		nhs(50)+",Somebody,Else,2011-01-01,,,",
		nhs(6)+",,,,,,yes",
		nhs(7)+",Featherstonehaugh,Annunziata,2015-04-05,,,",
		nhs(9)+",,,,,,yes",
		nhs(10)+",Featherstonehaugh,Beatrix,2015-05-04,,,",
		nhs(11)+",,,,,,yes", // nobody holds a plan under it
	), false)
	w.secret("Otherby", "Somebody", nhs(40), nhs(50))
	ended := plan(9)
	ended.Plans[0].End = 202601010000
	mr := func(n int) cpis.Record {
		r := plan(n)
		r.Subjects[0].Identity.LocalID += "X" // not twins of the CSV's rows on the worklist
		return r
	}
	file := w.message01(2, plan(1), mr(2), plan(3), mr(4), plan(5), plan(6), plan(7), mr(8), ended, plan(10), plan(11))
	before := w.size()
	first := w.sendXML(uploader, file)
	got := first.response(200)
	at := func(i string) string { return " record[" + i + "]/CP-ISRecord/pertinentInformation[1]" }
	require.Equal(t, []string{
		"CPR06 record[1]",
		"CPR03 family-name-differs" + at("2"),
		"CPR06 record[3]",
		"CPR05 number-superseded" + at("4"),
		"CPR03 several-differ" + at("5"), // superseded, and the details are not theirs: it is not told the new number
		"CPR01 number-inactive" + at("6"),
		"CPR03 date-of-birth-differs" + at("7"),
		"CPR01 no-match" + at("8"),
		"CPR06 record[9]", // the plan under a number out of use is ended: its task is done
		"CPR03 given-names-differ" + at("10"),
		"CPR01 number-inactive" + at("11"),
	}, outcomes(got))
	require.Equal(t, []cpis.FileCode{cpis.FilePartly}, got.Codes)
	require.Len(t, got.Returned, 8)
	kinds := w.kinds(before)
	require.Equal(t, 2, kinds[ledger.KindNumberSuperseded])
	require.Equal(t, 2, kinds[ledger.KindNumberInactivated], "where plans are held")
	for _, e := range w.since(before) {
		if e.Kind == ledger.KindNumberSuperseded || e.Kind == ledger.KindNumberInactivated {
			require.Equal(t, ledger.RoleSystem, w.entry(e.Seq-ledger.Seq(e.Nth)).Actor.Role)
		}
	}
	// Two held plans stood under the number that is out of use; one was ended by the row.
	mine := objects(w.call(manager, "GET", "/v1/unmatched", nil).ok(200)["authorities"])[0]
	require.Len(t, mine["inactiveNumbers"], 1)
	suggested := map[any]any{}
	for _, l := range objects(w.call(uploader, "POST", "/v1/holdings", object{}).ok(200)["holdings"]) {
		if s, ok := l["suggestion"]; ok {
			suggested[l["nhsNumber"]] = s.(object)["nhs_number"]
		}
	}
	require.Equal(t, nhs(40), suggested[nhs(4)], "a verified row is told the new number")
	require.NotContains(t, suggested, nhs(5))
	require.NotContains(t, suggested, nhs(6), "an adopted child's old number does not lead to the new one")

	found, _ := w.lookup(doctor, object{"nhsNumber": nhs(5)}).recorded(200)
	require.Equal(t, "found", found["outcome"], "the plan followed to the new number, and the old one finds it")
	for range 2 {
		sealed, _ := w.lookup(doctor, object{"nhsNumber": nhs(3)}).recorded(200)
		require.Equal(t, "found", sealed["outcome"])
		require.Empty(t, sealed["accessHistory"], "a restricted child is accepted, sealed: who looked is not told")
	}

	// Again: nothing is asked and nothing is new.
	before = w.size()
	require.Equal(t, string(first.body), string(w.sendXML(uploader, file).body))
	require.Equal(t, string(first.body), string(w.call(uploader, "GET", "/v1/uploads/"+first.header.Get("Custos-Upload"), nil).body))
	require.Zero(t, w.kinds(before)[ledger.KindNumberSuperseded])

	// A register of some people only takes numbers that it has never heard of.
	w.server.match = w.server.registerMatcher(w.register(nhs(1)+","+fine+",,"), true)
	out, _ := w.uploadJSON(uploader, "?sequence=3", asJSON(row(1), row(8))).recorded(200)
	require.Equal(t, []any{"unchanged", "recorded"}, []any{objects(out["results"])[0]["status"], objects(out["results"])[1]["status"]})
	require.EqualValues(t, "100.0", out["matchedPercent"])
}

// A register that cannot be asked leaves nothing of a file behind, and says so
// to whoever speaks CP-IS.
func TestTheRegisterIsDown(t *testing.T) {
	w := newWorld(t)
	w.server.match = w.server.registerMatcher(nobodyThere(t), false)
	before := w.size()
	file := w.message01(1, plan(1), plan(2))
	r := w.sendXML(uploader, file)
	got := r.response(http.StatusServiceUnavailable)
	require.Equal(t, []cpis.FileCode{cpis.FileNoRegister}, got.Codes)
	require.Equal(t, "60", r.header.Get("Retry-After"))
	require.Equal(t, int64(1), got.Sequence)
	require.Equal(t, string(r.body), string(w.sendXML(uploader, file).body))
	w.upload(uploader, 1, ann(nil)).problem("register-unavailable")
	var many []cpis.Record
	for i := range 2 * uploadChunk {
		many = append(many, plan(i+1))
	}
	long := w.message01(1, many...)
	require.Equal(t, []cpis.FileCode{cpis.FileBroken}, w.sendXML(uploader, long[:len(long)-20]).response(400).Codes,
		"what is wrong with the file is said first, also where the register was asked on the way")
	require.Equal(t, before, w.size(), "nothing is half loaded")
	w.server.match = nil
	require.Equal(t, []cpis.FileCode{cpis.FileLoaded}, w.sendXML(uploader, file).response(200).Codes, "the number is still free")
}

// nobodyThere is a client of the national register, with nobody at its address.
func nobodyThere(t *testing.T) demographics.Register {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pds.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	gone := httptest.NewServer(nil)
	gone.Close()
	pds, err := demographics.NewPDS(demographics.PDSConfig{Base: gone.URL, Token: gone.URL + "/token", APIKey: "a", KeyID: "1", KeyFile: file, Attempts: 1})
	require.NoError(t, err)
	return pds
}
