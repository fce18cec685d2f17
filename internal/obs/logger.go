package obs

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// LogFormat is the shape of log lines.
type LogFormat string

// Formats.
const (
	LogJSON    LogFormat = "json"    // one object a line, for machines
	LogConsole LogFormat = "console" // for people
)

// NewLogger returns a logger that writes to stderr lines of level (debug, info,
// warn, error) and above, with times in UTC. Nothing is sampled away: a line
// that is missing when a disaster is looked into is worth more than its cost.
func NewLogger(format LogFormat, level string) (*zap.Logger, error) {
	atLeast, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, failure.Invalid("log-level", "%q is none of debug, info, warn, error", level)
	}
	cfg := zap.NewProductionConfig()
	cfg.Level = zap.NewAtomicLevelAt(atLeast)
	cfg.Sampling = nil
	cfg.EncoderConfig.TimeKey = "time"
	cfg.EncoderConfig.EncodeTime = encodeUTC
	cfg.EncoderConfig.EncodeDuration = zapcore.StringDurationEncoder
	switch format {
	case LogJSON:
	case LogConsole:
		cfg.Encoding = "console"
		cfg.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
	default:
		return nil, failure.Invalid("log-format", "%q is neither json nor console", format)
	}
	logger, err := cfg.Build(zap.AddStacktrace(zapcore.DPanicLevel))
	return logger, failure.Wrap(failure.Internal, err, "build the logger")
}

func encodeUTC(t time.Time, to zapcore.PrimitiveArrayEncoder) {
	to.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}
