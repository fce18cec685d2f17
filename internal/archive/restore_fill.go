package archive

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	fetchers = 3 // parts under way from the stores while others are decoded
	// restoreMemoryBytes bounds the parts in memory, on their way and being decoded. A
	// larger part is alone.
	restoreMemoryBytes = 112 << 20
)

// fetched is a part that is in memory, and what of it is wanted where.
type fetched struct {
	object  Object
	members map[string][]destination
	content *buffer
	done    func() // gives the memory back
}

// fill fetches the needed parts, and writes what is wanted of each while the next
// are on their way: stores and disks are busy while processors are.
func (r *restore) fill(ctx context.Context, missing wanted) error {
	group, ctx := errgroup.WithContext(ctx)
	parts, arrived := make(chan int), make(chan fetched)
	group.Go(func() error {
		defer close(parts)
		return deal(ctx, slices.Sorted(maps.Keys(missing)), parts)
	})
	group.Go(func() error {
		defer close(arrived)
		return r.fetchParts(ctx, missing, parts, arrived)
	})
	for range r.cfg.Workers {
		group.Go(func() error {
			for part := range arrived {
				if err := r.fillFrom(ctx, part); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// deal hands out all of them unless ctx ends.
func deal[T any](ctx context.Context, all []T, to chan<- T) error {
	for _, one := range all {
		select {
		case to <- one:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// fetchParts fetches until there are no more parts, several at once.
func (r *restore) fetchParts(ctx context.Context, missing wanted, parts <-chan int, arrived chan<- fetched) error {
	memory := semaphore.NewWeighted(restoreMemoryBytes)
	group, ctx := errgroup.WithContext(ctx)
	for range fetchers {
		group.Go(func() error {
			for number := range parts {
				part, err := r.fetchPart(ctx, r.set.Descriptor.Parts[number], missing[number], memory)
				if err != nil {
					return err
				}
				if err := deal(ctx, []fetched{part}, arrived); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (r *restore) fetchPart(ctx context.Context, object Object, members map[string][]destination, memory *semaphore.Weighted) (fetched, error) {
	size := min(object.SizeBytes, restoreMemoryBytes)
	if err := memory.Acquire(ctx, size); err != nil {
		return fetched{}, failure.Wrap(failure.Unavailable, err, "wait for buffer memory")
	}
	content, err := r.fetcher.fetch(ctx, object)
	if err != nil {
		return fetched{}, failure.Wrap(failure.ClassOf(err), err, "restore %s", nameFiles(members))
	}
	r.meter.add(0, 0, object.SizeBytes)
	return fetched{object: object, members: members, content: content, done: func() {
		content.release()
		memory.Release(size)
	}}, nil
}

// fillFrom writes what is wanted of a part.
func (r *restore) fillFrom(ctx context.Context, part fetched) error {
	defer part.done()
	object, members := part.object, part.members
	left, p := len(members), newPlacer(r)
	err := r.decoder.members(ctx, object, part.content, func(name string, sizeBytes int64, from io.Reader) error {
		places := members[name]
		if len(places) == 0 {
			return nil
		}
		if err := p.place(object, name, places, sizeBytes, from); err != nil {
			return err
		}
		delete(members, name)
		if left--; left == 0 {
			return errEnough
		}
		return nil
	})
	if err == nil && left > 0 {
		err = failure.New(failure.Corrupt, "part %s of set %s lacks the content of %s", object.Key, object.Set, nameFiles(members))
	}
	if failure.Is(err, failure.Corrupt) {
		err = failure.Wrap(failure.Corrupt, err, "restore %s", nameFiles(members))
	}
	return err
}

// nameFiles names up to five of the files that members belong to.
func nameFiles(members map[string][]destination) string {
	const most = 5
	var names []string
	for _, places := range members {
		for _, d := range places {
			if !slices.Contains(names, d.entry.Path) {
				names = append(names, d.entry.Path)
			}
		}
	}
	slices.Sort(names)
	if len(names) > most {
		names = append(names[:most], "and others")
	}
	return strings.Join(names, ", ")
}
