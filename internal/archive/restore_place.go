package archive

import (
	"errors"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// placer writes members to where they belong, a block at a time: decoded, hashed
// and written while it is in the processor's cache. It belongs to one goroutine.
type placer struct {
	r     *restore
	block [cacheBytes]byte
	slots []slot
	files map[*Entry]*os.File // that the slots are in, as far as they are open
}

// slot is one place of a member: a stretch of a file, or of what is held back.
type slot struct {
	destination
	last bool
	held []byte // of a file that is written last
}

// maxOpenFiles bounds what one placer has open: the same content may belong in more
// places than a process may have files.
const maxOpenFiles = 64

func newPlacer(r *restore) *placer { return &placer{r: r, files: map[*Entry]*os.File{}} }

// place writes a member to all its places. The part's SHA-256, which the set's
// signature covers, was compared before a byte of it was decoded; the CRC32C taken
// here is for the file's own, by which check finds what went wrong since.
func (p *placer) place(object Object, name string, places []destination, sizeBytes int64, from io.Reader) (err error) {
	for _, d := range places {
		if d.slice.SizeBytes != sizeBytes {
			return failure.New(failure.Corrupt, "member %s of part %s has %d bytes, the manifest says %d", name, object.Key, sizeBytes, d.slice.SizeBytes)
		}
	}
	defer func() { err = errors.Join(err, p.close()) }()
	p.begin(places)
	crc := uint32(0)
	for at := int64(0); at < sizeBytes; {
		block := p.block[:min(cacheBytes, sizeBytes-at)]
		if _, err := io.ReadFull(from, block); err != nil {
			return err
		}
		crc = crc32.Update(crc, store.Castagnoli(), block)
		if err := p.write(block, at); err != nil {
			return err
		}
		at += int64(len(block))
	}
	return p.settle(crc)
}

func (p *placer) begin(places []destination) {
	for _, d := range places {
		s := slot{destination: d, last: p.r.last[d.entry.Path]}
		if s.last {
			s.held = make([]byte, 0, min(d.slice.SizeBytes, maxHeldBytes))
		}
		p.slots = append(p.slots, s)
	}
}

// write puts a block, which begins at byte at of the member, into every slot.
func (p *placer) write(block []byte, at int64) error {
	hole := p.r.fresh && isZero(block) // the file was made with its size: nothing to write
	for i := range p.slots {
		s := &p.slots[i]
		switch {
		case s.last:
			s.held = append(s.held, block...)
		case !hole:
			if err := p.writeTo(s.entry, block, s.slice.Offset+at); err != nil {
				return failure.Wrap(classOfFile(err), err, "write %q", s.entry.Path)
			}
		}
		p.r.meter.add(int64(len(block)), 0, 0)
	}
	return nil
}

// writeTo writes to a file. The first maxOpenFiles stay open until the member ends;
// others are opened for each block.
func (p *placer) writeTo(entry *Entry, block []byte, offset int64) error {
	file, isOpen := p.files[entry]
	if isOpen {
		_, err := file.WriteAt(block, offset)
		return err
	}
	root, name := p.r.target.resolve(entry.Path)
	file, err := openForWrite(root, name)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(block, offset)
	if len(p.files) < maxOpenFiles {
		p.files[entry] = file
		return err
	}
	return errors.Join(err, file.Close())
}

// settle counts a member that is in all its places, and hands on what is held.
func (p *placer) settle(crc uint32) error {
	for _, s := range p.slots {
		p.r.contents.add(s.entry, s.slice, crc, true)
		p.r.counts.written.Add(s.slice.SizeBytes)
		if file, isOpen := p.files[s.entry]; isOpen {
			startWriteback(file, s.slice.Offset, s.slice.SizeBytes)
		}
		if !s.last {
			continue
		}
		if err := p.r.held.keep(heldSlice{s.destination, s.held}); err != nil {
			return err
		}
	}
	return nil
}

func (p *placer) close() (err error) {
	for entry, file := range p.files {
		err = errors.Join(err, failure.Wrap(failure.Unknown, file.Close(), "close %q", entry.Path))
	}
	clear(p.files)
	p.slots = p.slots[:0]
	return err
}

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

func (h *heldFiles) keep(s heldSlice) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bytes += int64(len(s.data)); h.bytes > maxHeldBytes {
		return failure.Invalid("last", "files to write last have more than %d bytes", maxHeldBytes)
	}
	h.parts = append(h.parts, s)
	return nil
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
