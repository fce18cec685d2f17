package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/testsuite/stack"
)

const (
	replayOurs = "replay through wal fetch"
	replayCopy = "replay through cp"
	// absentFetches is how often a segment is asked for that is not there.
	absentFetches = 200
	replayLimit   = 5 * time.Minute
)

// replaying is the material of these rows: a restored set, and the same WAL in
// the stores and in a folder.
type replaying struct {
	*lab
	base, folder string
}

// measureReplay lets PostgreSQL replay the same WAL, fetched in two ways. The
// rate is PostgreSQL's own: bytes between its "redo starts" and "redo done", over
// the time it says that took.
func measureReplay(ctx context.Context, w *workshop, f *findings) error {
	l, err := w.ready(ctx)
	if err != nil {
		return err
	}
	r, err := l.prepareReplay(ctx)
	if err != nil {
		return err
	}
	f.raw, err = w.takeTurns(ctx, []contender{
		{replayOurs, r.throughFetch, []string{rowReplay}}, {replayCopy, r.throughCopy, []string{rowReplay}},
	})
	if err != nil {
		return err
	}
	if w.options.wanted(rowReplay) {
		const rate = "MB/s"
		f.compare(rowReplay, median(figures(f.raw[replayOurs], rate)), median(figures(f.raw[replayCopy], rate)))
		f.note("WAL replay: %.0f MB.", median(figures(f.raw[replayOurs], "MB")))
	}
	if err := r.absent(ctx, w, f); err != nil {
		return err
	}
	return firstOf(os.RemoveAll(filepath.Dir(r.base)), os.RemoveAll(r.folder))
}

// prepareReplay backs up, writes WAL worth a quarter of the data, and keeps it twice.
func (l *lab) prepareReplay(ctx context.Context) (replaying, error) {
	r := replaying{lab: l, folder: filepath.Join(l.dir, "wal-folder")}
	if err := l.owner.MkdirAll(r.folder); err != nil {
		return r, err
	}
	if err := l.openLoad(ctx); err != nil {
		return r, err
	}
	if err := l.file.protect(ctx); err != nil {
		return r, err
	}
	if err := l.archiveBy(ctx, l.file.archiveCommand()+" && cp %p "+r.folder+"/%f"); err != nil {
		return r, err
	}
	if _, err := l.file.backUp(ctx); err != nil {
		return r, err
	}
	if err := l.writeWAL(ctx, l.workshop.options.sizeBytes/4); err != nil {
		return r, err
	}
	if err := l.file.release(ctx); err != nil {
		return r, err
	}
	_, out, err := l.file.restore(ctx, l.file.restoreCommand(ctx, "prepare", l.file.planFile, "--to", filepath.Join(l.dir, "replay-base")))
	r.base = out.DataDir
	return r, err
}

// bulk is how many parts a table is updated in.
const bulk = 10

// writeWAL lets short transactions and bulk updates take turns until so much WAL
// is written.
func (l *lab) writeWAL(ctx context.Context, bytes int64) error {
	begin, err := l.position(ctx)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := l.do(ctx, l.pgbench(ctx, 2*time.Second)); err != nil {
			return err
		}
		if err := l.sql(ctx, "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid % "+decimal(bulk)+" = "+decimal(i%bulk)); err != nil {
			return err
		}
		at, err := l.position(ctx)
		if err != nil || int64(at-begin) >= bytes {
			return err
		}
	}
}

func (l *lab) position(ctx context.Context) (wal.LSN, error) {
	conn, err := l.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }() // read only
	var text string
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&text); err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "ask for the position in the log")
	}
	return wal.ParseLSN(text)
}

func (r replaying) throughCopy(ctx context.Context) (sample, error) {
	dir, err := r.copyBase(ctx)
	if err != nil {
		return sample{}, err
	}
	return r.replay(ctx, dir, "cp "+r.folder+"/%f %p")
}

// throughFetch serves a fresh daemon each turn, so that nothing is fetched before.
func (r replaying) throughFetch(ctx context.Context) (made sample, err error) {
	dir, err := r.copyBase(ctx)
	if err != nil {
		return made, err
	}
	daemon, stop, file, err := r.serveFetch(ctx, r.file, dir)
	if err != nil {
		return made, err
	}
	defer func() {
		err = failure.Wrap(failure.ClassOf(err), err, "the daemon's log ends with %q", ending(read(daemon.Log)))
	}()
	made, err = r.replay(ctx, dir, r.Program("wal")+" --config "+file+" fetch %f %p")
	return made, errors.Join(err, stop())
}

// serveFetch starts a read-only daemon for a data directory, with the key.
func (l *lab) serveFetch(ctx context.Context, b *bed, dataDir string) (daemon *stack.Process, stop func() error, file string, err error) {
	own := filepath.Join(l.dir, l.unique("fetch"))
	made := b.wal
	made.ReadOnly, made.DataDir, made.Socket, made.Spool.Dir = true, dataDir, filepath.Join(own, "wal.sock"), filepath.Join(own, "spool")
	made.Keys.Private = l.privateKey()
	if err := l.owner.MkdirAll(made.Spool.Dir); err != nil {
		return nil, nil, "", err
	}
	file = filepath.Join(own, "wal.yaml")
	if err := l.writeYAML(file, made); err != nil {
		return nil, nil, "", err
	}
	daemon, err = l.serveWAL(ctx, "fetch", file, made.Socket)
	return daemon, func() error {
		daemon.Stop()
		return failure.Wrap(failure.Forbidden, os.RemoveAll(own), "remove the settings of a daemon")
	}, file, err
}

