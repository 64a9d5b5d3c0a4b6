package synthetic_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/tools/synthetic"
)

func today(t *testing.T) ledger.Day {
	t.Helper()
	d, err := ledger.ParseDay("2026-11-22")
	require.NoError(t, err)
	return d
}

func demo(t *testing.T, c synthetic.GenConfig) *synthetic.Synthetic {
	t.Helper()
	c.Today = today(t)
	s, err := synthetic.Generate(c)
	require.NoError(t, err)
	return s
}

func plan(p synthetic.Plan, birth ledger.Day) ledger.Plan {
	l := ledger.Plan{Type: p.Type, Start: p.Start, End: p.End}
	if p.Type != ledger.UnbornChild {
		l.LastDay = birth.AddYears(18)
	}
	return l
}

func TestSameSeedSameBytes(t *testing.T) {
	sum := func(seed uint64) [32]byte {
		s := demo(t, synthetic.GenConfig{Seed: seed})
		var all bytes.Buffer
		for a := range s.Authorities {
			up, _, err := s.Upload(a, s.Config.Today)
			require.NoError(t, err)
			en, _, err := s.Enrolments(a, s.Config.Today)
			require.NoError(t, err)
			all.Write(up)
			all.Write(en)
		}
		require.NoError(t, json.NewEncoder(&all).Encode(s.Visits))
		require.NoError(t, json.NewEncoder(&all).Encode(s.Actors))
		return sha256.Sum256(all.Bytes())
	}
	require.Equal(t, sum(1), sum(1))
	require.NotEqual(t, sum(1), sum(2))
}

func TestNumbersAreValidUniqueAndOfTheTestRange(t *testing.T) {
	seen := map[string]bool{}
	check := func(n string) {
		require.Len(t, n, 10)
		require.Equal(t, "999", n[:3])
		sum := 0
		for i := range 9 {
			sum += int(n[i]-'0') * (10 - i)
		}
		require.Equal(t, (11-sum%11)%11, int(n[9]-'0'))
		require.False(t, seen[n], "a number was given twice")
		seen[n] = true
	}
	for _, upper := range []bool{false, true} {
		s := demo(t, synthetic.GenConfig{Seed: 7, UpperHalf: upper})
		for i := range s.People {
			check(s.People[i].NHSNumber)
		}
		for _, n := range s.Strangers {
			check(n)
		}
	}
}

func TestKnownPeopleAreWhatTheyAreKnownFor(t *testing.T) {
	s := demo(t, synthetic.GenConfig{Seed: 1})
	on := s.Config.Today
	at := func(i int) (ledger.Plan, synthetic.Person) {
		p := s.People[i]
		require.Equal(t, 0, p.Authority)
		require.Len(t, p.Plans, 1)
		return plan(p.Plans[0], p.Birth), p
	}
	cpp, child := at(s.Known.CPP)
	require.True(t, cpp.Active(on))
	require.Equal(t, ledger.ChildProtection, cpp.Type)
	require.Equal(t, s.Authorities[0].Schools[0], child.School)
	require.Equal(t, s.Authorities[0].Areas[0], child.Area)
	lac, _ := at(s.Known.LAC)
	require.True(t, lac.Active(on))
	require.Equal(t, ledger.LookedAfter, lac.Type)
	ucpp, mother := at(s.Known.UCPP)
	require.True(t, ucpp.Active(on))
	require.Equal(t, ledger.UnbornChild, ucpp.Type)
	require.Less(t, mother.Birth.AddYears(18), on)
	require.Empty(t, mother.School)
	ended, _ := at(s.Known.Ended)
	require.Equal(t, on-100, ended.End)
	require.True(t, ended.Visible(on))
	expired, _ := at(s.Known.Expired)
	require.Equal(t, on-400, expired.End)
	require.False(t, expired.Visible(on))
	require.Contains(t, s.Strangers, s.Known.None)
}

