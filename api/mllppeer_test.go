package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// debianPython is the interpreter that Debian's packages are installed for.
const debianPython = "/usr/bin/python3"

// peerSends sends messages with another's library, over one connection, and
// prints of each answer what that library finds in it.
const peerSends = `
import json, sys, hl7
from hl7.client import MLLPClient
asked = json.load(sys.stdin)
said = []
with MLLPClient("127.0.0.1", asked["port"]) as line:
    for text in asked["messages"]:
        framed = line.send_message(hl7.parse(text))
        answer = hl7.parse(framed.decode("utf-8").strip("\x0b\x1c\r"))
        segments = [str(s[0]) for s in answer]
        why = str(answer.segment("ZCP")[2]) if "ZCP" in segments else str(answer.segment("ERR")[5])
        said.append([str(answer.segment("MSH")[9]), str(answer.segment("MSA")[1]), str(answer.segment("MSA")[2]), why])
json.dump(said, sys.stdout)
`

// What another library that others rely on (python-hl7, Debian's python3-hl7)
// makes, frames and sends is heard, and it reads our answers as we meant them.
func TestAnothersLibraryTellsOfArrivals(t *testing.T) {
	if err := exec.Command(debianPython, "-c", "import hl7.client").Run(); err != nil {
		t.Skip("SKIPPED: NO OTHER'S LIBRARY TOLD OF ARRIVALS: python3-hl7 is not here")
	}
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	l := loopbackListener(t)
	w.mllp(l, pas)
	in, err := json.Marshal(object{"port": l.Addr().(*net.TCPAddr).Port, "messages": []any{
		adt("P1", nhs(1)), adt("P2", nhs(9)), adt("P3", "9990000019"), adt("P1", nhs(1)),
	}})
	require.NoError(t, err)
	peer := exec.Command(debianPython, "-c", peerSends)
	peer.Stdin = bytes.NewReader(in)
	out, err := peer.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("%s", failed.Stderr)
	}
	require.NoError(t, err)
	var said [][]string
	require.NoError(t, json.Unmarshal(out, &said))
	require.Equal(t, [][]string{
		{"ACK^A04^ACK", "AA", "P1", "found"},
		{"ACK^A04^ACK", "AA", "P2", "not-found"},
		{"ACK^A04^ACK", "AE", "P3", "nhs-number-check-digit^^CUSTOS"},
		{"ACK^A04^ACK", "AA", "P1", "found"},
	}, said)
	found, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Equal(t, pas.System, objects(found["accessHistory"])[1]["system"], "it was a lookup like any other")
}
