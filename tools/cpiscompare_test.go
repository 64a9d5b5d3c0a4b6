package tools

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"custos/api/cpis"
	"custos/ledger"
)

// setBeside compares rows with lines, as the command does.
func setBeside(rows []cpis.Row, lines []heldLine) (*compare, []*comparedRow) {
	c := &compare{a: &app{stdout: io.Discard, stderr: io.Discard}}
	c.begin()
	for i := range rows {
		c.add(i+1, rows[i])
	}
	c.columns = []string{"family_name", "given_names", "date_of_birth", "start", "end", "local_id"}
	for i := range lines {
		c.meet(&lines[i])
	}
	c.judge(ledger.Day(20_000))
	var out []*comparedRow
	_ = c.each(func(r *comparedRow) error {
		out = append(out, r)
		return nil
	})
	return c, out
}

func anyRow() *rapid.Generator[cpis.Row] {
	return rapid.Custom(func(t *rapid.T) cpis.Row {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		return cpis.Row{NHSNumber: pick("number", "9990000018", "999 000 0018", "9990000026", ""), FamilyName: pick("family", "Fableton", "Otherwise"), GivenNames: "Ada",
			DateOfBirth: "2015-05-05", PlanType: pick("plan", "CPP", "LAC", "UCPP"), Start: pick("start", "2024-01-05", "2024-03-05", "5/1/2024"),
			End: pick("end", "", "2024-02-05", "2020-01-01"), LocalID: pick("local", "", "C1", "C2")}
	})
}

// Whatever is set beside whatever: every row of the file and every line of the
// service's is accounted for, once, and what two lines join is one plan.
func TestEveryRowIsAccountedForOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(anyRow(), 0, 8).Draw(t, "rows")
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) heldLine {
			return heldLine{Row: anyRow().Draw(t, "row"), State: rapid.SampledFrom([]string{"in-force", "visible", "ended", "unmatched", "rejected"}).Draw(t, "state")}
		}), 0, 8).Draw(t, "lines")
		c, out := setBeside(rows, lines)
		here, plans, loose := 0, 0, 0
		for _, r := range out {
			require.NotEmpty(t, r.State)
			if r.Here != nil {
				here++
			}
			joined := r.There != nil && r.ThereState != "unmatched" && r.ThereState != "rejected"
			if joined && r.Here != nil {
				require.Equal(t, r.Here.PlanType, r.There.PlanType)
				require.Equal(t, digits(r.Here.NHSNumber), digits(r.There.NHSNumber))
				require.False(t, twins(r.Here, r.There))
				require.NotEmpty(t, r.Fields)
			}
			if r.State == stateDiffers {
				require.True(t, joined)
			}
		}
		for i := range c.rows {
			r := &c.rows[i]
			if r.reason != nil {
				loose++
			}
			if r.held {
				plans++
			}
		}
		require.Equal(t, len(rows), here+c.repeated)
		all := 0
		for i := range lines {
			if lines[i].plan() {
				all++
			}
		}
		require.Equal(t, all, plans+len(c.left))
		require.Equal(t, len(lines)-all, loose+len(c.loose))
	})
}

// A file that says what is held is the same, in whatever order.
func TestWhatIsHeldIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfNDistinct(anyRow(), 0, 8, func(r cpis.Row) string { return digits(r.NHSNumber) + r.PlanType + r.Start + r.LocalID }).Draw(t, "rows")
		var lines []heldLine
		for _, r := range rapid.Permutation(rows).Draw(t, "order") {
			lines = append(lines, heldLine{Row: r, State: "in-force"})
		}
		_, out := setBeside(rows, lines)
		require.Len(t, out, len(rows))
		for _, r := range out {
			require.Equal(t, stateSame, r.State)
		}
	})
}

