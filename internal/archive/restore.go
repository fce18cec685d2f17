package archive

import (
	"context"
	"runtime"
	"slices"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// RestoreConfig says which set to restore to where.
type RestoreConfig struct {
	Stores  []store.Store
	Source  string
	SetID   SetID
	Trusted keyring.Trust
	Keys    keyring.KeySource

	Target string // directory; made when missing
	// Map gives links of the set (by path, such as pg_tblspc/16400) the directory
	// they are to point to. A link with content below it must be mapped: nothing is
	// written outside Target and these.
	Map map[string]string
	// Include limits the restore to the paths for which it is true; nil: all.
	Include func(path string) bool
	// Last names files written only when everything else is in place and synced.
	Last []string
	// Delta restores over what is there: content is hashed and only what differs
	// is fetched. Otherwise Target must be empty, or hold this restore's marker.
	Delta bool
	// RemoveExtra removes what is in the target but not in the set. Delta only.
	RemoveExtra bool
	// BestEffortXattrs goes on where an extended attribute cannot be set or removed
	// for want of privilege or support, and lists it in Result.XattrsLeft. Otherwise
	// that is an error naming file and attribute.
	BestEffortXattrs bool
	// Workspace is a directory for the marker that lets a killed restore go on.
	// Default: Target itself, and then the marker is removed at the end. A
	// workspace keeps it, so that running again checks and changes nothing.
	Workspace string

	// ReadBack reads what was written from the target again and compares it, as the
	// next reader would: through the system's page cache. It finds what went to a wrong
	// place or was written over since, not what a disk fails to keep after the sync.
	// Without it the caller has somebody else do so, or only what was in memory is proved.
	ReadBack bool

	Workers  int // compare, or decode and write, in parallel; default: processors + 1, at most 4
	Progress func(Progress)
	Log      *zap.Logger
}

// Result says what a restore did.
type Result struct {
	Descriptor   *Descriptor
	Resumed      bool
	Files        int64
	BytesWritten int64 // content fetched and written
	BytesKept    int64 // content found right on disk
	Removed      []string
	Repairs      []Repair
	XattrsLeft   []XattrLeft // not as in the set: the first 1000; BestEffortXattrs only
	XattrsUnset  int64       // how many there are
	Anomalies    []Anomaly
	FetchedParts int64
	FetchedBytes int64
}

const maxRestoreWorkers = 4

// Restore brings a set back. Killed and run again with the same configuration it
// goes on where it was. Errors: failure.Unsafe for a target that is not empty,
// failure.Refused for one in which another restore is under way,
// failure.InvalidInput for a link that needs mapping, failure.InsufficientSpace,
// failure.Corrupt naming part and files when no store has a good copy.
func Restore(ctx context.Context, cfg RestoreConfig) (Result, error) {
	r, err := openRestore(ctx, cfg)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if err := r.run(ctx); err != nil {
		return r.result, err
	}
	r.fillResult()
	r.meter.finish()
	return r.result, nil
}

// restore is one run.
type restore struct {
	cfg      RestoreConfig
	set      Set
	entries  []*Entry
	manifest *Manifest
	pool     chunkPool
	fetcher  *fetcher
	decoder  *decoder
	target   *target
	meter    *meter
	marker   marker
	result   Result
	fresh    bool // nothing was there before: holes need no zeros
	last     map[string]bool
	held     heldFiles
	leftover leftXattrs
	counts   counts
	contents contents
}

func openRestore(ctx context.Context, cfg RestoreConfig) (*restore, error) {
	if cfg.Workers == 0 {
		cfg.Workers = min(runtime.GOMAXPROCS(0)+1, maxRestoreWorkers)
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.RemoveExtra && (!cfg.Delta || cfg.Include != nil) {
		return nil, failure.Invalid("remove_extra", "needs delta and a restore of the whole set")
	}
	set, anomalies, err := Load(ctx, cfg.Stores, cfg.Source, cfg.SetID, cfg.Trusted)
	if err != nil {
		return nil, err
	}
	r := &restore{cfg: cfg, set: set, result: Result{Descriptor: set.Descriptor, Anomalies: anomalies}, last: map[string]bool{}}
	for _, name := range cfg.Last {
		r.last[name] = true
	}
	r.fetcher = newFetcher(cfg.Stores, &r.pool)
	r.decoder = &decoder{d: set.Descriptor, keys: cfg.Keys}
	if r.manifest, err = r.decoder.manifest(ctx, r.fetcher, set, cfg.Trusted); err != nil {
		return nil, err
	}
	r.choose()
	r.target, err = openTarget(cfg, r.entries)
	return r, err
}

// choose takes the entries that are wanted and were there when the set was made.
func (r *restore) choose() {
	total := int64(0)
	for i := range r.manifest.Entries {
		entry := &r.manifest.Entries[i]
		if entry.Outcome == Vanished || (r.cfg.Include != nil && !r.cfg.Include(entry.Path)) {
			continue
		}
		r.entries = append(r.entries, entry)
		total += entry.SizeBytes
	}
	r.meter = newMeter(total, r.cfg.Progress)
}

// run is the order of a restore: nothing is touched before the checks, and the
// files named Last come last.
func (r *restore) run(ctx context.Context) error {
	if err := r.admit(); err != nil {
		return err
	}
	if err := r.makeDirectories(); err != nil {
		return err
	}
	if err := r.bring(ctx); err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.writeHeld(ctx); err != nil {
		return err
	}
	return r.finishMarker()
}

func (r *restore) close() {
	if r.target != nil {
		r.target.close()
	}
}

func (r *restore) fillResult() {
	r.result.BytesWritten, r.result.BytesKept = r.counts.written.Load(), r.counts.kept.Load()
	r.result.Files = int64(len(r.entries))
	r.result.Repairs = slices.Clone(r.fetcher.repairs)
	r.result.XattrsLeft, r.result.XattrsUnset = slices.Clone(r.leftover.first), r.leftover.seen
	r.result.FetchedParts, r.result.FetchedBytes = r.fetcher.objects, r.fetcher.fetched
}
