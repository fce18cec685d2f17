package dataset

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
)

var (
	//go:embed schema.sql
	schema string
	//go:embed constraints.sql
	constraints string
)

// Size of a data set, in rows. Bytes are approximate, indexes included.
type Size struct {
	Experiments int // about 1 KiB each
	Results     int // about 1 KiB each
	Models      int // about 64 KiB each
}

// Small is for tests: about 25 MB, loaded in a second.
func Small() Size { return Size{Experiments: 1_000, Results: 8_000, Models: 150} }

// Large is for the demo and measurements: about 570 MB.
func Large() Size { return Size{Experiments: 20_000, Results: 240_000, Models: 5_000} }

// loaders is how many connections insert at the same time.
const loaders = 4

// Connect makes a connection to the database as superuser.
type Connect func(context.Context) (*pgx.Conn, error)

// Load makes the tables as owner, fills them from seed, and adds constraints.
// Twice: the second call fails, because the tables are there, and changes nothing.
func Load(ctx context.Context, connect Connect, owner string, size Size, seed int) error {
	if err := run(ctx, connect, owner, schema); err != nil {
		return err
	}
	group, grouped := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	for part := range loaders {
		group.Go(func() error {
			from, to := share(size.Models, part)
			return copyModels(grouped, connect, owner, &models{row: from - 1, to: to, experiments: size.Experiments, seed: seed})
		})
	}
	for part := range loaders {
		for _, statement := range []string{results(size, seed, part), experiments(size, seed, part)} {
			group.Go(func() error { return run(grouped, connect, owner, statement) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return run(ctx, connect, owner, constraints)
}

func run(ctx context.Context, connect Connect, owner, sql string) error {
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // every statement has been answered
	if err := settle(ctx, conn, owner); err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return failure.Wrap(failure.Unavailable, err, "run %.80q", sql)
}

// settle makes conn's rows belong to owner and its commits quick: the data set
// is made again, not recovered, when this load is interrupted.
func settle(ctx context.Context, conn *pgx.Conn, owner string) error {
	sql := "SET ROLE " + pgx.Identifier{owner}.Sanitize() + "; SET synchronous_commit = off; SET maintenance_work_mem = '256MB'"
	_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	return failure.Wrap(failure.Unavailable, err, "prepare a connection of %s", owner)
}

// share returns the first and last row of one part of rows.
func share(rows, part int) (from, to int) { return rows*part/loaders + 1, rows * (part + 1) / loaders }

// perExperiment is how many results each experiment but the last has.
func perExperiment(size Size) int { return max(1, size.Results/size.Experiments) }

// results returns the insert of one part of that table; every value follows from
// seed and row number.
func results(size Size, seed, part int) string {
	from, to := share(size.Results, part)
	var samples []string
	for column := range 8 {
		samples = append(samples, fmt.Sprintf("md5(i || '%c%d')", 'a'+column, seed))
	}
	return fmt.Sprintf(`INSERT INTO results SELECT i, least((i - 1) / %d + 1, %d), 'loss', abs(sin(i + %d)), decode(%s, 'hex'),
		repeat('epoch ' || i %% 97 || ' finished, loss falling, learning rate unchanged; ', 12),
		timestamptz '2026-01-01 00:00Z' + i * interval '20 seconds' FROM generate_series(%d, %d) AS i`,
		perExperiment(size), size.Experiments, seed, strings.Join(samples, " || "), from, to)
}

// experiments returns the insert of one part of that table. The last experiment
// holds the results that do not divide evenly.
func experiments(size Size, seed, part int) string {
	from, to := share(size.Experiments, part)
	return fmt.Sprintf(`INSERT INTO experiments SELECT i, 'Experiment ' || i, (ARRAY['done', 'running', 'failed', 'planned'])[i %% 4 + 1],
		jsonb_build_object('seed', i + %[1]d, 'rate', 0.001 * (i %% 10 + 1), 'layers', i %% 48 + 1, 'optimizer', 'adam'),
		repeat('Hypothesis ' || i %% 31 || ': a deeper network generalizes better. ', 12),
		CASE WHEN i < %[2]d THEN %[3]d ELSE %[4]d - (%[2]d - 1) * %[3]d END,
		timestamptz '2026-01-01 00:00Z' + i * interval '3 minutes' FROM generate_series(%[5]d, %[6]d) AS i`,
		seed, size.Experiments, perExperiment(size), size.Results, from, to)
}
