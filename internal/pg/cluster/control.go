package cluster

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const controlFile = "global/pg_control"

// controlBytes is the file's size (PG_CONTROL_FILE_SIZE); what is said in it is shorter.
const controlBytes = 8192

// Offsets in pg_control, of a server for 64-bit machines, in its byte order.
// Source: struct ControlFileData with struct CheckPoint inside, in
// src/include/catalog/pg_control.h. They are the same from 13 to 18: what 17
// added lies in what was padding, and what 18 added only moved the checksum.
const (
	atSystemID      = 0
	atVersion       = 8
	atCatalog       = 12
	atState         = 16
	atCheckpoint    = 32
	atRedo          = 40
	atTimeline      = 48
	atMinRecovery   = 136
	atBackupEnd     = 160
	atConnections   = 180
	atWorkers       = 184
	atWalSenders    = 188
	atPreparedXacts = 192
	atLocksPerXact  = 196
	atCommitTimes   = 200
	atAlignment     = 204
	atFloat         = 208 // holds floatSample, to show that the layout is right
	atBlockSize     = 216
	atBlocksPerFile = 220
	atSegmentSize   = 228
	atChecksums     = 252
)

const floatSample = 1234567.0

// sumAt returns where the checksum lies in a file of a pg_control version; false
// for one that holdfast does not know.
func sumAt(version uint32) (offset int, known bool) {
	switch version {
	case 1300, 1700: // 13 to 16, and 17
		return 288, true
	case 1800:
		return 292, true
	}
	return 0, false
}

// states are pg_controldata's words for DBState, in its order.
func states() []string {
	return []string{"starting up", "shut down", "shut down in recovery", "shutting down", "in crash recovery", "in archive recovery", "in production"}
}

// The server writes pg_control in place, and a reader may see a half: it is read
// again before it is called corrupt.
const (
	controlReadings = 10
	controlPause    = 10 * time.Millisecond
)

// readControl reads pg_control without PostgreSQL's help. Errors: Corrupt when it
// is missing or its checksum stays wrong, Unknown for a version or layout that
// holdfast does not know.
func readControl(ctx context.Context, path string) (Identity, error) {
	for reading := 1; ; reading++ {
		content, err := pg.ReadSmall(path, controlBytes)
		if failure.Is(err, failure.NotFound) {
			return Identity{}, failure.Wrap(failure.Corrupt, err, "no server can start without it")
		}
		if err != nil {
			return Identity{}, err
		}
		identity, err := parseControl(content)
		if !failure.Is(err, failure.Corrupt) || reading == controlReadings {
			return identity, err
		}
		select {
		case <-ctx.Done():
			return Identity{}, failure.Wrap(failure.Unavailable, ctx.Err(), "read %s", path)
		case <-time.After(controlPause):
		}
	}
}

func parseControl(content []byte) (Identity, error) {
	if len(content) != controlBytes {
		return Identity{}, failure.New(failure.Corrupt, "pg_control has %d bytes, not %d", len(content), controlBytes)
	}
	c := control{content: content, order: binary.NativeEndian}
	at, known := sumAt(c.number(atVersion))
	if !known {
		return Identity{}, failure.New(failure.Unknown, "pg_control is of version %d; holdfast knows 1300, 1700 and 1800", c.number(atVersion)).
			WithHint("run holdfast on the machine and with the version of PostgreSQL that the cluster is of, 13 to 18")
	}
	if crc32.Checksum(content[:at], crc32.MakeTable(crc32.Castagnoli)) != c.number(at) {
		return Identity{}, failure.New(failure.Corrupt, "the checksum of pg_control is wrong")
	}
	if c.number(atAlignment) != 8 || math.Float64frombits(c.order.Uint64(content[atFloat:])) != floatSample {
		return Identity{}, failure.New(failure.Unknown, "pg_control has not the layout of a server for 64-bit machines")
	}
	return c.identity()
}

// control reads fields of a file that was found sound.
type control struct {
	content []byte
	order   binary.ByteOrder
}

func (c control) number(at int) uint32 { return c.order.Uint32(c.content[at:]) }
func (c control) int(at int) int       { return int(int32(c.number(at))) } //nolint:gosec // a C int
func (c control) lsn(at int) wal.LSN   { return wal.LSN(c.order.Uint64(c.content[at:])) }

func (c control) identity() (Identity, error) {
	state := c.int(atState)
	if state < 0 || state >= len(states()) {
		return Identity{}, failure.New(failure.Unknown, "pg_control names state %d", state)
	}
	return Identity{
		SystemID:        wal.SystemID(c.lsn(atSystemID)),
		ControlVersion:  c.int(atVersion),
		CatalogVersion:  c.int(atCatalog),
		State:           states()[state],
		Timeline:        wal.Timeline(c.number(atTimeline)),
		Checkpoint:      c.lsn(atCheckpoint),
		Redo:            c.lsn(atRedo),
		MinRecovery:     c.lsn(atMinRecovery),
		BackupEnd:       c.lsn(atBackupEnd),
		SegmentSize:     wal.SegmentSize(c.number(atSegmentSize)),
		BlockSizeBytes:  c.int(atBlockSize),
		BlocksPerFile:   c.int(atBlocksPerFile),
		ChecksumVersion: c.int(atChecksums),
		Minimums: Minimums{
			MaxConnections:       c.int(atConnections),
			MaxWorkerProcesses:   c.int(atWorkers),
			MaxWalSenders:        c.int(atWalSenders),
			MaxPreparedXacts:     c.int(atPreparedXacts),
			MaxLocksPerXact:      c.int(atLocksPerXact),
			TrackCommitTimestamp: c.content[atCommitTimes] != 0,
		},
	}, nil
}