// What is there twice, with a reason: each case is one that an authority meets.
func TestComparedRows(t *testing.T) {
	own := cpis.Row{NHSNumber: "9990000018", FamilyName: "Fableton", GivenNames: "Ada", DateOfBirth: "2015-05-05", PlanType: "CPP", Start: "2024-01-05", LocalID: "C1"}
	held := func(state string, change func(*heldLine)) heldLine {
		l := heldLine{Row: own, State: state}
		if change != nil {
			change(&l)
		}
		return l
	}
	for _, c := range []struct {
		name  string
		lines []heldLine
		want  string
	}{
		{"a plan whose person matches no more is still held", []heldLine{held("in-force", nil), held("unmatched", func(l *heldLine) { l.Code = "no-match" })}, "unmatched no-match []"},
		{"a correction that was rejected", []heldLine{held("in-force", func(l *heldLine) { l.End = "2024-02-01" }), held("rejected", func(l *heldLine) { l.Code = "over-18" })}, "rejected over-18 [end]"},
		{"another start, the same days", []heldLine{held("in-force", func(l *heldLine) { l.Start = "2024-02-05" })}, "differs  [start]"},
		{"another start and other days, the same local id", []heldLine{held("visible", func(l *heldLine) { l.Start, l.End = "2020-02-05", "2020-03-05" })}, "differs  [start end]"},
		{"another person's number", []heldLine{held("in-force", func(l *heldLine) { l.NHSNumber = "9990000026" })}, "only-here  [] only-there  []"},
		{"a record that was not taken apart", []heldLine{held("rejected", func(l *heldLine) { l.PlanType, l.Start, l.Code = "", "", "start-format" })}, "rejected start-format []"},
		{"an unmatched row of another start", []heldLine{held("unmatched", func(l *heldLine) { l.NHSNumber, l.Start = "", "2024-02-05" })}, "unmatched  []"},
		{"a plan that ended, and that the file need not name", []heldLine{held("in-force", nil), held("ended", func(l *heldLine) { l.PlanType = "LAC" })}, "same  [] ended-there  []"},
	} {
		_, out := setBeside([]cpis.Row{own}, c.lines)
		var got []string
		for _, r := range out {
			got = append(got, fmt.Sprint(r.State, " ", r.Code, " ", r.Fields))
		}
		require.Equal(t, c.want, strings.Join(got, " "), c.name)
	}
	twin := own
	twin.PlanType, twin.LocalID = "UCPP", "T1"
	_, out := setBeside([]cpis.Row{twin}, []heldLine{held("in-force", func(l *heldLine) { l.PlanType, l.LocalID = "UCPP", "T2" })})
	require.Equal(t, []state{stateHere, stateThere}, []state{out[0].State, out[1].State}, "twins are two")
}

func FuzzHoldings(f *testing.F) {
	f.Add(`{"holdings":[{"state":"in-force","nhsNumber":"9990000018","start":"2024-01-05"}],"count":1,"pages":[{"seq":1,"receipt":"x"}]}`)
	f.Add(`{"holdings":[{"state":"unmatched","row":3,"code":"no-match","id":7,"suggestion":{"family_name":"A"}}`)
	f.Add(`{"count":0}`)
	f.Fuzz(func(t *testing.T, body string) {
		var lines []*heldLine
		if err := readHoldings(strings.NewReader(body), func(l *heldLine) { lines = append(lines, l) }); err != nil {
			require.Equal(t, "the holdings do not read, or are not whole", err.Error())
			return
		}
		var whole struct {
			Holdings []json.RawMessage
			Count    int
		}
		require.NoError(t, json.Unmarshal([]byte(body), &whole))
	})
}

// What cannot be read whole is no acknowledgement, and its error repeats nothing.
func FuzzAcknowledgement(f *testing.F) {
	f.Add(uint8(0), "row,status,code,message,local_id\n1,recorded,,,C1\n2,rejected,over-18,too old,C2\n")
	f.Add(uint8(1), `{"uploadId":"a","sequence":1,"accepted":1,"rejected":1,"results":[{"row":1,"status":"recorded"},{"row":2,"status":"rejected"}],"matchedPercent":50.0}`)
	f.Add(uint8(2), `<FileResponse xmlns="urn:hl7-org:v3"/>`)
	f.Fuzz(func(t *testing.T, form uint8, body string) {
		h := http.Header{"Custos-Snapshot": {body}}
		a, err := readAcknowledgement(family(form%3), h, strings.NewReader(body))
		if err != nil {
			require.Equal(t, errAcknowledgement, err)
			return
		}
		if family(form%3) != familyXML {
			require.LessOrEqual(t, len(a.rows), a.accepted+a.rejected)
		}
	})
}
