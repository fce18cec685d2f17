package onset

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// A record's header (XLogRecord in src/include/access/xlogrecord.h): its length comes
// first, and the position of the record before it eight bytes on. Records begin at
// multiples of recordAlignment.
const (
	recordHeader    = 24
	recordPrevious  = 8
	recordAlignment = 8
)

// tail is the files of a range, to see what lies at and behind the position at which
// reading records stopped. pg_waldump stops in the same way at the end of the log and
// at a damaged record; where a segment was recycled, even with the same words.
type tail struct {
	dir      string
	timeline wal.Timeline
	segment  wal.SegmentSize
	block    wal.LSN // XLOG_BLCKSZ
}

// tailOf learns from any segment of the range how the log is laid out. Errors: NotFound
// where none can be read.
func tailOf(r Range) (tail, error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return tail{}, pg.ClassifyFile(err, "list %s", r.Dir)
	}
	for _, entry := range entries {
		header, err := headerOf(filepath.Join(r.Dir, entry.Name()))
		if err != nil {
			continue
		}
		if segment, err := header.SegmentSize.ParseSegment(entry.Name()); err == nil && segment.Timeline == r.Timeline {
			return tail{dir: r.Dir, timeline: r.Timeline, segment: header.SegmentSize, block: wal.LSN(header.BlockSize)}, nil
		}
	}
	return tail{}, failure.New(failure.NotFound, "%s holds no segment of timeline %d that can be read", r.Dir, r.Timeline)
}

func headerOf(path string) (wal.Header, error) {
	file, err := os.Open(path)
	if err != nil {
		return wal.Header{}, err
	}
	defer func() { _ = file.Close() }()
	content := make([]byte, wal.HeaderBytes)
	if _, err := io.ReadFull(file, content); err != nil {
		return wal.Header{}, err
	}
	return wal.ParseHeader(content)
}

// after is where the record that follows one begins.
func (t tail) after(r place) wal.LSN {
	if r.switches { // the rest of its segment is empty
		next := t.segment.Start(t.segment.SegmentAt(t.timeline, r.at).Next())
		return next + t.header(next)
	}
	at, left := r.at, wal.LSN(r.length+recordAlignment-1)/recordAlignment*recordAlignment
	for {
		end := at - at%t.block + t.block
		if at+left < end {
			return at + left
		}
		left -= end - at
		at = end + t.header(end)
	}
}

// header is the length of the header of the page that begins at a position.
func (t tail) header(page wal.LSN) wal.LSN {
	if page%wal.LSN(t.segment) == 0 {
		return wal.HeaderBytes
	}
	return wal.PageHeaderBytes
}

// endsAt returns nil where the log ends at the position at which reading records
// stopped. A server writes whole pages, in order, filled up with zeros. So the log ends
// where nothing but zeros follow on the page, or where a record goes on to a page that
// was never written; and then no later page of it is there. A page that was never
// written is absent, empty, or of long ago. All else is Corrupt: there is, or may be,
// more of the log, and where.
func (t tail) endsAt(at wal.LSN) error {
	rest, err := t.restOf(at)
	if err != nil {
		return err
	}
	unwritten := at - at%t.block
	if rest != nil {
		if unwritten, err = t.follow(at, rest, wal.MaxLSN); err != nil {
			return err
		}
	}
	if err := t.neverWritten(unwritten); err != nil {
		return err
	}
	return t.nothingAfter(unwritten)
}

// reaches returns nil where a position at which reading stopped is not before another,
// or where its record goes on to that: it then ends after what was to be read.
func (t tail) reaches(at, until wal.LSN) error {
	if at >= until {
		return nil
	}
	rest, err := t.restOf(at)
	if err != nil {
		return err
	}
	ends := failure.New(failure.Corrupt, "the log ends at %s, before %s", at, until)
	if isZero(rest) {
		return ends
	}
	unwritten, err := t.follow(at, rest, until)
	if err != nil || unwritten == 0 {
		return err
	}
	body, err := t.page(unwritten)
	if unwritten < until || body != nil { // the segments may end with until
		return cmp.Or[error](err, ends)
	}
	return err
}

// restOf is what is left of a page at which reading stopped; nil: it was never written.
func (t tail) restOf(at wal.LSN) ([]byte, error) {
	page := at - at%t.block
	body, err := t.page(page)
	if err != nil {
		return nil, err
	}
	begun := at > page+t.header(page) // a record was read from it, of this timeline or its parent
	switch {
	case begun && body == nil:
		return nil, failure.New(failure.Corrupt, "the page at %s is gone", page)
	case begun || t.written(body, page):
		return body[at-page:], nil
	}
	return nil, nil
}

