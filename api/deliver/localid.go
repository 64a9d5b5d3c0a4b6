package deliver

import (
	"strconv"
	"strings"

	"custos/ledger"
)

// Local ids are what we call our messages towards MESH. They are derived, so
// that every node calls a message the same, and say nothing of a person.

// prefixes of local ids, by what a message is.
const (
	localAccess   = "custos-05-"
	localInactive = "custos-06-"
	localAnswer   = "custos-02-"
)

// localID is what the message of an attempt is called.
func localID(log ledger.ID, t ledger.NotificationType, attempt ledger.Seq) string {
	prefix := localAccess
	if t == ledger.NotifyInactive {
		prefix = localInactive
	}
	n := strconv.FormatUint(uint64(attempt), 10)
	return prefix + n + "-" + ledger.DeriveID("delivery", log[:], []byte(n)).String()
}

// attemptOf reads which attempt a local id of this log is of.
func attemptOf(log ledger.ID, local string) (ledger.Seq, bool) {
	for prefix, t := range map[string]ledger.NotificationType{localAccess: ledger.NotifyAccess, localInactive: ledger.NotifyInactive} {
		rest, ok := strings.CutPrefix(local, prefix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.SplitN(rest, "-", 2)[0], 10, 63)
		if err == nil && localID(log, t, ledger.Seq(n)) == local {
			return ledger.Seq(n), true
		}
	}
	return 0, false
}

// answerID is what message 02 to one message of MESH's is called: that message
// comes again until it is acknowledged, and its answer is sent once.
func answerID(log ledger.ID, message string) string {
	return localAnswer + ledger.DeriveID("answer", log[:], []byte(message)).String()
}
