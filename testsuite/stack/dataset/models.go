package dataset

import (
	"context"
	"crypto/md5" // #nosec G501 -- a checksum PostgreSQL can compute, not a protection
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const weightBytes = 64 << 10

// madeAt is when a row is said to have been made: the first in January 2026.
func madeAt(row int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(row) * 7 * time.Minute)
}

// models makes rows from..to for COPY: incompressible bytes come from Go, which
// is several times faster at them than SQL.
type models struct {
	row, to     int
	experiments int
	seed        int
}

// copyModels inserts rows from..to of models.
func copyModels(ctx context.Context, connect Connect, owner string, rows *models) error {
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // COPY has been answered
	if err := settle(ctx, conn, owner); err != nil {
		return err
	}
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"models"},
		[]string{"id", "experiment_id", "name", "weights", "weights_md5", "created_at"}, rows)
	return failure.Wrap(failure.Unavailable, err, "copy models")
}

// Next implements pgx.CopyFromSource.
func (m *models) Next() bool {
	m.row++
	return m.row <= m.to
}

// Values implements pgx.CopyFromSource. A row's bytes follow from seed and row alone.
func (m *models) Values() ([]any, error) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], uint64(m.seed))
	binary.LittleEndian.PutUint64(key[8:], uint64(m.row))
	weights := make([]byte, weightBytes)
	if _, err := rand.NewChaCha8(key).Read(weights); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make weights")
	}
	sum := md5.Sum(weights) // #nosec G401 -- see the import
	return []any{
		int64(m.row), int64((m.row-1)%m.experiments + 1), fmt.Sprintf("model-%d", m.row), weights,
		hex.EncodeToString(sum[:]), madeAt(m.row),
	}, nil
}

// Err implements pgx.CopyFromSource.
func (*models) Err() error { return nil }
