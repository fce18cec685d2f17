package obs

import (
	"fmt"

	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
)

// temporalLogger writes what Temporal's SDK says to zap.
type temporalLogger struct{ to *zap.Logger }

var (
	_ log.Logger          = temporalLogger{}
	_ log.WithLogger      = temporalLogger{}
	_ log.WithSkipCallers = temporalLogger{}
)

// TemporalLogger returns a logger for Temporal's client and workers that writes
// to the given one; the caller it reports is the SDK's.
func TemporalLogger(to *zap.Logger) log.Logger {
	return temporalLogger{to.WithOptions(zap.AddCallerSkip(1))}
}

func (l temporalLogger) Debug(msg string, keyvals ...any) { l.to.Debug(msg, fields(keyvals)...) }
func (l temporalLogger) Info(msg string, keyvals ...any)  { l.to.Info(msg, fields(keyvals)...) }
func (l temporalLogger) Warn(msg string, keyvals ...any)  { l.to.Warn(msg, fields(keyvals)...) }
func (l temporalLogger) Error(msg string, keyvals ...any) { l.to.Error(msg, fields(keyvals)...) }

// With returns a logger that adds keyvals to every line.
func (l temporalLogger) With(keyvals ...any) log.Logger {
	return temporalLogger{l.to.With(fields(keyvals)...)}
}

// WithCallerSkip returns a logger that reports a caller further up.
func (l temporalLogger) WithCallerSkip(depth int) log.Logger {
	return temporalLogger{l.to.WithOptions(zap.AddCallerSkip(depth))}
}

// fields pairs keys with values. A key without a value is kept, and named as what it is.
func fields(keyvals []any) []zap.Field {
	out := make([]zap.Field, 0, (len(keyvals)+1)/2)
	for ; len(keyvals) >= 2; keyvals = keyvals[2:] {
		out = append(out, zap.Any(fmt.Sprint(keyvals[0]), keyvals[1]))
	}
	if len(keyvals) == 1 {
		out = append(out, zap.Any("key without value", keyvals[0]))
	}
	return out
}
