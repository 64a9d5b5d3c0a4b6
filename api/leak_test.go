package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// forms are the ways in which a text might lie about.
func forms(s string) []string {
	out := []string{s, strings.ToUpper(s), strings.ToLower(s), hex.EncodeToString([]byte(s)), base64.RawStdEncoding.EncodeToString([]byte(s))}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && len(s) == 10 {
		b := binary.BigEndian.AppendUint64(nil, n)
		out = append(out, s[:3]+" "+s[3:6]+" "+s[6:], s[:3]+"-"+s[3:6]+"-"+s[6:], string(b[3:]))
	}
	if p := strings.Split(s, "-"); len(p) == 3 && len(s) == 10 {
		y, m, d := p[0], p[1], p[2]
		out = append(out, d+"/"+m+"/"+y, d+"-"+m+"-"+y, d+"."+m+"."+y, y+"/"+m+"/"+d, y+m+d, d+m+y)
	}
	return out
}

// A long mixed day leaves nothing personal in clear: in no file under the data
// folder, in no row of its databases, in no log line.
func TestNothingPersonalInClear(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	w := newWorld(t)
	mother := ann(func(p *planRow) {
		p.NHSNumber, p.FamilyName, p.GivenNames, p.DateOfBirth, p.PlanType, p.Start, p.End = nhs(2), "Wintergreen-Ashby", "Mirabella", "1990-02-13", "UCPP", "2026-01-01", "2026-05-01"
	})
	broken := ann(func(p *planRow) {
		p.NHSNumber, p.FamilyName, p.DateOfBirth, p.LocalID = "9990000999", "Brokenridge", "2014-17-23", "LOCAL-BAD1"
	})
	older := ann(func(p *planRow) {
		p.NHSNumber, p.FamilyName, p.DateOfBirth, p.Start, p.LocalID, p.Team, p.Worker = nhs(6), "Overageton", "2003-08-19", "2010-01-01", "LOCAL-OLD1", "Magnolia Team", "Wilhelmina Workerby"
	})
	w.keep(mother, broken, older)
	w.upload(uploader, 1, ann(nil), mother, broken, older)
	w.uploadJSON(uploader2, "?sequence=1", asJSON(mother, broken)).recorded(200)
	w.uploadJSON(uploader, "?dry-run=true", asJSON(ann(nil), broken)).recorded(200)
	w.upload(uploader, 1, older).problem("sequence-content")
	w.upload(nurse, 1, older).denied("role-not-permitted")

	full := object{"nhsNumber": nhs(1), "dateOfBirth": "2015-05-14", "attendance": "ATT-778123", "callBack": "07700 900461", "identityConfirmed": true, "reason": "the grandmother knows the date"}
	key := header{"Idempotency-Key": uuid.NewString(), "User-Agent": nhs(1), "Cookie": "who=Featherstonehaugh"}
	_, e := w.lookup(doctor, full, key).recorded(200)
	w.lookup(doctor, full, key).recorded(200)
	w.lookup(otherDoctor, full, key).problem("idempotency-key-actor")
	w.lookup(planner, object{"nhsNumber": "999 000 " + nhs(1)[6:]}).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(3), "attendance": "ATT-778124"}).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(1), "dateOfBirth": "2015-06-15"}).recorded(200)
	w.lookup(nurse, object{"nhsNumber": nhs(1), "callBack": "07700 900462"}).denied("role-not-permitted")
	w.lookup(caller{"clinician", "late", "RLATE", "Dr Tardyworth", ""}, object{"nhsNumber": nhs(1)}).denied("not-live")
	w.secret("meant her twin Beatrix", "Orthoptics with Dr Eyewright", "seen at home by Magda", "Nursling is away ill", "journalist complaint 991", "ED.visit.77123")
	w.call(doctor, "POST", fmt.Sprintf("/v1/lookups/%d/corrections", e.Seq), object{"reason": "meant her twin Beatrix"}).recorded(201)
	w.call(planner, "POST", "/v1/missed-appointments", object{"nhsNumber": nhs(1), "appointmentAt": "2026-03-02T09:30:00Z", "service": "Orthoptics with Dr Eyewright"}).recorded(201)
	for _, resource := range []string{"CareTeam", "AuditEvent"} {
		w.fhir(doctor, resource, nhs(1), header{"TraceID": "ED.visit.77123"}).ok(200)
	}
	w.flag(planner, nhs(1)).ok(200)
	w.fhir(nurse, "CareTeam", nhs(1)).denied("role-not-permitted")
	w.lookup(doctor, object{"nhsNumber": nhs(1), "attendance": "ATT-778125"}).recorded(200)
	for _, n := range w.notifications(socialWorker, "") {
		if n["state"] == "withdrawn" {
			continue
		}
		path := fmt.Sprintf("/v1/notifications/%v/", n["id"])
		w.call(socialWorker, "POST", path+"open", nil).recorded(200)
		w.call(socialWorker, "POST", path+"acknowledgements", object{"action": "visited", "note": "seen at home by Magda"}).recorded(201)
		w.call(farWorker, "POST", path+"open", nil)
	}
	w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,", nhs(2)+",,"+nhs(2)+",,2025-09-01,", nhs(3)+","+school+",,,2025-09-01,")
	w.call(leader, "POST", "/v1/assignments", object{"person": nurse.subject, "school": school, "from": "2026-01-01", "to": "2026-12-31", "type": "cover", "reason": "Nursling is away ill"}).recorded(201)
	w.caseload(nurse, object{"school": school})
	w.trail(officer, object{"nhsNumber": nhs(1), "reason": "journalist complaint 991"})
	w.trail(siteOfficer, object{"actor": doctor.subject})

	// What is sent in the wrong place, and what fails.
	for _, who := range []caller{doctor, uploader, nurse, officer, leader, socialWorker, operator} {
		for _, rt := range routeTable {
			path, body, _ := w.sample(rt, e.Seq)
			path, _, _ = strings.Cut(path, "?")
			if !endless(rt.path) { // a good answer to it has no end
				w.call(who, rt.method, path, body)
			}
			w.call(who, rt.method, path+"?nhsNumber="+nhs(1)+"&name=Featherstonehaugh", body)
			w.call(who, rt.method, path+"/"+nhs(1), body)
			w.call(who, rt.method, strings.Replace(path, "/v1", "/v1/Featherstonehaugh", 1), body)
			if rt.body > 0 {
				w.call(who, rt.method, path, `{"`+nhs(1)+`":"Featherstonehaugh"}`)
				w.call(who, rt.method, path, `{"nhsNumber":"`+nhs(1)+`","area":"`+nhs(1)+`","person":"Featherstonehaugh","organisation":"`+nhs(1)+`"`)
				w.call(who, rt.method, path, nhs(1)+",Featherstonehaugh,2015-05-04\n", asCSV)
			}
			if v := lastVariable(rt.path, path); v != "" {
				w.call(who, rt.method, strings.Replace(path, v, nhs(1), 1), body)
				w.call(who, rt.method, strings.Replace(path, v, "Featherstonehaugh", 1), body)
			}
		}
	}
	w.call(nurse, "POST", "/v1/caseloads/lookups", object{"area": nhs(1)})
	w.call(officer, "POST", "/v1/trails", object{"organisation": nhs(1), "reason": "journalist complaint 991"})
	for _, fail := range []proposeHook{
		func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) { panic(nhs(1)) },
		func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) {
			return consensus.Outcome{}, errors.New(nhs(1) + " Featherstonehaugh")
		},
	} {
		w.hooked(fail, func() { require.Equal(t, 500, w.lookup(doctor, full).status) })
	}
	w.close()
	w.searchFolders(tmp)
}

