package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Writer makes one set: Add files, AddBytes what is known last, Commit. A writer
// that is not committed leaves nothing visible; Close it. It belongs to one
// goroutine, which it helps with many.
type Writer struct {
	cfg     Config
	begun   time.Time
	attempt string // tells this attempt's objects from an earlier one's
	session keyring.SessionKey
	key     KeyHeader
	base    base
	journal *journal
	known   known

	pool     chunkPool
	encoders sync.Pool // *zstd.Encoder
	budget   *semaphore.Weighted
	throttle *rate.Limiter
	meter    *meter
	targets  targets

	ctx     context.Context //nolint:containedctx // uploads outlive one Add and end with Close
	cancel  context.CancelCauseFunc
	uploads *errgroup.Group
	numbers atomic.Int64

	mu      sync.Mutex // guards what follows
	idle    []*builder // begun by a worker that has ended
	entries []*reading
	damage  []Damage
	damaged int64
	stats   Stats
}

// Stats say what a backup did besides the descriptor.
type Stats struct {
	Resumed     int               // parts reused from a killed attempt
	FullReason  string            // why an incremental became a full
	StoreErrors map[string]string // stores that fell out, and why; the set is not in them
}

// base is what this set follows.
type base struct {
	counter    uint64
	previous   store.Digest
	chain      chain
	fullReason string
	kind       Kind
}

// NewWriter begins or resumes the set cfg.SetID. When that set is already
// committed it fails with failure.Exists; Finish then brings it to every store.
func NewWriter(ctx context.Context, cfg Config) (*Writer, error) {
	cfg, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	w := &Writer{
		cfg: cfg, begun: cfg.Now().UTC(), attempt: randomHex(attemptWidth), known: known{at: map[store.Digest]*location{}},
		budget: semaphore.NewWeighted(cfg.MemoryBytes), meter: newMeter(cfg.TotalBytes, cfg.Progress), targets: newTargets(cfg),
	}
	if cfg.ReadBytesPerSecond > 0 {
		w.throttle = rate.NewLimiter(rate.Limit(cfg.ReadBytesPerSecond), maxSliceBytes)
	}
	session, header, err := cfg.Recipients.NewSession(cfg.Mode)
	if err != nil {
		return nil, err
	}
	w.session, w.key = session, KeyHeader{ID: keyring.HeaderID(header), Set: cfg.SetID, PKESK: header}
	if err := w.follow(ctx); err != nil {
		return nil, err
	}
	if err := w.openJournal(); err != nil {
		return nil, err
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.uploads, w.ctx = errgroup.WithContext(w.ctx)
	return w, nil
}

// follow finds the newest set of the source and what may be reused.
func (w *Writer) follow(ctx context.Context) error {
	listing, err := List(ctx, w.cfg.Stores, w.cfg.Source, w.cfg.Trusted)
	if err != nil {
		return err
	}
	if len(listing.Unreachable) > len(w.cfg.Stores)-w.cfg.MinStores {
		return failure.New(failure.Unavailable, "list sets of %s: no answer from %s, and a set is made in %d of %d stores or not at all", w.cfg.Source,
			strings.Join(slices.Sorted(maps.Keys(listing.Unreachable)), ", "), w.cfg.MinStores, len(w.cfg.Stores)).
			WithHint("see which stores answer: starter plan check --live")
	}
	w.base = base{counter: 1, kind: Full}
	for _, set := range listing.Sets {
		if set.Descriptor.Set == w.cfg.SetID {
			return failure.New(failure.Exists, "set %s is already committed", w.cfg.SetID).
				WithHint("starter backup verify --set %s", w.cfg.SetID)
		}
		if set.Descriptor.Counter >= w.base.counter {
			w.base.counter, w.base.previous = set.Descriptor.Counter+1, set.Digest
		}
	}
	w.base.chain = chain{Full: w.cfg.SetID, FullBegun: w.begun}
	if w.cfg.Kind == Incremental {
		w.base.fullReason = w.loadBase(listing)
	}
	w.stats.FullReason = w.base.fullReason
	return nil
}

func (w *Writer) openJournal() error {
	journal, parts, err := openJournal(w.cfg)
	if err != nil {
		return err
	}
	w.journal = journal
	for _, record := range parts {
		w.known.add(&part{object: record.Object, key: record.Key}, record.Members)
		w.stats.Resumed++
	}
	w.numbers.Store(int64(len(parts)))
	return nil
}

func (w *Writer) nextPartKey() string {
	return partKey(w.cfg.Source, w.cfg.SetID, int(w.numbers.Add(1)-1), w.attempt)
}

func (w *Writer) reserve() int64 { return partReserve(w.cfg.PartBytes, w.cfg.SliceBytes) }

// SetID returns the set being made.
func (w *Writer) SetID() SetID { return w.cfg.SetID }

// Kind returns what the set will be; Stats.FullReason says why when it is not
// what was asked for.
func (w *Writer) Kind() Kind { return w.base.kind }

// Files returns what became of every file added so far, in no order: what a
// PostgreSQL backup_manifest is written from before it is added itself.
func (w *Writer) Files() []FileResult {
	w.mu.Lock()
	defer w.mu.Unlock()
	results := make([]FileResult, 0, len(w.entries))
	for _, r := range w.entries {
		results = append(results, FileResult{
			Path: r.entry.Path, Type: r.entry.Type, SizeBytes: r.entry.SizeBytes,
			ModTime: r.entry.ModTime, CRC32C: r.entry.CRC32C, Outcome: r.entry.Outcome,
		})
	}
	return results
}

// Close ends a writer: uploads under way are cancelled and nothing becomes
// visible. After Commit it only closes files.
func (w *Writer) Close() error {
	w.cancel(errors.New("writer closed"))
	_ = w.uploads.Wait() // Commit reported it, or nobody asked
	return w.journal.close()
}

// failed makes every later call end with the first upload's error.
func (w *Writer) failed() error {
	if cause := context.Cause(w.ctx); cause != nil {
		return fmt.Errorf("write set %s: %w", w.cfg.SetID, cause)
	}
	return nil
}