func (r replaying) copyBase(ctx context.Context) (string, error) {
	dir := filepath.Join(r.dir, "replayed")
	return dir, r.do(ctx, r.other(ctx, "cp", "-a", r.base, dir))
}

// replay recovers dir to the end of the archive and removes it.
func (r replaying) replay(ctx context.Context, dir, restoreCommand string) (made sample, err error) {
	defer func() { err = firstOf(err, os.RemoveAll(dir)) }()
	if err := r.owner.WriteFile(filepath.Join(dir, "recovery.signal"), nil, 0o600); err != nil {
		return made, err
	}
	dropCaches()
	var server aside
	made, err = r.timed(func() error {
		if server, err = r.startAside(dir, "restore_command="+restoreCommand, "hot_standby=off"); err != nil {
			return err
		}
		return r.recovered(ctx, server)
	})
	server.stop()
	if err != nil {
		return made, err
	}
	bytes, took, err := redo(read(server.Log))
	made.Figures = map[string]float64{"MB": bytes / 1e6, "redo s": took, "MB/s": bytes / 1e6 / took}
	return made, err
}

func (r replaying) recovered(ctx context.Context, server aside) error {
	ctx, cancel := context.WithTimeout(ctx, replayLimit)
	defer cancel()
	err := poll(ctx, "recovery to end", 50*time.Millisecond, func() (bool, error) {
		select {
		case <-server.Exited():
			return true, failure.New(failure.CheckFailed, "the server ended")
		default:
			return redoDone.MatchString(read(server.Log)), nil
		}
	})
	return failure.Wrap(failure.ClassOf(err), err, "the server's log ends with %q", ending(read(server.Log)))
}

var (
	redoStarts = regexp.MustCompile(`redo starts at ([0-9A-F]+/[0-9A-F]+)`)
	redoDone   = regexp.MustCompile(`redo done at ([0-9A-F]+/[0-9A-F]+) .*elapsed: ([0-9.]+) s`)
)

// redo reads out of a server's log how much it replayed, in bytes, and how long
// it says that took, in seconds.
func redo(log string) (bytes, took float64, err error) {
	starts, done := redoStarts.FindStringSubmatch(log), redoDone.FindStringSubmatch(log)
	if starts == nil || done == nil {
		return 0, 0, failure.New(failure.NotFound, "the server's log says nothing about redo: %s", ending(log))
	}
	from, err := wal.ParseLSN(starts[1])
	if err != nil {
		return 0, 0, err
	}
	to, err := wal.ParseLSN(done[1])
	if err != nil {
		return 0, 0, err
	}
	if took, err = strconv.ParseFloat(done[2], 64); err != nil || took <= 0 || to <= from {
		return 0, 0, failure.New(failure.CheckFailed, "redo from %s to %s took %s s", from, to, done[2])
	}
	return float64(to - from), took, nil
}

// absent asks for segments that are not there, as PostgreSQL does at the end of
// every archive: the whole life of the process each time. The row is the worse of
// both choices of stores.
func (r replaying) absent(ctx context.Context, w *workshop, f *findings) error {
	worst := map[string]float64{rowFetchMedian: math.Inf(-1), rowFetchP95: math.Inf(-1)}
	for _, b := range []*bed{r.file, r.cloud} {
		took, err := b.fetchAbsent(ctx, r.base)
		if err != nil {
			return err
		}
		one := map[string]float64{"median ms": percentile(took, 50), "p95 ms": percentile(took, 95), "max ms": percentile(took, 100)}
		made := sample{Figures: one}
		name := "wal fetch of an absent segment, " + b.name
		f.raw[name] = []sample{made}
		w.say("  %-34s %s", name, made)
		worst[rowFetchMedian], worst[rowFetchP95] = max(worst[rowFetchMedian], one["median ms"]), max(worst[rowFetchP95], one["p95 ms"])
	}
	for name, value := range worst {
		f.limit(name, value)
	}
	return nil
}

// fetchAbsent returns milliseconds of each call.
func (b *bed) fetchAbsent(ctx context.Context, dataDir string) (took []float64, err error) {
	_, stop, file, err := b.serveFetch(ctx, b, dataDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for i := range absentFetches {
		command := b.Command(ctx, "wal", "--config", file, "fetch", fmt.Sprintf("00000001000000FE%08X", i), "pg_wal/RECOVERYXLOG")
		begin := time.Now()
		out, err := command.CombinedOutput()
		took = append(took, float64(time.Since(begin).Microseconds())/1000)
		if command.ProcessState.ExitCode() != 1 {
			return nil, failure.New(failure.CheckFailed, "wal fetch of an absent segment ended with %v, wanted 1: %s", err, ending(string(out)))
		}
	}
	return took, nil
}
