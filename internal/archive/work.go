package archive

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// worker reads jobs into the part it is building.
type worker struct {
	w       *Writer
	buf     []byte // one slice
	sums    *sums  // of what is in buf
	builder *builder
}

// cacheBytes is how much is read, inspected and hashed at a time: what one pass
// leaves in the processor's cache, the next finds there.
const cacheBytes = 256 << 10

// work runs one worker until the jobs end. A part that is not full waits for
// the next Add, or for Commit.
func (w *Writer) work(ctx context.Context, jobs <-chan job) (err error) {
	k := &worker{w: w, builder: w.takeIdle(), sums: newSums()}
	defer func() { w.giveIdle(k.builder) }()
	for {
		select {
		case j, more := <-jobs:
			if !more {
				return nil
			}
			if err := k.run(ctx, j); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *Writer) takeIdle() *builder {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.idle) == 0 {
		return nil
	}
	last := w.idle[len(w.idle)-1]
	w.idle = w.idle[:len(w.idle)-1]
	return last
}

func (w *Writer) giveIdle(b *builder) {
	if b == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, b)
}

// run reads one stretch of a file.
func (k *worker) run(ctx context.Context, j job) error {
	if j.file.file.Root == nil || j.file.open() == nil {
		if err := k.read(ctx, j); err != nil {
			return err
		}
	}
	if j.file.left.Add(-1) > 0 {
		return nil
	}
	k.w.meter.add(0, 1, 0)
	return j.file.settle()
}

func (k *worker) read(ctx context.Context, j job) error {
	if k.buf == nil {
		k.buf = make([]byte, k.w.cfg.SliceBytes)
	}
	for off := j.from; off < j.to; off += k.w.cfg.SliceBytes {
		want := min(k.w.cfg.SliceBytes, j.to-off)
		if err := k.w.waitForTurn(ctx, int(want)); err != nil {
			return failure.Wrap(failure.Unavailable, err, "wait for read throttle")
		}
		data, err := k.readSlice(j.file, off, want)
		if err != nil {
			return err
		}
		if int64(len(data)) < want {
			j.file.shortened()
		}
		if len(data) == 0 {
			continue // a later stretch may be there again: a file cut and extended
		}
		if err := k.keep(ctx, j.file, off, data); err != nil {
			return err
		}
		k.w.meter.add(int64(len(data)), 0, 0)
	}
	return nil
}

// readSlice reads one slice, inspecting and hashing it on the way; less than want
// only at the file's end.
func (k *worker) readSlice(file *reading, off, want int64) ([]byte, error) {
	k.sums.reset()
	have := int64(0)
	for have < want {
		step := min(cacheBytes, want-have)
		data, err := file.readAt(k.buf[have:have+step], off+have)
		if err != nil {
			return nil, err
		}
		if k.w.cfg.Inspect != nil && len(data) > 0 {
			k.w.noteDamage(k.w.cfg.Inspect(file.entry.Path, off+have, data))
		}
		if _, err := k.sums.Write(data); err != nil {
			return nil, failure.Wrap(failure.Internal, err, "hash %q", file.file.Path)
		}
		if have += int64(len(data)); int64(len(data)) < step {
			break
		}
	}
	return k.buf[:have], nil
}

// keep finds or stores the content of the slice that was just read, and records it.
func (k *worker) keep(ctx context.Context, file *reading, off int64, data []byte) error {
	digest := k.sums.digest()
	at := k.w.known.find(ctx, k.w, digest, int64(len(data)))
	if at == nil {
		var err error
		if at, err = k.store(ctx, member{digest, int64(len(data)), memberName(file.entry.Path, off)}, data); err != nil {
			return err
		}
	}
	file.record(readSlice{
		Slice: Slice{Offset: off, SizeBytes: int64(len(data)), SHA256: digest, Member: at.member},
		crc:   k.sums.crc, at: at,
	})
	return nil
}

// store adds content to the worker's part, unless another worker was faster.
func (k *worker) store(ctx context.Context, m member, data []byte) (*location, error) {
	if k.builder == nil {
		b, err := k.w.newBuilder(ctx)
		if err != nil {
			return nil, err
		}
		k.builder = b
	}
	at, first := k.w.known.claim(m.SHA256, &location{part: k.builder.part, member: m.Name, sizeBytes: m.SizeBytes})
	if !first {
		return at, nil
	}
	if err := k.builder.add(m, data); err != nil {
		return nil, err
	}
	if k.builder.plain.n < k.w.cfg.PartBytes {
		return at, nil
	}
	full := k.builder
	k.builder = nil
	return at, k.w.send(full)
}

func (w *Writer) noteDamage(found []Damage) {
	if len(found) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.damaged += int64(len(found))
	for _, d := range found[:min(len(found), maxDamage-len(w.damage))] {
		d.Path = encodeName(d.Path)
		d.Detail = d.Detail[:min(len(d.Detail), maxValueBytes)]
		w.damage = append(w.damage, d)
	}
}
