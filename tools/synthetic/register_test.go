package synthetic_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/api/demographics"
	"custos/ledger"
	"custos/tools/synthetic"
)

// Whatever is made, the register takes it, knows everybody, and says of the known what they are known for.
func TestTheRegisterKnowsEverybody(t *testing.T) {
	require.Equal(t, demographics.Columns, synthetic.RegisterColumns)
	for _, c := range []synthetic.GenConfig{{Seed: 1}, {Seed: 2, UpperHalf: true}, {Seed: 3, Children: 12, Authorities: 60}} {
		s := demo(t, c)
		b, n, err := s.Register()
		require.NoError(t, err)
		again, _, err := s.Register()
		require.NoError(t, err)
		require.Equal(t, b, again, "the same bytes each time")
		file := filepath.Join(t.TempDir(), "register.csv")
		require.NoError(t, os.WriteFile(file, b, 0o600))
		r, err := demographics.OpenEmbedded(demographics.EmbeddedConfig{File: file, Poll: -1})
		require.NoError(t, err)
		require.Equal(t, n, r.Status().Rows)
		require.Equal(t, len(s.People)+len(s.Strangers), r.Status().People)

		query := func(number string, i int) demographics.Query {
			return demographics.Query{NHSNumber: number, Family: s.People[i].Family, Given: s.People[i].Given, Birth: date(t, s.People[i].Birth)}
		}
		var queries []demographics.Query
		for i := range s.People {
			queries = append(queries, query(s.People[i].NHSNumber, i))
		}
		queries = append(queries, query(s.Known.Superseded, s.Known.CPP), query(s.Known.Invalidated, s.Known.CPP), query(s.Known.None, s.Known.CPP))
		out, err := r.Match(context.Background(), queries)
		require.NoError(t, err)
		twins := 0
		for i := range s.People {
			require.Equal(t, demographics.Matched, out[i].Outcome)
			require.Equal(t, 1, out[i].Check)
			require.Equal(t, i == s.Known.Restricted, out[i].Person.Restricted)
			if out[i].Twin {
				twins++
			}
		}
		if len(s.People) > 100 {
			require.Positive(t, twins)
			require.Zero(t, s.People[s.Known.Restricted].Authority)
		}
		rest := out[len(s.People):]
		require.Equal(t, demographics.Superseded, rest[0].Outcome)
		require.Equal(t, s.People[s.Known.CPP].NHSNumber, rest[0].SupersededBy)
		require.Equal(t, demographics.Invalidated, rest[1].Outcome)
		require.Equal(t, demographics.ReasonSeveralDiffer, rest[2].Reason)
	}
}

func date(t *testing.T, d ledger.Day) demographics.Date {
	t.Helper()
	out, err := demographics.ParseDate(d.String())
	require.NoError(t, err)
	return out
}
