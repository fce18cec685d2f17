package stack

import (
	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Options say what is started.
type Options struct {
	// PlanFile is the plan whose names, checks and objectives the stack takes.
	PlanFile string
	// Database in the plan; empty: its first.
	Database string
	// BinDir holds worker, starter and wal; empty: they are built.
	BinDir string
	// PostgresBin has PostgreSQL's programs; empty: those of $HOLDFAST_POSTGRES,
	// else those that are found.
	PostgresBin string
	// ArchiveCommand of the primary; empty: wal push with the host's settings.
	ArchiveCommand string
	// PostgresSettings are further lines of postgresql.conf.
	PostgresSettings []string
	// PersistGCS keeps the GCS server's objects as files: slower, and without
	// versions, but memory does not grow with the data.
	PersistGCS bool
	// Log of what the stack does; nil: none.
	Log *zap.Logger
}

func (o *Options) complete() error {
	if o.PlanFile == "" {
		return failure.Invalid("PlanFile", "name the plan to start a stack for")
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return nil
}