// follow goes along the record that begins with rest, what is left of the page of at,
// and returns the first page after it that was not written; 0: the record ends after
// until. Corrupt: it is there as a whole, and still could not be read.
func (t tail) follow(at wal.LSN, rest []byte, until wal.LSN) (wal.LSN, error) {
	page := at + wal.LSN(len(rest))
	if isZero(rest) {
		return page, nil
	}
	damaged := failure.New(failure.Corrupt, "the record at %s cannot be read, and more was written there", at)
	left := int64(binary.NativeEndian.Uint32(rest)) - int64(len(rest))
	if left <= 0 || followed(at, rest) {
		return 0, damaged
	}
	for ; ; page += t.block {
		body, err := t.page(page)
		if err != nil {
			return 0, err
		}
		if !t.written(body, page) {
			return page, nil
		}
		header, err := wal.ParsePage(body)
		begin := page + t.header(page)
		room := int64(page + t.block - begin)
		switch {
		case err != nil || !header.Continues || int64(header.Remaining) != left:
			return 0, damaged
		case begin+wal.LSN(min(left, room)) > until:
			return 0, nil
		case left <= room:
			return 0, damaged
		}
		left -= room
	}
}

// followed reports whether a record in rest names the one at its beginning as the one
// before it.
func followed(at wal.LSN, rest []byte) bool {
	for begin := recordHeader; begin+recordPrevious+8 <= len(rest); begin += recordAlignment {
		if wal.LSN(binary.NativeEndian.Uint64(rest[begin+recordPrevious:])) == at {
			return true
		}
	}
	return false
}

// written reports whether body is what this timeline wrote to a page.
func (t tail) written(body []byte, page wal.LSN) bool {
	header, err := wal.ParsePage(body)
	return err == nil && header.Address == page && header.Timeline == t.timeline
}

// neverWritten is Corrupt unless a page is absent, empty, or left from before its
// segment was recycled: it then lay at the same place in another one.
func (t tail) neverWritten(page wal.LSN) error {
	body, err := t.page(page)
	if err != nil || isZero(body) {
		return err
	}
	header, err := wal.ParsePage(body)
	old := header.Address < page || header.Timeline < t.timeline
	if err != nil || !old || header.Address%wal.LSN(t.segment) != page%wal.LSN(t.segment) {
		return failure.New(failure.Corrupt, "the page at %s is damaged", page)
	}
	return nil
}

// nothingAfter is Corrupt where the log goes on after a page. It looks at every page of
// that segment and the next, and at the first of all later ones: a server writes no
// other before it.
func (t tail) nothingAfter(page wal.LSN) error {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return pg.ClassifyFile(err, "list %s", t.dir)
	}
	here := t.segment.SegmentAt(t.timeline, page)
	for _, entry := range entries {
		segment, err := t.segment.ParseSegment(entry.Name())
		if err != nil || segment.Timeline != t.timeline || segment.Number < here.Number {
			continue
		}
		end := t.segment.Start(segment.Next())
		if segment.Number > here.Number+1 {
			end = t.segment.Start(segment) + t.block
		}
		if err := t.empty(max(page+t.block, t.segment.Start(segment)), end); err != nil {
			return err
		}
	}
	return nil
}

// empty is Corrupt where a page from one position up to another was written. Both lie
// in one segment, or the stretch is empty.
func (t tail) empty(from, until wal.LSN) error {
	if from >= until {
		return nil
	}
	file, err := t.open(from)
	if file == nil {
		return err
	}
	defer func() { _ = file.Close() }()
	header := make([]byte, wal.PageHeaderBytes)
	for page := from; page < until; page += t.block {
		if _, err := file.ReadAt(header, int64(uint64(page)%uint64(t.segment))); err != nil {
			return pg.ClassifyFile(err, "read %s", file.Name())
		}
		if t.written(header, page) {
			return failure.New(failure.Corrupt, "the log goes on at %s", page)
		}
	}
	return nil
}

// page reads the page at a position; nil: its segment is not there.
func (t tail) page(at wal.LSN) ([]byte, error) {
	file, err := t.open(at)
	if file == nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	body := make([]byte, t.block)
	if _, err := file.ReadAt(body, int64(uint64(at)%uint64(t.segment))); err != nil {
		return nil, pg.ClassifyFile(err, "read the page at %s of %s", at, file.Name())
	}
	return body, nil
}

// open opens the segment that holds a position; nil without an error: it is not there.
func (t tail) open(at wal.LSN) (*os.File, error) {
	path := filepath.Join(t.dir, t.segment.Name(t.segment.SegmentAt(t.timeline, at)))
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // said above
	case err != nil:
		return nil, pg.ClassifyFile(err, "open %s", path)
	}
	return file, nil
}

func isZero(body []byte) bool {
	return len(bytes.TrimLeft(body, "\x00")) == 0
}
