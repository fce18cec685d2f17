package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	loadOurs = "pgbench, archiving to S3 and GCS"
	loadPeer = "pgbench, pgBackRest asynchronous"
	loadNone = "pgbench, archive_command /bin/true"
	// clients of pgbench, on as many threads as the machine it was made for has cores.
	clients = 4
	threads = 2
	// pgbenchBytes is what one unit of pgbench's scale comes to.
	pgbenchBytes = 15e6
	warmUp       = 5 * time.Second
)

// measureLoad lets PostgreSQL work as fast as it can while its WAL is archived.
// Who falls behind gains speed by it, so what waits at the end of a turn is
// listed too.
func measureLoad(ctx context.Context, w *workshop, f *findings) (err error) {
	l, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if err := l.openLoad(ctx); err != nil {
		return err
	}
	// Vacuuming lasts for a part of a turn, about once a minute, which is about once in
	// three turns: it met the same contender each time (PostgreSQL docs, "pgbench", Good
	// Practices).
	defer func() {
		err = errors.Join(err, l.sql(context.WithoutCancel(ctx), "ALTER SYSTEM RESET autovacuum", "SELECT pg_reload_conf()"))
	}()
	if err := l.stopVacuuming(ctx); err != nil {
		return err
	}
	f.raw, err = w.takeTurns(ctx, []contender{
		{loadOurs, l.cloud.underLoad, []string{rowLoadPeer, rowLoadNone}},
		{loadPeer, l.peer.underLoad, []string{rowLoadPeer}},
		{loadNone, l.underLoadAlone, []string{rowLoadNone}},
	})
	if err != nil {
		return err
	}
	rates := map[string]float64{}
	for name, samples := range f.raw {
		rates[name] = median(figures(samples, "tps"))
		f.note("%s: %.0f tps, %.1f MB/s of WAL, %.0f segments waiting at the end, archived %.1f s later (medians).", name, rates[name],
			median(figures(samples, "WAL MB/s")), median(figures(samples, "segments waiting")), median(figures(samples, "drain s")))
	}
	f.notes = sorted(f.notes)
	f.compare(rowLoadPeer, rates[loadOurs], rates[loadPeer])
	f.compare(rowLoadNone, rates[loadOurs], rates[loadNone])
	return nil
}

// openLoad makes pgbench's tables, about a third of the data set's size, and lets
// them grow warm. Twice: they are made anew.
func (l *lab) openLoad(ctx context.Context) error {
	scale := max(5, int(float64(l.workshop.options.sizeBytes)/3/pgbenchBytes))
	if err := l.do(ctx, l.other(ctx, "pgbench", "--initialize", "--quiet", "--scale", decimal(scale), l.url())); err != nil {
		return err
	}
	if err := l.do(ctx, l.pgbench(ctx, warmUp)); err != nil {
		return err
	}
	return l.sql(ctx, "CHECKPOINT")
}

// stopVacuuming returns once no table is being vacuumed, and none will be.
func (l *lab) stopVacuuming(ctx context.Context) error {
	if err := l.sql(ctx, "ALTER SYSTEM SET autovacuum TO off", "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return poll(ctx, "vacuuming to end", 100*time.Millisecond, func() (bool, error) {
		err := l.sql(ctx, `DO $$ BEGIN IF EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker') THEN RAISE 'a table is vacuumed'; END IF; END $$`)
		return err == nil, err
	})
}

// url of the primary; the password is in a file.
func (l *lab) url() string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s sslmode=disable", l.Primary.Port, l.Primary.Superuser, l.Database().DBName)
}

// pgbench takes other rows in each turn: an updated row moves to the table's end, and
// who found the rows of an earlier turn there would write few whole pages to the log.
func (l *lab) pgbench(ctx context.Context, during time.Duration) *exec.Cmd {
	l.loads++
	return l.other(ctx, "pgbench", "--no-vacuum", "--client", decimal(clients), "--jobs", decimal(threads), "--random-seed", decimal(seed+l.loads),
		"--time", decimal(int(during.Seconds())), l.url())
}

func (b *bed) underLoad(ctx context.Context) (sample, error) {
	if err := b.protect(ctx); err != nil {
		return sample{}, err
	}
	made, err := b.underPgbench(ctx)
	if err != nil {
		return made, err
	}
	return made, b.release(ctx)
}

func (p *peer) underLoad(ctx context.Context) (sample, error) {
	if err := p.archiveBy(ctx, p.archiveCommand()); err != nil {
		return sample{}, err
	}
	made, err := p.underPgbench(ctx)
	if err != nil {
		return made, err
	}
	return made, p.archiveBy(ctx, noArchive)
}

func (l *lab) underLoadAlone(ctx context.Context) (sample, error) { return l.underPgbench(ctx) }

var transactions = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// underPgbench is one turn, from a checkpoint on, with nothing waiting.
func (l *lab) underPgbench(ctx context.Context) (sample, error) {
	if err := l.sql(ctx, "CHECKPOINT"); err != nil {
		return sample{}, err
	}
	from, err := l.position(ctx)
	if err != nil {
		return sample{}, err
	}
	made, out, err := l.measure(ctx, l.pgbench(ctx, l.workshop.options.load))
	if err != nil {
		return made, err
	}
	waiting, err := l.waiting()
	if err != nil {
		return made, err
	}
	to, err := l.position(ctx)
	if err != nil {
		return made, err
	}
	drained := time.Now()
	if err := l.drain(ctx); err != nil {
		return made, err
	}
	match := transactions.FindStringSubmatch(out)
	if match == nil {
		return made, failure.New(failure.CheckFailed, "pgbench told no tps: %s", strings.TrimSpace(ending(out)))
	}
	rate, err := strconv.ParseFloat(match[1], 64)
	made.MaxRSSBytes = 0 // pgbench's is nobody's
	made.Figures = map[string]float64{
		"tps": rate, "WAL MB/s": float64(to-from) / 1e6 / made.Seconds, "segments waiting": float64(waiting), "drain s": time.Since(drained).Seconds(),
	}
	return made, failure.Wrap(failure.CheckFailed, err, "read pgbench's tps")
}
