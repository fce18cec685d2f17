package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack"
)

func fileStores() []string { return []string{"file-near", "file-far"} }

// bed is one choice of stores with all that ours needs to work with them: a
// plan, WAL settings, and a WAL daemon while it is protected.
type bed struct {
	*lab
	name     string
	stores   []string
	plan     plan.Plan
	planFile string
	wal      settings.Settings
	walFile  string
	daemon   *stack.Process
	set      *recovery.SetSummary // the newest, which is kept; nil: none
}

// makeBeds makes the three choices of stores that rows speak of.
func (l *lab) makeBeds() (err error) {
	var clouds, s3 []string
	for _, one := range l.Plan.Stores {
		if one.Provider != plan.StoreFile {
			clouds = append(clouds, one.Name)
		}
		if one.Provider == plan.StoreS3 {
			s3 = append(s3, one.Name)
		}
	}
	if l.file, err = l.newBed("file", fileStores()); err != nil {
		return err
	}
	if l.cloud, err = l.newBed("cloud", clouds); err != nil {
		return err
	}
	l.s3, err = l.newBed("s3", s3)
	return err
}

func (l *lab) newBed(name string, stores []string) (*bed, error) {
	b := &bed{lab: l, name: name, stores: stores, plan: *l.Plan}
	b.plan.Stores = slices.DeleteFunc(slices.Clone(l.Plan.Stores), func(s plan.Store) bool { return !slices.Contains(stores, s.Name) })
	dir := filepath.Join(l.dir, name)
	if err := l.owner.MkdirAll(filepath.Join(dir, "spool")); err != nil {
		return nil, err
	}
	b.planFile, b.walFile = filepath.Join(dir, "plan.yaml"), filepath.Join(dir, "wal.yaml")
	if err := l.writeYAML(b.planFile, b.plan); err != nil {
		return nil, err
	}
	loaded, err := settings.Load(l.WALSettings(l.Primary.Host))
	if err != nil {
		return nil, err
	}
	loaded.Stores = slices.DeleteFunc(loaded.Stores, func(s settings.Store) bool { return !slices.Contains(stores, s.Name) })
	loaded.Socket, loaded.Spool.Dir = filepath.Join(dir, "wal.sock"), filepath.Join(dir, "spool")
	b.wal = loaded
	return b, l.writeYAML(b.walFile, loaded)
}

func (l *lab) writeYAML(path string, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "write %s as YAML", filepath.Base(path))
	}
	return l.owner.WriteFile(path, text, 0o600)
}

// archiveCommand is what a user would write into postgresql.conf.
func (b *bed) archiveCommand() string {
	return b.Program("wal") + " --config " + b.walFile + " push %p"
}

// protect starts the WAL daemon and has PostgreSQL archive through it. The daemon finds
// that its stores lack the WAL of others' turns, and ships what PostgreSQL still has of
// it: that is done when protect returns.
func (b *bed) protect(ctx context.Context) (err error) {
	if b.daemon, err = b.serveWAL(ctx, "daemon-"+b.name, b.walFile, b.wal.Socket); err != nil {
		return err
	}
	if err := b.archiveBy(ctx, b.archiveCommand()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return poll(ctx, "the tail to catch up", 50*time.Millisecond, func() (bool, error) {
		status, err := walStatus(ctx, b.wal.Socket)
		return err == nil && status.TailRunning && status.TailLagBytes == 0, err
	})
}

// release ends what protect began, so that others do not pay for it.
func (b *bed) release(ctx context.Context) error {
	if err := b.archiveBy(ctx, noArchive); err != nil {
		return err
	}
	return b.unserve(ctx)
}

// unserve stops the WAL daemon, where one runs, and drops its slot.
func (b *bed) unserve(ctx context.Context) error {
	if b.daemon == nil {
		return nil
	}
	b.daemon.Stop()
	b.daemon = nil
	return b.dropSlots(ctx)
}

// dropSlots waits for those that a connection which just ended still holds.
func (l *lab) dropSlots(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return poll(ctx, "replication slots to be free", 20*time.Millisecond, func() (bool, error) {
		err := l.sql(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
		return err == nil, err
	})
}

// serveWAL starts a WAL daemon and returns once it answers.
func (l *lab) serveWAL(ctx context.Context, name, file, socket string) (*stack.Process, error) {
	process, err := l.Spawn(l.unique(name), l.Program("worker"), l.profile(name), "wal", "--config", file, "serve")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return process, poll(ctx, "the WAL daemon, log "+process.Log, 10*time.Millisecond, func() (bool, error) {
		_, err := walStatus(ctx, socket)
		return err == nil, err
	})
}

// walStatus asks a WAL daemon for its numbers.
func walStatus(ctx context.Context, socket string) (status walship.Status, err error) {
	answer, err := wire.Ask(ctx, socket, wire.Request{Verb: wire.Status}, time.Second)
	if err == nil {
		err = answer.Err()
	}
	if err == nil {
		err = failure.Wrap(failure.Internal, json.Unmarshal([]byte(answer.Status), &status), "read the WAL daemon's status")
	}
	return status, err
}

// backUp makes a full set, as a user would, and forgets the one before.
func (b *bed) backUp(ctx context.Context) (sample, error) {
	host := b.Primary.Host
	command := b.starter(ctx, b.planFile, "backup-"+b.name, "backup", "create", "--full", "--database", b.Database().Name, "--host", host,
		"--signer", b.Keys.Signer[host], "--state-dir", filepath.Join(b.dir, b.name, "state"))
	made, out, err := b.measure(ctx, command)
	if err != nil {
		return made, err
	}
	var created scenario.BackedUp
	if err := json.Unmarshal([]byte(out), &created); err != nil {
		return made, failure.Wrap(failure.Internal, err, "read what backup create printed: %s", ending(out))
	}
	if created.Set.Kind != recovery.SetFull || len(created.Set.Stores) != len(b.stores) {
		return made, failure.New(failure.CheckFailed, "set %s is %s and in %v: not a full one in every store", created.Set.ID, created.Set.Kind, created.Set.Stores)
	}
	made.Figures = map[string]float64{"stored MB": float64(created.Set.StoredBytes) / 1e6}
	if b.set != nil {
		err = b.forget(b.set.ID)
	}
	b.set = &created.Set
	return made, err
}

// forget removes a set's files below the stores: disks are finite, and nothing
// in holdfast deletes a set.
func (b *bed) forget(set string) error {
	roots := []string{b.S3.DataDir, b.GCS.DataDir}
	for _, one := range b.plan.Stores {
		if one.Provider == plan.StoreFile {
			roots = append(roots, one.Path)
		}
	}
	for _, root := range roots {
		if err := removeNamed(root, set); err != nil {
			return err
		}
	}
	return nil
}

// removeNamed removes every file and directory below root whose name holds this one.
func removeNamed(root, name string) error {
	var found []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.Contains(entry.Name(), name) {
			found = append(found, path)
			if entry.IsDir() {
				return filepath.SkipDir
			}
		}
		return nil
	})
	for _, path := range found {
		if err == nil {
			err = os.RemoveAll(path)
		}
	}
	return failure.Wrap(failure.Forbidden, err, "remove set %s", name)
}

// ensureSet makes a set where there is none.
func (b *bed) ensureSet(ctx context.Context) error {
	if b.set != nil {
		return nil
	}
	if err := b.protect(ctx); err != nil {
		return err
	}
	_, err := b.backUp(ctx)
	if err == nil {
		err = b.drain(ctx)
	}
	if err == nil {
		err = b.release(ctx)
	}
	return err
}

func decimal(number int) string { return strconv.Itoa(number) }