// searchFolders wants nothing that a closed world was told as a secret in any
// file of the node or of another folder, in any row or in the log.
func (w *world) searchFolders(tmp string) {
	t := w.t
	t.Helper()
	var clear []string
	for s := range w.secrets {
		clear = append(clear, forms(s)...)
	}
	search := func(where string, content []byte) {
		for _, s := range clear {
			if bytes.Contains(content, []byte(s)) {
				t.Errorf("%s holds %q in clear", where, s)
			}
		}
	}
	files := 0
	for _, dir := range []string{w.dir, tmp} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			files++
			search(name, content)
			search("a file's name", []byte(name))
			return nil
		}))
	}
	require.Greater(t, files, 4)
	// A block may be compressed, so the rows are read as well.
	rows := 0
	for _, folder := range []string{"ledger", "raft"} {
		db, err := pebble.Open(filepath.Join(w.dir, folder), &pebble.Options{ReadOnly: true, Logger: quiet{}, FormatMajorVersion: 24})
		require.NoError(t, err)
		it, err := db.NewIter(nil)
		require.NoError(t, err)
		found := false
		for it.First(); it.Valid(); it.Next() {
			rows++
			row := append(append(bytes.Clone(it.Key()), 0), it.Value()...)
			search(folder+" row", row)
			found = found || bytes.Contains(row, []byte(emergency))
		}
		require.NoError(t, it.Close())
		require.NoError(t, db.Close())
		require.True(t, found, "the search finds what does lie in clear in %s", folder)
	}
	require.Greater(t, rows, 150)
	log := []byte(w.log.String())
	search("the log", log)
	require.True(t, bytes.Contains(log, []byte(`"route":"/v1/`)))
}

// quiet is a database that says nothing.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
