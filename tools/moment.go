package tools

import (
	"errors"
	"strconv"
	"time"

	"custos/ledger"
)

var errMoment = errors.New("not a time: RFC 3339 (2026-03-03T14:00:00Z) or a day (2026-03-03, its end in London)")

// parseMoment reads a time, or a day, which stands for its last microsecond in
// London: everything that happened on it counts.
func parseMoment(s string) (ledger.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return ledger.Of(t), nil
	}
	d, err := ledger.ParseDay(s)
	if err != nil {
		return 0, errMoment
	}
	return (d + 1).Start() - 1, nil
}

// parseSince reads a time, or a day, which stands for its first microsecond.
func parseSince(s string) (ledger.Time, error) {
	if d, err := ledger.ParseDay(s); err == nil {
		return d.Start(), nil
	}
	return parseMoment(s)
}

func seqText(n ledger.Seq) string { return strconv.FormatUint(uint64(n), 10) }
