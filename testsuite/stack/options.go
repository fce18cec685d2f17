package stack

import (
	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
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
	// WAL edits how the primary's WAL is archived; nil: nothing.
	WAL func(*settings.Settings)
	// PersistGCS keeps the GCS server's objects as files: slower, and without
	// versions, but memory does not grow with the data.
	PersistGCS bool
	// Between puts something between clients and a server that listens at address, and
	// returns the address at which clients find it. It is asked for StoreS3, StoreGCS
	// and WALToPostgres, again where a server had to take another port; nil: nothing
	// stands between.
	Between func(server, address string) (string, error)
	// Log of what the stack does; nil: none.
	Log *zap.Logger
}

// Servers that something can be put before.
const (
	StoreS3       = "s3"
	StoreGCS      = "gcs"
	WALToPostgres = "wal-postgres" // the WAL daemon's way to the primary
)

func (o *Options) complete() error {
	if o.PlanFile == "" {
		return failure.Invalid("PlanFile", "name the plan to start a stack for")
	}
	if o.Between == nil {
		o.Between = func(_, address string) (string, error) { return address, nil }
	}
	if o.WAL == nil {
		o.WAL = func(*settings.Settings) {}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return nil
}
