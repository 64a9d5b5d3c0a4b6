package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that says nothing is refused, and its number is still free; a row that
// cannot be read is named by where it stands.
func TestFilesThatSayNothing(t *testing.T) {
	w := newWorld(t)
	size := w.size()
	header, _, _ := strings.Cut(toCSV(ann(nil)), "\n")
	csv := map[string]string{"Content-Type": "text/csv"}
	w.call(uploader, "POST", "/v1/uploads?sequence=1", header+"\n", csv).problem("body-empty")
	w.uploadJSON(uploader, "?sequence=1", `[]`).problem("body-empty")
	w.uploadJSON(uploader, "?sequence=1", `{"rows":[]}`).problem("body-empty")
	good := strings.TrimSuffix(strings.TrimPrefix(asJSON(ann(nil)), "["), "]")
	for bad, code := range map[string]string{`{"nhsNumber":1}`: "json-type", `{"nhsNumber":"` + nhs(1) + `","unknown":1}`: "json-unknown-field"} {
		p := w.uploadJSON(uploader, "?sequence=1", "["+good+","+good+","+bad+"]").problem(code)
		require.True(t, strings.HasPrefix(p.Pointer, "/2"), p.Pointer)
		p = w.uploadJSON(uploader, "?sequence=1", `{"rows":[`+good+","+bad+"]}").problem(code)
		require.True(t, strings.HasPrefix(p.Pointer, "/rows/1"), p.Pointer)
	}
	require.Equal(t, size, w.size())
	require.Equal(t, 200, w.upload(uploader, 1, ann(nil)).status, "the number is free")
}
