package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// heldFiles keeps the content of files that are written last, in memory.
type heldFiles struct {
	mu    sync.Mutex
	bytes int64
	parts []heldSlice
}

type heldSlice struct {
	destination
	data []byte
}

// maxHeldBytes bounds what may be written last: pg_control has 8 KiB.
const maxHeldBytes = 64 << 20

// fill fetches the needed parts, several at once, and writes what is wanted of
// each. Each worker holds one part and one slice in memory.
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
	left := len(members)
	var buf []byte
	err = r.decoder.members(ctx, object, content, func(name string, sizeBytes int64, from io.Reader) error {
		places := members[name]
		if len(places) == 0 {
			return nil
		}
		if buf == nil || int64(len(buf)) < sizeBytes {
			buf = make([]byte, max(sizeBytes, 1<<20))
		}
		data := buf[:sizeBytes]
		if _, err := io.ReadFull(from, data); err != nil {
			return err
		}
		if err := r.place(object, name, places, data); err != nil {
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

// place checks a member's content and writes it wherever it belongs.
func (r *restore) place(object Object, name string, places []destination, data []byte) error {
	digest := store.Digest(sha256.Sum256(data))
	for _, d := range places {
		if d.slice.SHA256 != digest || d.slice.SizeBytes != int64(len(data)) {
			return failure.New(failure.Corrupt, "member %s of part %s has SHA-256 %s, the manifest says %s", name, object.Key, digest, d.slice.SHA256)
		}
		var err error
		if r.last[d.entry.Path] {
			err = r.hold(d, data)
		} else {
			err = r.write(d, data)
		}
		if err != nil {
			return failure.Wrap(classOfFile(err), err, "write %q", d.entry.Path)
		}
		r.counts.written.Add(int64(len(data)))
		r.meter.add(int64(len(data)), 0, 0)
	}
	return nil
}

func (r *restore) hold(d destination, data []byte) error {
	r.held.mu.Lock()
	defer r.held.mu.Unlock()
	if r.held.bytes += int64(len(data)); r.held.bytes > maxHeldBytes {
		return failure.Invalid("last", "files to write last have more than %d bytes", maxHeldBytes)
	}
	r.held.parts = append(r.held.parts, heldSlice{d, slices.Clone(data)})
	return nil
}

func (r *restore) write(d destination, data []byte) error {
	if r.fresh && isZero(data) {
		return nil // the file was made with its size: this stays a hole
	}
	root, name := r.target.resolve(d.entry.Path)
	file, err := openForWrite(root, name)
	if err != nil {
		return err
	}
	if _, err = file.WriteAt(data, d.slice.Offset); err == nil {
		startWriteback(file, d.slice.Offset, int64(len(data)))
	}
	return errors.Join(err, file.Close())
}

// isZero reports whether data holds only zero bytes.
func isZero(data []byte) bool {
	for len(data) >= 8 {
		if data[0]|data[1]|data[2]|data[3]|data[4]|data[5]|data[6]|data[7] != 0 {
			return false
		}
		data = data[8:]
	}
	for _, b := range data {
		if b != 0 {
			return false
		}
	}
	return true
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
