package walship

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// Options are what an Archiver or a Fetcher is made of. The composition root
// opens stores and keys; nothing here reads a secret.
type Options struct {
	Settings settings.Settings
	Stores   []store.Store
	// Recipients are the public keys everything is sealed to; needed to archive.
	Recipients keyring.Recipients
	Mode       keyring.Mode
	// Keys opens what is fetched; needed to fetch, absent on a host that archives.
	Keys keyring.KeySource
	// Only, unless nil, holds the keys of the sealed objects that fetching may use:
	// what was approved and what session keys were released for. What reaches the
	// stores later is not there for this recovery.
	Only    map[string]bool
	Log     *zap.Logger // nil logs nothing
	OnEvent func(Event) // nil: events are logged only. Must not block.
}

func (o Options) logger() *zap.Logger {
	if o.Log == nil {
		return zap.NewNop()
	}
	return o.Log
}

func (o Options) place() place {
	return place{source: o.Settings.Source, system: o.Settings.SystemID, size: o.Settings.SegmentSizeBytes}
}

// Archiver pushes WAL into the stores and repairs those that lacked something.
type Archiver struct {
	settings settings.Settings
	place    place
	shelves  []*shelf
	seal     func(plain []byte, key string) ([]byte, error)
	spool    *spool
	report   *reporter
	meter    *meter

	ctx        context.Context //nolint:containedctx // of background work; ends with Close
	cancel     context.CancelFunc
	background sync.WaitGroup
	recent     recentSegments
}

// OpenArchiver opens the spool and takes up what an earlier process left there.
// Close it. Errors: InvalidInput, Refused (a read-only host), Corrupt spool.
func OpenArchiver(ctx context.Context, opts Options) (*Archiver, error) {
	return openArchiver(ctx, opts, newReporter(opts.logger(), opts.OnEvent), newMeter(opts.Settings))
}

func openArchiver(ctx context.Context, opts Options, report *reporter, meter *meter) (*Archiver, error) {
	if opts.Settings.ReadOnly {
		return nil, failure.New(failure.Refused, "source %s is an isolated restore here: it never archives (L3)", opts.Settings.Source).
			WithHint("set archive_mode = off in the restored cluster")
	}
	if len(opts.Recipients.Fingerprints()) == 0 || len(opts.Stores) == 0 {
		return nil, failure.Invalid("recipients", "archiving needs recipients and at least one store")
	}
	spool, err := openSpool(filepath.Join(opts.Settings.Spool.Dir, "waiting"), opts.Settings.Spool.MaxBytes)
	if err != nil {
		return nil, err
	}
	a := &Archiver{settings: opts.Settings, place: opts.place(), spool: spool, report: report, meter: meter}
	a.seal = func(plain []byte, key string) ([]byte, error) {
		return seal.Seal(plain, key, opts.Recipients, opts.Mode)
	}
	for _, one := range opts.Stores {
		a.shelves = append(a.shelves, &shelf{Store: one})
	}
	a.ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.forgetStrangers(); err != nil {
		return nil, err
	}
	a.warnSpoolOnly()
	return a, nil
}

// cluster is the archived cluster's WAL as the stores have it.
func (a *Archiver) cluster() Cluster {
	c := Cluster{Source: a.place.source, SystemID: a.place.system, SegmentSize: a.place.size}
	for _, one := range a.shelves {
		c.Stores = append(c.Stores, one.Store)
	}
	return c
}

// copies is how many stores must hold an object by archive.require.
func (a *Archiver) copies() int {
	if a.settings.Archive.Require == settings.RequireAll {
		return len(a.shelves)
	}
	return 1
}

// owed returns the segments that wait in the spool for more stores than
// archive.require lets do without.
func (a *Archiver) owed() []wal.Segment {
	return a.segmentsOf(slices.DeleteFunc(a.spool.all(), func(e entry) bool { return len(a.shelves)-len(e.Lacking) >= a.copies() }))
}

func (a *Archiver) segmentsOf(entries []entry) []wal.Segment {
	var list []wal.Segment
	for _, e := range entries {
		obj, err := a.place.parse(e.Key)
		if err == nil && obj.File.Kind == wal.FileSegment {
			list = append(list, obj.File.Segment)
		}
	}
	return list
}

// warnSpoolOnly raises again what an earlier process had said: segments that
// PostgreSQL was told are archived exist in the spool alone. Those it was not told of
// have their .ready file yet; where that cannot be seen, they count as told.
func (a *Archiver) warnSpoolOnly() {
	alone := a.segmentsOf(a.spool.onlyHere(len(a.shelves)))
	if len(alone) == 0 {
		return
	}
	waiting, _ := unarchived(a.settings)
	for _, seg := range alone {
		if !slices.Contains(waiting, seg) {
			a.report.raise(EventSpoolOnly, "", a.place.size.Name(seg), spoolOnly)
			return
		}
	}
}

const spoolOnly = "acknowledged segments exist only in this host's spool until a store answers"

// forgetStrangers drops what waits for stores that the settings no longer name:
// nobody would ever bring it there.
func (a *Archiver) forgetStrangers() error {
	for _, name := range a.spool.storeNames() {
		if _, err := a.shelf(name); err == nil {
			continue
		}
		for _, e := range a.spool.lackedBy(name) {
			a.report.note(EventStoreBehind, name, e.Key, "the store is no longer configured; what it lacked is forgotten")
			if err := a.spool.settle(e.Key, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close waits for puts under way, each bounded by the settings' timeout. What
// they do not finish is in the spool.
func (a *Archiver) Close() {
	a.cancel()
	a.background.Wait()
	a.spool.persist()
	for _, e := range a.spool.onlyInMemory() {
		a.report.note(EventSpoolFull, "", e.Key, fmt.Sprintf("stores %v lack the object, and nothing knows it any more: the spool could not be written", e.Lacking))
	}
}

// drain waits for late answers without cutting them off: a process that pushes
// one segment and ends should not leave the second store to a repairer.
func (a *Archiver) drain(limit time.Duration) {
	done := make(chan struct{})
	go func() {
		a.background.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

func newMeter(s settings.Settings) *meter {
	return &meter{status: Status{Source: s.Source, SystemID: s.SystemID, Started: time.Now().UTC(), PgWALFreeBytes: -1}}
}
