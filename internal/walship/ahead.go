package walship

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// ahead fetches the segments PostgreSQL will ask for next. It holds at most
// Prefetch of them on disk, each proved before it lands there. A segment that
// could not be had is forgotten: the request itself finds out why.
type ahead struct {
	dir   string
	depth int
	size  wal.SegmentSize
	get   func(context.Context, wal.Segment) ([]byte, error)

	ctx     context.Context //nolint:containedctx // of prefetching, which outlives the request that asked; ends with close
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu   sync.Mutex
	jobs map[wal.Segment]*job
}

// job is one segment under way or ready.
type job struct {
	done chan struct{} // closed when ready or failed
	path string        // "" when it failed; set before done closes
	stop context.CancelFunc
}

func newAhead(dir string, s settings.Settings, get func(context.Context, wal.Segment) ([]byte, error)) *ahead {
	a := &ahead{dir: dir, depth: s.Fetch.Prefetch, size: s.SegmentSizeBytes, get: get, jobs: make(map[wal.Segment]*job)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// take returns the file of a segment that is ready or under way, and starts on
// the ones after it. The file is the caller's to move.
func (a *ahead) take(ctx context.Context, seg wal.Segment) (string, bool) {
	a.mu.Lock()
	wanted, known := a.jobs[seg]
	delete(a.jobs, seg)
	a.dropOthers(seg)
	for i, next := 0, seg.Next(); i < a.depth; i, next = i+1, next.Next() {
		if _, started := a.jobs[next]; !started {
			a.start(next) //nolint:contextcheck // what is read ahead is for a later request
		}
	}
	a.mu.Unlock()
	if !known {
		return "", false
	}
	select {
	case <-wanted.done:
		return wanted.path, wanted.path != ""
	case <-ctx.Done():
		wanted.stop()
		return "", false
	}
}

// dropOthers forgets what is not within reach after seg: another timeline, or
// segments that recovery has passed.
func (a *ahead) dropOthers(seg wal.Segment) {
	for other, one := range a.jobs {
		near := other.Timeline == seg.Timeline && other.Number > seg.Number && other.Number <= seg.Number+uint64(a.depth)
		if near {
			continue
		}
		delete(a.jobs, other)
		one.stop()
		a.working.Go(func() {
			<-one.done
			a.discard(one.path)
		})
	}
}

func (a *ahead) discard(path string) {
	// A file that stays is removed when the next Fetcher opens.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
}

func (a *ahead) start(seg wal.Segment) {
	ctx, stop := context.WithCancel(a.ctx)
	one := &job{done: make(chan struct{}), stop: stop}
	a.jobs[seg] = one
	a.working.Go(func() {
		defer stop()
		defer close(one.done)
		content, err := a.get(ctx, seg)
		if err != nil {
			return
		}
		path := filepath.Join(a.dir, a.size.Name(seg))
		if os.WriteFile(path, content, 0o600) == nil {
			one.path = path
		}
	})
}

func (a *ahead) close() {
	a.cancel()
	a.working.Wait()
}
