package tools

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// machineSpeed is how fast a core of this machine does what no program of ours can
// make cheaper, in nanoseconds. A shared machine loses half of its speed and gets
// it back within hours: a figure says something beside these.
type machineSpeed struct {
	TreeNode  float64 `json:"sha256Of65BytesNs"`
	Signature float64 `json:"ed25519SignNs"`
	Token     float64 `json:"es256VerifyNs"`
}

// machineTime is how long each is repeated.
const machineTime = 200 * time.Millisecond

func (a *app) benchMachineCommand() *cobra.Command {
	return &cobra.Command{
		Use: "machine", Short: "Measure this machine: a tree's node, a signature, a token's verification, on one core",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			m, err := measureMachine(machineTime)
			if err != nil {
				return failing(ExitUnreadable, err)
			}
			if a.json() {
				return a.printJSON(m)
			}
			fmt.Fprintf(a.stdout, "SHA-256 of a tree's node %.0f ns, Ed25519 signature %.1f us, ES256 verification %.1f us\n",
				m.TreeNode, m.Signature/1000, m.Token/1000)
			return nil
		},
	}
}

func measureMachine(each time.Duration) (machineSpeed, error) {
	message := make([]byte, 120) // as long as a checkpoint, about
	_, log, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return machineSpeed{}, err
	}
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return machineSpeed{}, err
	}
	digest := sha256.Sum256(message)
	token, err := ecdsa.SignASN1(rand.Reader, issuer, digest[:])
	if err != nil {
		return machineSpeed{}, err
	}
	var node [65]byte
	return machineSpeed{
		TreeNode: nanoseconds(each, 1000, func() {
			h := sha256.Sum256(node[:])
			copy(node[1:], h[:])
		}),
		Signature: nanoseconds(each, 10, func() { ed25519.Sign(log, message) }),
		Token:     nanoseconds(each, 10, func() { ecdsa.VerifyASN1(&issuer.PublicKey, digest[:], token) }),
	}, nil
}

// nanoseconds repeats something, so many times between two looks at the clock.
func nanoseconds(each time.Duration, times int, do func()) float64 {
	started, n := time.Now(), 0
	for time.Since(started) < each {
		for range times {
			do()
		}
		n += times
	}
	return float64(time.Since(started).Nanoseconds()) / float64(n)
}
