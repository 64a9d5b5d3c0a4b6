package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/tools"
)

// server is a real process, which the test may kill.
type server struct {
	t      *testing.T
	d      *demo
	binary string
	child  *exec.Cmd
}

func (s *server) start() {
	s.t.Helper()
	s.d.release()
	s.child = exec.Command(s.binary, "serve", "--config", s.d.path("n1.json"))
	s.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, s.child.Start())
	require.NoError(s.t, s.d.waitReady(s.t.Context()))
}

// end signals the process, and waits until it is gone.
func (s *server) end(signal syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.child.Process.Signal(signal))
	err := s.child.Wait()
	if signal != syscall.SIGKILL {
		require.NoError(s.t, err)
	}
}

func (s *server) size() ledger.Seq {
	s.t.Helper()
	r, err := http.Get("http://" + s.d.configs[0].Admin + "/statusz")
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, r.Body.Close()) }()
	var status struct{ Size ledger.Seq }
	require.NoError(s.t, json.NewDecoder(r.Body).Decode(&status))
	return status.Size
}

// send uploads a CP-IS message 01; an answer that does not come is an error.
func (s *server) send(token string, file []byte) (status int, answer []byte, err error) {
	r, err := http.NewRequest(http.MethodPost, s.d.configs[0].PublicURL+"/v1/uploads", bytes.NewReader(file))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/xml")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = a.Body.Close() }()
	answer, err = io.ReadAll(a.Body)
	return a.StatusCode, answer, err
}

// A process killed in the middle of a CP-IS file, again and again, loads each
// of its records once: the file sent again goes on where the ledger is, its
// acknowledgement is the same for ever after, and what is left verifies.
func TestAProcessKilledInTheMiddleOfAMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made and killed, because of -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	dir := t.TempDir()
	d := &demo{dir: filepath.Join(dir, "demo"), shown: "demo", listen: "127.0.0.1:0", out: io.Discard, clock: &demoClock{}}
	require.NoError(t, d.create(ctx, 1))
	binary := filepath.Join(dir, "custosd")
	out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	tokens, err := newTokenMaker(d.dir)
	require.NoError(t, err)
	token := ""
	for i := range d.state.People {
		if d.state.People[i].Env == "T_LA_UPLOADER" {
			token, err = tokens.issue(&d.state.People[i], time.Now())
			require.NoError(t, err)
		}
	}
	const records = 4000
	var said bytes.Buffer
	require.Zero(t, tools.Main([]string{"gen", "--seed", "77", "--children", "4000", "--authorities", "1", "--xml", "--out", dir}, &said, &said), "%s", &said)
	file, err := os.ReadFile(filepath.Join(dir, "upload-"+d.state.Known["LA_ODS"]+".xml"))
	require.NoError(t, err)

	s := &server{t: t, d: d, binary: binary}
	s.start()
	// The number after the demo's own; the generator's files begin at 1.
	last, err := d.lastUpload(ctx, d.configs[0].PublicURL, tokens, d.state.Known["LA_ODS"])
	require.NoError(t, err)
	file = bytes.Replace(file, []byte(`extension="1"`), []byte(`extension="`+strconv.FormatInt(last.Sequence+1, 10)+`"`), 1)
	begun := s.size()
	for round := range 3 {
		before := s.size()
		ended := make(chan error, 1)
		go func() {
			_, _, err := s.send(token, file)
			ended <- err
		}()
		require.Eventually(t, func() bool { return s.size() > before+600 }, time.Minute, time.Millisecond, "round %d", round)
		s.end(syscall.SIGKILL)
		require.Error(t, <-ended, "the file was not answered")
		s.start()
		require.Less(t, s.size(), begun+records, "it died in the middle")
	}
	status, first, err := s.send(token, file)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", first)
	after := s.size()
	_, again, err := s.send(token, file)
	require.NoError(t, err)
	require.Equal(t, string(first), string(again), "the same acknowledgement, byte for byte")
	s.end(syscall.SIGTERM)

	rows, later := 0, []string(nil)
	said.Reset()
	require.Zero(t, tools.Main([]string{"verify", "--data", d.path("n1"), "--keys", d.path("keys")}, &said, &said), "%s", &said)
	said.Reset()
	require.Zero(t, tools.Main([]string{"export", "--data", d.path("n1"), "--format", "ndjson"}, &said, &said))
	for line := range strings.Lines(said.String()) {
		var e struct {
			Seq  ledger.Seq
			Kind string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		if e.Seq >= begun && (strings.HasPrefix(e.Kind, "plan-")) {
			rows++
		}
		if e.Seq >= after && regexp.MustCompile("^(upload|chunk|plan)-").MatchString(e.Kind) { // not what comes by the clock
			later = append(later, e.Kind)
		}
	}
	require.Contains(t, string(first), `<transmissionQuantity value="`+strconv.Itoa(rows)+`"/>`, "each record once")
	require.Equal(t, []string{ledger.KindUploadResumed.String()}, later, "sent again when it was whole, nothing is loaded")
}
