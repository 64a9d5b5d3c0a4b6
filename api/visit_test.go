package api

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A history that is put together from what was written before is the one that
// is written line by line: longer with each look, cut at 25, and with a look
// marked as in error in its midst.
func TestHistoriesWrittenOnceAreTheSame(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	var names []string
	marked := map[string]bool{}
	var second ledger.Seq
	author := func(i int) caller {
		who := doctor
		who.subject, who.name = fmt.Sprintf("author-%d", i), fmt.Sprintf("Dr Number %d", i)
		return who
	}
	for i := range 32 {
		out, e := w.lookup(author(i), object{"nhsNumber": nhs(1)}).recorded(200)
		if i == 1 {
			second = e.Seq
		}
		names = append([]string{author(i).name}, names...)
		require.Equal(t, fmt.Sprint(i+1), fmt.Sprint(out["accessCount"]))
		lines := list(out["accessHistory"])
		require.Len(t, lines, min(i+1, 25))
		for n := range lines {
			line := lines[n].(object)
			require.Equal(t, names[n], line["name"], "line %d of answer %d", n, i)
			require.Equal(t, marked[names[n]], line["inError"] == true, "line %d of answer %d", n, i)
		}
		if i == 10 {
			w.call(author(1), "POST", fmt.Sprintf("/v1/lookups/%d/corrections", second), object{"reason": "the sister was meant"}).recorded(201)
			marked[author(1).name] = true
		}
	}
}
