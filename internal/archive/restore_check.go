package archive

import (
	"cmp"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// contents knows the checksum of every stretch that was written or found right.
// A file's own, taken when it was backed up, must come out of them: it is the
// check of everything between, from the reading of the source to the decoding here.
type contents struct {
	mu sync.Mutex
	of map[*Entry]*content
}

type content struct {
	stretches []stretch
	written   bool // some of it in this run
}

func (c *contents) add(entry *Entry, s Slice, crc uint32, written bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[*Entry]*content{}
	}
	if c.of[entry] == nil {
		c.of[entry] = &content{}
	}
	known := c.of[entry]
	known.stretches = append(known.stretches, stretch{s.Offset, s.SizeBytes, crc})
	known.written = known.written || written
}

// check is failure.Corrupt for an entry whose content is not what was backed up.
func (c *contents) check(entry *Entry) error {
	c.mu.Lock()
	known := c.of[entry]
	c.mu.Unlock()
	if known == nil {
		known = &content{} // an empty file
	}
	slices.SortFunc(known.stretches, func(a, b stretch) int { return cmp.Compare(a.offset, b.offset) })
	return wantCRC(entry, combineStretches(known.stretches))
}

// written reports whether this run wrote to the entry.
func (c *contents) written(entry *Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[entry] != nil && c.of[entry].written
}

func wantCRC(entry *Entry, got uint32) error {
	if got == entry.CRC32C {
		return nil
	}
	return failure.New(failure.Corrupt, "file %q has CRC32C %08x, the manifest says %08x", entry.Path, got, entry.CRC32C)
}

// check compares every file with its checksum, and where ReadBack asks for it what
// the target holds of those written. Files written last are checked here too, in
// memory; writeLast reads them back.
func (r *restore) check(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.cfg.Workers)
	for _, entry := range r.entries {
		if entry.Type != TypeFile {
			continue
		}
		group.Go(func() error {
			if err := r.contents.check(entry); err != nil {
				return err
			}
			if !r.cfg.ReadBack || r.last[entry.Path] || !r.contents.written(entry) {
				return ctx.Err()
			}
			root, name := r.target.resolve(entry.Path)
			err := r.readBack(ctx, root, name, entry)
			return failure.Wrap(classOfFile(err), err, "read back %q", entry.Path)
		})
	}
	return group.Wait()
}

// readBack reads a file from the target, as whoever uses it next will, and compares
// it with the entry.
func (r *restore) readBack(ctx context.Context, root *os.Root, name string, entry *Entry) (err error) {
	file, err := openAnyway(root, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	chunk := r.pool.get()
	defer r.pool.put(chunk)
	crc, block := uint32(0), chunk[:cacheBytes]
	for at := int64(0); at < entry.SizeBytes; at += int64(len(block)) {
		if err := ctx.Err(); err != nil {
			return err // the checksum of half a file says nothing
		}
		n, err := file.ReadAt(block[:min(cacheBytes, entry.SizeBytes-at)], at)
		crc = crc32.Update(crc, store.Castagnoli(), block[:n])
		if errors.Is(err, io.EOF) {
			break // a file that ends early has another checksum
		}
		if err != nil {
			return err
		}
	}
	return wantCRC(entry, crc)
}
