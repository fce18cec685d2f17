package walship

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const headroomEvery = 10 * time.Second

// daemon is everything that runs on one database host.
type daemon struct {
	settings settings.Settings
	archiver *Archiver // nil on a read-only host
	fetcher  *Fetcher  // nil on a host without keys
	report   *reporter
	meter    *meter
}

// Serve runs the daemon until ctx ends: it answers push and fetch on the socket,
// streams the tail, beats, and repairs stores. Killed at any instant, the next
// one goes on from the spool, the slot and the heartbeat log. Two daemons on one
// spool are refused with failure.Exists.
func Serve(ctx context.Context, opts Options) error {
	if err := nobodyListens(ctx, opts.Settings.Socket); err != nil {
		return err
	}
	lock, err := lockSpool(ctx, opts.Settings.Spool.Dir, serveLockPatience)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // the kernel drops the lock either way
	d, err := newDaemon(ctx, opts)
	if err != nil {
		return err
	}
	defer d.close()
	listener, err := listen(ctx, opts.Settings.Socket, opts.Settings.DataDir)
	if err != nil {
		return err
	}
	return d.run(ctx, func(ctx context.Context) error { return d.answer(ctx, listener) })
}

// How long to wait for the spool: a daemon that starts may find a push without
// daemon at work; a push may find a daemon that does not listen yet.
const (
	serveLockPatience = 30 * time.Second
	pushLockPatience  = 2 * time.Second
	lockPoll          = 50 * time.Millisecond
)

// lockSpool keeps a second process off the spool. The lock dies with the process.
func lockSpool(ctx context.Context, dir string, patience time.Duration) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, classFile(err, "create spool %s", dir)
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, classFile(err, "open %s", path)
	}
	deadline := time.Now().Add(patience)
	for syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		if time.Now().After(deadline) || !pause(ctx, lockPoll) {
			_ = file.Close() // nothing was written
			return nil, failure.New(failure.Exists, "another process uses spool %s", dir).WithHint("wal --config FILE status")
		}
	}
	return file, nil
}

func newDaemon(ctx context.Context, opts Options) (*daemon, error) {
	d := &daemon{settings: opts.Settings, report: newReporter(opts.logger(), opts.OnEvent), meter: newMeter(opts.Settings)}
	var err error
	if !opts.Settings.ReadOnly {
		if d.archiver, err = openArchiver(ctx, opts, d.report, d.meter); err != nil {
			return nil, err
		}
	}
	if opts.Keys != nil {
		d.fetcher, err = openFetcher(opts, d.report, d.meter)
	}
	if err == nil && d.archiver == nil && d.fetcher == nil {
		err = failure.Invalid("keys", "a read-only host without keys has nothing to do")
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *daemon) close() {
	if d.archiver != nil {
		d.archiver.Close()
	}
	if d.fetcher != nil {
		d.fetcher.Close()
	}
}

// run starts what the settings ask for beside the socket, and ends all of it
// when ctx ends or the socket fails.
func (d *daemon) run(ctx context.Context, socket func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	if d.archiver != nil {
		// Puts under way end with the daemon; the spool and the slot remember.
		stop := context.AfterFunc(ctx, d.archiver.cancel)
		defer stop()
		if err := d.startWriters(ctx, &parts); err != nil {
			return err
		}
	}
	err := socket(ctx)
	cancel()
	parts.Wait()
	return err
}

func (d *daemon) startWriters(ctx context.Context, parts *sync.WaitGroup) error {
	conn, err := config.WithPassword(d.settings.Database.Conn, d.settings.Database.Password)
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "resolve database.password")
	}
	parts.Go(func() { d.archiver.Repair(ctx) })
	parts.Go(func() { d.watchHeadroom(ctx) })
	if !d.settings.Tail.Disabled {
		stream := &tail{settings: d.settings, conn: conn.Reveal(), archiver: d.archiver, report: d.report, meter: d.meter}
		parts.Go(func() { stream.run(ctx) })
	}
	if d.settings.Heartbeat.Disabled {
		return nil
	}
	log, err := openBeatLog(filepath.Join(d.settings.Spool.Dir, "heartbeat"))
	if err != nil {
		return err
	}
	beats := &heart{settings: d.settings, conn: conn.Reveal(), archiver: d.archiver, report: d.report, meter: d.meter, log: log}
	parts.Go(func() {
		beats.run(ctx)
		if err := log.close(); err != nil {
			d.report.note(EventHeartbeat, "", "", err.Error())
		}
	})
	return nil
}

func (d *daemon) watchHeadroom(ctx context.Context) {
	for {
		d.archiver.headroomGone()
		if !pause(ctx, headroomEvery) {
			return
		}
	}
}

func (d *daemon) push(ctx context.Context, path string) error {
	if d.archiver == nil {
		return failure.New(failure.Refused, "source %s is an isolated restore here: it never archives (L3)", d.settings.Source).
			WithHint("set archive_mode = off in the restored cluster")
	}
	return d.archiver.Push(ctx, path)
}

func (d *daemon) fetch(ctx context.Context, name, path string) error {
	if d.fetcher == nil {
		return failure.New(failure.Forbidden, "this host has no keys to open WAL of source %s", d.settings.Source).
			WithHint("name keys.private in the settings, or let the recovery serve with released session keys")
	}
	return d.fetcher.Fetch(ctx, name, path)
}

// Status returns the daemon's numbers and standing alarms now.
func (d *daemon) Status() Status {
	status := d.meter.snapshot(time.Now())
	status.Alarms = d.report.standing()
	if d.archiver != nil {
		status.SpoolObjects, status.SpoolBytes = d.archiver.spool.totals()
	}
	return status
}
