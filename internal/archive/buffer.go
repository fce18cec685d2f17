package archive

import (
	"io"
	"sync"
)

const chunkBytes = 1 << 20

// chunkPool recycles buffer chunks: memory is what parts take at most at one time,
// however much data passes, and the collector has nothing to do.
type chunkPool struct {
	mu   sync.Mutex
	free []*[chunkBytes]byte
}

func (p *chunkPool) get() *[chunkBytes]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		chunk := p.free[n-1]
		p.free = p.free[:n-1]
		return chunk
	}
	return new([chunkBytes]byte)
}

func (p *chunkPool) put(chunks ...*[chunkBytes]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, chunks...)
}

// buffer is an append-only byte sequence in chunks. Reads may be concurrent once
// writing has ended.
type buffer struct {
	pool   *chunkPool
	chunks []*[chunkBytes]byte
	size   int64
}

func (b *buffer) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		at := int(b.size % chunkBytes)
		if at == 0 {
			b.chunks = append(b.chunks, b.pool.get())
		}
		n := copy(b.chunks[len(b.chunks)-1][at:], p)
		b.size += int64(n)
		p = p[n:]
	}
	return total, nil
}

// ReadFrom fills chunks straight from r.
func (b *buffer) ReadFrom(r io.Reader) (int64, error) {
	start := b.size
	for {
		at := int(b.size % chunkBytes)
		if at == 0 {
			b.chunks = append(b.chunks, b.pool.get())
		}
		n, err := r.Read(b.chunks[len(b.chunks)-1][at:])
		b.size += int64(n)
		if n == 0 && at == 0 {
			b.pool.put(b.chunks[len(b.chunks)-1])
			b.chunks = b.chunks[:len(b.chunks)-1]
		}
		if err == io.EOF {
			return b.size - start, nil
		}
		if err != nil {
			return b.size - start, err
		}
	}
}

// ReadAt implements io.ReaderAt.
func (b *buffer) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) && off < b.size {
		chunk := b.chunks[off/chunkBytes][off%chunkBytes:]
		chunk = chunk[:min(int64(len(chunk)), b.size-off)]
		n := copy(p[done:], chunk)
		done += n
		off += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// BytesAt implements store.InMemory.
func (b *buffer) BytesAt(offset int64) []byte {
	if offset >= b.size {
		return nil
	}
	chunk := b.chunks[offset/chunkBytes]
	return chunk[offset%chunkBytes : min(chunkBytes, b.size-(offset-offset%chunkBytes))]
}

// reader reads the whole buffer.
func (b *buffer) reader() *io.SectionReader { return io.NewSectionReader(b, 0, b.size) }

// writeTo hands every chunk to w, without copying.
func (b *buffer) writeTo(w io.Writer) error {
	left := b.size
	for _, chunk := range b.chunks {
		n := min(left, chunkBytes)
		if _, err := w.Write(chunk[:n]); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// release gives the chunks back. The buffer is empty after.
func (b *buffer) release() {
	b.pool.put(b.chunks...)
	b.chunks, b.size = nil, 0
}
