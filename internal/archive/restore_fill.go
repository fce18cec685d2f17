package archive

import (
	"context"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// fill fetches the needed parts, several at once, and writes what is wanted of
// each. Each worker holds one part in memory.
func (r *restore) fill(ctx context.Context, missing wanted) error {
	parts := make([]int, 0, len(missing))
	for part := range missing {
		parts = append(parts, part)
	}
	slices.Sort(parts)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.cfg.Workers)
	for _, part := range parts {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return r.fillFrom(ctx, r.set.Descriptor.Parts[part], missing[part]) })
	}
	return group.Wait()
}

func (r *restore) fillFrom(ctx context.Context, object Object, members map[string][]destination) error {
	content, err := r.fetcher.fetch(ctx, object)
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "restore %s", nameFiles(members))
	}
	defer content.release()
	r.meter.add(0, 0, object.SizeBytes)
	left, p := len(members), newPlacer(r)
	err = r.decoder.members(ctx, object, content, func(name string, sizeBytes int64, from io.Reader) error {
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
