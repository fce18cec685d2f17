package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/testsuite/stack/traffic"
)

const lookEvery = 100 * time.Millisecond

// measureRPO observes how old the newest WAL byte is that lies in a store, under
// full load and at one row a second.
func measureRPO(ctx context.Context, w *workshop, f *findings) error {
	l, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if err := l.openLoad(ctx); err != nil {
		return err
	}
	if err := l.cloud.protect(ctx); err != nil {
		return err
	}
	for _, one := range []struct {
		row  string
		work func(context.Context) error
	}{{rowRPOLoad, l.busy}, {rowRPOIdle, l.quiet}} {
		if !w.options.wanted(one.row) {
			continue
		}
		ages, err := l.observe(ctx, one.work)
		if err != nil {
			return err
		}
		made := sample{Figures: map[string]float64{"median s": percentile(ages, 50), "p99 s": percentile(ages, 99), "max s": percentile(ages, 100), "looks": float64(len(ages))}}
		f.raw[one.row] = []sample{made}
		w.say("  %-34s %s", one.row, made)
		f.limit(one.row, made.Figures["p99 s"])
	}
	f.note("The age of stored WAL is read from the files below the S3 server, %d times a second, against the primary's flush position.", time.Second/lookEvery)
	return l.cloud.release(ctx)
}

func (l *lab) busy(ctx context.Context) error {
	return l.do(ctx, l.pgbench(ctx, l.workshop.options.rpo))
}

func (l *lab) quiet(ctx context.Context) error {
	role := l.Database().Roles[0].Name
	writer := traffic.Start("bench", l.Primary.URL(role, l.Database().DBName, l.Passwords[role]), time.Second) //nolint:contextcheck // until it is stopped
	defer writer.Stop()
	select {
	case <-ctx.Done():
		return failure.Wrap(failure.Unavailable, ctx.Err(), "write a row a second")
	case <-time.After(l.workshop.options.rpo):
	}
	if acked := len(writer.Acks()); acked < int(l.workshop.options.rpo.Seconds()/2) {
		_, last := writer.Errors()
		return failure.New(failure.CheckFailed, "only %d rows were acknowledged: %v", acked, last)
	}
	return nil
}

// observe looks while work goes on and returns the ages seen, in seconds.
func (l *lab) observe(ctx context.Context, work func(context.Context) error) (ages []float64, err error) {
	conn, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }() // read only
	folder := l.walFolder()
	working := make(chan error, 1)
	go func() { working <- work(ctx) }()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var flushed positions
	for {
		select {
		case err := <-working:
			return ages, err
		case <-tick.C:
		}
		stored, err := newestStored(folder)
		if err != nil {
			return nil, errors.Join(err, <-working)
		}
		if err := flushed.look(ctx, conn); err != nil {
			return nil, errors.Join(err, <-working)
		}
		ages = append(ages, flushed.age(stored).Seconds())
	}
}

// positions are which position was flushed when.
type positions []moment

type moment struct {
	at  time.Time
	lsn wal.LSN
}

func (p *positions) look(ctx context.Context, conn *pgx.Conn) error {
	var text string
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_flush_lsn()::text").Scan(&text); err != nil {
		return failure.Wrap(failure.Unavailable, err, "ask for the flushed position")
	}
	lsn, err := wal.ParseLSN(text)
	*p = append(*p, moment{time.Now(), lsn})
	return err
}

// age of the newest stored byte: from the last look at which everything flushed
// was stored up to the newest look. It errs by one look, upwards. What it will
// not need again is dropped.
func (p *positions) age(stored wal.LSN) time.Duration {
	newest := (*p)[len(*p)-1]
	covered := 0
	for i, one := range *p {
		if one.lsn <= stored {
			covered = i
		}
	}
	*p = (*p)[covered:]
	return newest.at.Sub((*p)[0].at)
}

// walFolder is where the S3 server keeps the objects of this cluster's WAL.
func (l *lab) walFolder() string {
	for _, one := range l.Plan.Stores {
		if one.Provider == plan.StoreS3 {
			return filepath.Join(l.S3.DataDir, one.Bucket, one.Prefix, "v1", l.Database().Name, "wal", l.cloud.wal.SystemID.String(), "00000001")
		}
	}
	return ""
}

// newestStored returns the position up to which objects hold WAL: whole segments,
// and pieces of the tail. Their names say so; see docs/format.md.
func newestStored(folder string) (newest wal.LSN, err error) {
	segments, err := names(folder)
	if err != nil {
		return 0, err
	}
	pieces, err := names(filepath.Join(folder, "tail"))
	if err != nil {
		return 0, err
	}
	for _, name := range segments {
		text, _, _ := strings.Cut(name, "-")
		if segment, err := wal.DefaultSegmentSize.ParseSegment(text); err == nil { // else a history file or a label
			newest = max(newest, wal.DefaultSegmentSize.Start(segment)+wal.LSN(wal.DefaultSegmentSize))
		}
	}
	for _, name := range pieces {
		if fields := strings.Split(name, "-"); len(fields) == 4 {
			to, err := strconv.ParseUint(fields[2], 16, 64)
			if err != nil {
				return 0, failure.New(failure.Corrupt, "%q is not the name of a piece", name)
			}
			newest = max(newest, wal.LSN(to))
		}
	}
	return newest, nil
}

// names of files in a folder; none where there is no folder yet.
func names(folder string) (out []string, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			out = append(out, entry.Name())
		}
	}
	return out, failure.Wrap(failure.Unavailable, err, "list %s", folder)
}
