package verify

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Latency is how long the critical queries take together, by sample.
type Latency struct {
	Samples int           `json:"samples"`
	P50     time.Duration `json:"p50"`
	P95     time.Duration `json:"p95"`
}

// Measure runs every query samples times, read only, in one session, and takes
// each run as one sample.
func Measure(ctx context.Context, server pg.Server, queries []string, samples int) (Latency, error) {
	if len(queries) == 0 || samples < 1 {
		return Latency{}, failure.Invalid("queries", "give at least one query and one sample")
	}
	var took []time.Duration
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		if err := pg.Exec(ctx, conn, "read only", "SET default_transaction_read_only = on"); err != nil {
			return err
		}
		for range samples {
			for _, query := range queries {
				begin := time.Now()
				if err := pg.Exec(ctx, conn, "run a critical query", query); err != nil {
					return err
				}
				took = append(took, time.Since(begin))
			}
		}
		return nil
	})
	if err != nil {
		return Latency{}, err
	}
	slices.Sort(took)
	return Latency{Samples: len(took), P50: Percentile(took, 50), P95: Percentile(took, 95)}, nil
}

// Percentile returns the nearest-rank percentile of ascending samples.
func Percentile(ascending []time.Duration, percent int) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	rank := (len(ascending)*percent + 99) / 100
	return ascending[max(rank, 1)-1]
}
