package archive

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Repair is one object that a store could not give whole, and where a good copy was.
type Repair struct {
	Object string
	Bad    string // store
	Good   string // store
	Reason string
}

// fetcher reads whole objects from whichever store is fastest and healthy.
type fetcher struct {
	pool *chunkPool

	mu      sync.Mutex // guards what follows
	sources []*source
	repairs []Repair
	fetched int64 // bytes
	objects int64
	gaveUp  bool // all rounds for the last object ended without an answer
}

// source is one store with what was seen of it.
type source struct {
	store.Store
	secondsPerByte float64 // moving average; 0: not tried yet
	waiting        int     // fetches under way
	errors         int
}

// rateMemory is the weight of the newest observation in a source's rate.
const rateMemory = 0.3

func newFetcher(stores []store.Store, pool *chunkPool) *fetcher {
	f := &fetcher{pool: pool}
	for _, s := range stores {
		f.sources = append(f.sources, &source{Store: s})
	}
	return f
}

// order returns the sources to try: those the descriptor names first, healthy
// before failing, then by expected time. A store it does not name may hold a
// copy made later, and comes last.
func (f *fetcher) order(object Object) []*source {
	f.mu.Lock()
	defer f.mu.Unlock()
	order := slices.Clone(f.sources)
	cost := func(s *source) float64 {
		c := s.secondsPerByte*float64(s.waiting+1) + float64(s.errors)
		if _, named := object.Stores[s.Name()]; !named {
			c += 1e9
		}
		return c
	}
	slices.SortStableFunc(order, func(a, b *source) int {
		return int(min(1, max(-1, (cost(a)-cost(b))*1e12)))
	})
	return order
}

const (
	fetchRounds = 4 // how often all stores are asked while one that may have the object does not answer
	firstPause  = time.Second
)

// fetch returns the object's bytes, whose SHA-256 is right. One store's bad or
// missing copy is replaced by another's and noted. Stores that did not answer in any
// round are asked once for what comes after, until they do. The caller releases the
// buffer.
func (f *fetcher) fetch(ctx context.Context, object Object) (content *buffer, err error) {
	rounds, pause, bad := f.rounds(), firstPause, map[string]string{}
	for round := 1; ; round++ {
		content, err = f.fetchOnce(ctx, object, bad)
		if !failure.Is(err, failure.Unavailable) || ctx.Err() != nil {
			return content, err
		}
		if round == rounds {
			f.giveUp()
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
		pause *= 2
	}
}

func (f *fetcher) rounds() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gaveUp {
		return 1
	}
	return fetchRounds
}

func (f *fetcher) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gaveUp = true
}

// fetchOnce asks every store once. Connections that break while an answer is read
// are not the stores' own to repeat. bad gathers by store why its copy is not used.
func (f *fetcher) fetchOnce(ctx context.Context, object Object, bad map[string]string) (*buffer, error) {
	var tried []string
	class := failure.Corrupt
	for _, s := range f.order(object) {
		content, err := f.from(ctx, s, object)
		if err == nil {
			delete(bad, s.Name()) // it only did not answer before
			f.note(object, s.Name(), bad)
			return content, nil
		}
		if ctx.Err() != nil {
			return nil, failure.Wrap(failure.Unavailable, context.Cause(ctx), "fetch %s", object.Key)
		}
		if c := failure.ClassOf(err); c != failure.Corrupt && c != failure.NotFound && class != failure.Unavailable {
			class = c // a store that did not answer may still have it, whatever others refused
		}
		bad[s.Name()] = err.Error()
		tried = append(tried, s.Name()+": "+err.Error())
	}
	return nil, failure.New(class, "object %s is whole in no store: %s", object.Key, strings.Join(tried, "; ")).
		WithHint("starter backup verify --set %s", object.Set)
}

func (f *fetcher) note(object Object, good string, bad map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, reason := range bad {
		f.repairs = append(f.repairs, Repair{Object: object.Key, Bad: name, Good: good, Reason: reason})
	}
	f.fetched += object.SizeBytes
	f.objects++
	f.gaveUp = false
}

// from reads the object from one store and checks it.
func (f *fetcher) from(ctx context.Context, s *source, object Object) (*buffer, error) {
	begun := time.Now()
	f.mu.Lock()
	s.waiting++
	f.mu.Unlock()
	content, err := f.read(ctx, s.Store, object)
	f.mu.Lock()
	defer f.mu.Unlock()
	s.waiting--
	if err != nil {
		s.errors++
		return nil, err
	}
	s.errors /= 2
	seen := time.Since(begun).Seconds() / float64(max(object.SizeBytes, 1))
	if s.secondsPerByte == 0 {
		s.secondsPerByte = seen
	}
	s.secondsPerByte += rateMemory * (seen - s.secondsPerByte)
	return content, nil
}

func (f *fetcher) read(ctx context.Context, s store.Store, object Object) (*buffer, error) {
	// The length makes this a ranged read: the store does not hash what is hashed here.
	opts := store.GetOptions{Version: object.Stores[s.Name()], LengthBytes: object.SizeBytes}
	body, _, err := s.Get(ctx, object.Key, opts)
	if failure.Is(err, failure.NotFound) && opts.Version != "" {
		opts.Version = "" // the pinned version is gone, but Finish may have copied it back
		body, _, err = s.Get(ctx, object.Key, opts)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // read only: the digest says whether all was read
	content := &buffer{pool: f.pool}
	if _, err := content.ReadFrom(io.LimitReader(body, object.SizeBytes+1)); err != nil {
		content.release()
		return nil, err
	}
	digest, err := digestOf(content)
	if err == nil && (content.size != object.SizeBytes || digest != object.SHA256) {
		err = failure.New(failure.Corrupt, "%s", mismatch(object, content.size, digest))
	}
	if err != nil {
		content.release()
		return nil, err
	}
	return content, nil
}

func mismatch(object Object, sizeBytes int64, digest store.Digest) string {
	if sizeBytes != object.SizeBytes {
		return fmt.Sprintf("has %d bytes instead of %d", sizeBytes, object.SizeBytes)
	}
	return fmt.Sprintf("has SHA-256 %s instead of %s", digest, object.SHA256)
}