func TestPlansAreOnesThatAnAuthorityCouldSend(t *testing.T) {
	s := demo(t, synthetic.GenConfig{Seed: 3, Children: 3000, Authorities: 5, Schools: 40})
	on := s.Config.Today
	kinds := map[ledger.PlanType]int{}
	visible := 0
	for i := range s.People {
		p := &s.People[i]
		require.Less(t, p.Birth, on)
		for _, l := range p.Plans {
			kinds[l.Type]++
			require.LessOrEqual(t, l.Start, on)
			require.GreaterOrEqual(t, l.Start, p.Birth)
			if l.Type == ledger.UnbornChild {
				require.NotZero(t, l.End)
			} else {
				require.LessOrEqual(t, on, p.Birth.AddYears(18))
			}
			if l.End != 0 {
				require.GreaterOrEqual(t, l.End, l.Start)
			}
			if v := plan(l, p.Birth); v.Visible(on) {
				visible++
			}
		}
	}
	require.Len(t, kinds, 3)
	require.Greater(t, visible, 2000)
}

func TestUploadAndItsChangesAddUp(t *testing.T) {
	s := demo(t, synthetic.GenConfig{Seed: 5, Children: 900})
	on := s.Config.Today
	read := func(b []byte, n int, err error) map[string]string {
		require.NoError(t, err)
		rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		require.NoError(t, err)
		require.Equal(t, synthetic.UploadColumns, rows[0])
		require.Len(t, rows, n+1)
		out := map[string]string{}
		for _, r := range rows[1:] {
			out[r[0]+" "+r[8]] = r[6]
		}
		return out
	}
	b, n, err := s.Upload(0, on-90)
	have := read(b, n, err)
	for d := on - 83; d <= on+1; d += 7 {
		b, n, err := s.Changes(0, d-7, min(d, on))
		for k, v := range read(b, n, err) {
			have[k] = v
		}
	}
	b, n, err = s.Upload(0, on)
	require.Equal(t, read(b, n, err), have)
}

func TestVisitsAreInOrderBeforeToday(t *testing.T) {
	s := demo(t, synthetic.GenConfig{Seed: 5})
	require.Len(t, s.Visits, 800)
	last := (s.Config.Today - 90).Start()
	none := 0
	for _, v := range s.Visits {
		require.GreaterOrEqual(t, v.At, last)
		require.Less(t, v.At, s.Config.Today.Start())
		require.Less(t, v.Actor, len(s.Actors))
		if v.Person < 0 {
			none++
		} else {
			require.Equal(t, s.People[v.Person].NHSNumber, v.NHSNumber)
		}
		last = v.At
	}
	require.Greater(t, none, 100)
}

func TestPlacesExist(t *testing.T) {
	s := demo(t, synthetic.GenConfig{Seed: 5})
	codes := map[string]string{}
	for _, o := range s.Organisations {
		require.NotContains(t, codes, o.Code)
		codes[o.Code] = o.Sort
	}
	schools := 0
	for _, sort := range codes {
		if sort == ledger.SortSchool {
			schools++
		}
	}
	require.Equal(t, 12, schools)
	for i := range s.People {
		p := &s.People[i]
		require.Equal(t, ledger.SortArea, codes[p.Area])
		require.Equal(t, ledger.SortPractice, codes[p.Practice])
		if p.School != "" {
			require.Equal(t, ledger.SortSchool, codes[p.School])
		}
	}
	for _, a := range s.Actors {
		require.Contains(t, codes, a.Organisation)
	}
	b, err := s.OrganisationsJSON()
	require.NoError(t, err)
	require.True(t, json.Valid(b))
}

func TestConfigurationsThatCannotBeMade(t *testing.T) {
	for name, c := range map[string]synthetic.GenConfig{
		"no day":               {},
		"too few children":     {Today: 20000, Children: 1},
		"too many children":    {Today: 20000, Children: synthetic.MaxChildren + 1},
		"too many authorities": {Today: 20000, Authorities: synthetic.MaxAuthorities + 1},
		"too few schools":      {Today: 20000, Authorities: 3, Schools: 2},
		"negative history":     {Today: 20000, Days: -1},
	} {
		_, err := synthetic.Generate(c)
		require.ErrorIs(t, err, synthetic.ErrConfig, name)
	}
}
