package consensus

import (
	"context"
	"io"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// raftLogger passes Raft's messages to slog. Raft prints whole commands when it meets one it does not expect, so
// only values of plain kinds are passed on; of everything else the log says that it was left out.
type raftLogger struct {
	to   *slog.Logger
	name string
	args []any
}

func newRaftLogger(to *slog.Logger) hclog.Logger { return &raftLogger{to: to, name: "raft"} }

var slogLevels = map[hclog.Level]slog.Level{
	hclog.Trace: slog.LevelDebug - 4,
	hclog.Debug: slog.LevelDebug,
	hclog.Info:  slog.LevelInfo,
	hclog.Warn:  slog.LevelWarn,
	hclog.Error: slog.LevelError,
}

const leftOut = "(left out)"

// plain is v if it cannot hold a payload, and leftOut otherwise.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64,
		time.Duration, time.Time, string, error:
		return v
	case raft.ServerID, raft.ServerAddress, raft.RaftState:
		return v
	default:
		return leftOut
	}
}

func (l *raftLogger) Log(level hclog.Level, msg string, args ...any) {
	to, ok := slogLevels[level]
	if !ok || !l.to.Enabled(context.Background(), to) {
		return
	}
	all := append(append([]any{"part", l.name}, l.args...), args...)
	for i := 3; i < len(all); i += 2 {
		if k, ok := all[i-1].(string); !ok || k == "" {
			all[i-1] = "value"
		}
		all[i] = plain(all[i])
	}
	if len(all)%2 == 1 {
		all = all[:len(all)-1]
	}
	l.to.Log(context.Background(), to, msg, all...)
}

func (l *raftLogger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLogger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLogger) enabled(v hclog.Level) bool {
	return l.to.Enabled(context.Background(), slogLevels[v])
}

func (l *raftLogger) IsTrace() bool { return l.enabled(hclog.Trace) }
func (l *raftLogger) IsDebug() bool { return l.enabled(hclog.Debug) }
func (l *raftLogger) IsInfo() bool  { return l.enabled(hclog.Info) }
func (l *raftLogger) IsWarn() bool  { return l.enabled(hclog.Warn) }
func (l *raftLogger) IsError() bool { return l.enabled(hclog.Error) }

func (l *raftLogger) ImpliedArgs() []any { return l.args }

func (l *raftLogger) With(args ...any) hclog.Logger {
	return &raftLogger{to: l.to, name: l.name, args: append(append([]any{}, l.args...), args...)}
}

func (l *raftLogger) Name() string { return l.name }

func (l *raftLogger) Named(name string) hclog.Logger { return l.ResetNamed(l.name + "." + name) }

func (l *raftLogger) ResetNamed(name string) hclog.Logger {
	return &raftLogger{to: l.to, name: name, args: l.args}
}

func (l *raftLogger) SetLevel(hclog.Level) {}

func (l *raftLogger) GetLevel() hclog.Level { return hclog.NoLevel }

func (l *raftLogger) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l *raftLogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return lineWriter{l} }

type lineWriter struct{ l *raftLogger }

func (w lineWriter) Write(b []byte) (int, error) {
	w.l.Info(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}
