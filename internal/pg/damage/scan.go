package damage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/page"
)

// MaxBlocksPerFile bounds the block numbers kept per file; the count goes on.
const MaxBlocksPerFile = 1000

const chunkBytes = 1 << 20 // read at a time; a multiple of every page size

// File is one damaged file.
type File struct {
	Path      string       `json:"path"` // relative to the data directory
	Relation  page.RelFile `json:"relation"`
	Bad       []uint32     `json:"bad,omitempty"` // block numbers within the fork; at most MaxBlocksPerFile
	BadCount  int64        `json:"bad_count"`
	Unsettled int64        `json:"unsettled"`           // pages that kept changing
	TornTail  bool         `json:"torn_tail,omitempty"` // ends within a page
	Unread    string       `json:"unread,omitempty"`    // why it could not be read to its end
}

// Scanned is what a scan found.
type Scanned struct {
	Files     int    `json:"files"`
	Pages     int64  `json:"pages"`
	PagesBad  int64  `json:"pages_bad"`
	Unsettled int64  `json:"unsettled"`
	Damaged   []File `json:"damaged,omitempty"`
}

// Options tune a scan.
type Options struct {
	BytesPerSecond int64                             // read throttle; 0: none
	Progress       func(readBytes, totalBytes int64) // may be nil; called from several goroutines, one at a time
}

// Scan verifies every page below the cluster's data directory, tablespaces
// included. It only reads, so it may run any number of times. Errors: Refused
// when checksums are off (nothing can be said), or pages are not 8 KiB.
func Scan(ctx context.Context, c *cluster.Cluster, opts Options) (Scanned, error) {
	identity, err := c.Identity(ctx)
	if err != nil {
		return Scanned{}, err
	}
	if identity.ChecksumVersion == 0 {
		return Scanned{}, failure.New(failure.Refused, "%s has no page checksums: damage to its pages cannot be seen this way", c.DataDir).
			WithHint("run amcheck instead, and pg_checksums --enable on the stopped cluster for the future")
	}
	if identity.BlockSizeBytes != page.Size {
		return Scanned{}, failure.New(failure.Refused, "%s has pages of %d bytes; only %d is known", c.DataDir, identity.BlockSizeBytes, page.Size)
	}
	files, total, err := list(c.DataDir)
	if err != nil {
		return Scanned{}, err
	}
	s := &scan{root: c.DataDir, blocksPerFile: identity.BlocksPerFile, total: total, progress: opts.Progress}
	if opts.BytesPerSecond > 0 {
		s.limit = rate.NewLimiter(rate.Limit(opts.BytesPerSecond), chunkBytes)
	}
	return s.run(ctx, files)
}

type scan struct {
	root          string
	blocksPerFile int
	limit         *rate.Limiter
	progress      func(int64, int64)
	total         int64

	mu     sync.Mutex
	read   int64
	result Scanned
}

func (s *scan) run(ctx context.Context, files []string) (Scanned, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, path := range files {
		group.Go(func() error { return s.file(ctx, path) })
	}
	err := group.Wait()
	return s.result, err
}

// file scans one file; damage is a result, only ctx ends the scan.
func (s *scan) file(ctx context.Context, path string) error {
	relation, _ := page.ParsePath(path)
	found := File{Path: path, Relation: relation}
	file, err := os.Open(filepath.Join(s.root, path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // dropped meanwhile
	}
	if err != nil {
		found.Unread = err.Error()
		s.add(found, 0)
		return nil
	}
	defer func() { _ = file.Close() }() // only read
	pages, err := s.pages(ctx, file, &found)
	s.add(found, pages)
	return err
}

func (s *scan) pages(ctx context.Context, file *os.File, found *File) (int64, error) {
	buffer := make([]byte, chunkBytes)
	var offset int64
	for {
		if err := s.wait(ctx, len(buffer)); err != nil {
			return offset / page.Size, err
		}
		n, err := file.ReadAt(buffer, offset)
		for at := 0; at+page.Size <= n; at += page.Size {
			s.page(file, offset+int64(at), buffer[at:at+page.Size], found)
		}
		found.TornTail = n%page.Size != 0
		offset += int64(n)
		s.advance(int64(n))
		switch {
		case errors.Is(err, io.EOF):
			return offset / page.Size, nil
		case err != nil:
			found.Unread = err.Error()
			return offset / page.Size, nil //nolint:nilerr // what cannot be read is a finding
		}
	}
}

func (s *scan) page(file *os.File, offset int64, content []byte, found *File) {
	block := found.Relation.FirstBlock(s.blocksPerFile) + uint32(offset/page.Size)
	if page.Check(content, block) != page.Bad {
		return
	}
	switch Settle(file, offset, content, block) {
	case page.Bad:
		found.BadCount++
		if len(found.Bad) < MaxBlocksPerFile {
			found.Bad = append(found.Bad, block)
		}
	case page.Good, page.New:
	default:
		found.Unsettled++
	}
}

func (s *scan) wait(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return failure.Wrap(failure.Unavailable, err, "scan pages")
	}
	if s.limit == nil {
		return nil
	}
	return failure.Wrap(failure.Unavailable, s.limit.WaitN(ctx, n), "scan pages")
}

func (s *scan) advance(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read += n
	if s.progress != nil {
		s.progress(s.read, s.total)
	}
}

func (s *scan) add(found File, pages int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Files++
	s.result.Pages += pages
	s.result.PagesBad += found.BadCount
	s.result.Unsettled += found.Unsettled
	if found.BadCount > 0 || found.Unsettled > 0 || found.Unread != "" || found.TornTail {
		s.result.Damaged = append(s.result.Damaged, found)
	}
}

// list finds every relation file, through tablespace links too.
func list(root string) (files []string, totalBytes int64, err error) {
	for _, top := range []string{"global", "base", "pg_tblspc"} {
		if err := pg.WalkFiles(root, top, func(path string, info fs.FileInfo) error {
			if _, ok := page.ParsePath(path); ok {
				files = append(files, path)
				totalBytes += info.Size()
			}
			return nil
		}); err != nil {
			return nil, 0, err
		}
	}
	return files, totalBytes, nil
}
