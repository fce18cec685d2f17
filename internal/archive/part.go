package archive

import (
	"archive/tar"
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// part is one part this set may refer to: one it is making, one an earlier
// attempt uploaded, or one of an earlier set.
type part struct {
	object   Object    // complete once uploaded
	key      KeyHeader // what the object begins with
	position int       // in the descriptor; set at commit

	verify sync.Once // earlier parts are looked at in every store before first use
	usable atomic.Bool
}

// location is where one slice's content is.
type location struct {
	part      *part
	member    string
	sizeBytes int64
}

// member is one slice a part under construction holds, for the journal.
type member struct {
	SHA256    store.Digest `json:"sha256"`
	SizeBytes int64        `json:"size_bytes"`
	Name      string       `json:"member"`
}

// builder makes one part: tar | zstd | OpenPGP into memory, hashed on the way.
// It belongs to one worker at a time.
type builder struct {
	part    *part
	out     *buffer
	sum     *seal.Tally // of out
	crc     uint32      // of out, once it is whole
	sealed  *seal.Writer
	zip     *zstd.Encoder
	plain   countingWriter
	tar     *tar.Writer
	members []member
}

// countingWriter counts what passes.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// newBuilder begins a part. It waits until the memory budget has room for it.
func (w *Writer) newBuilder(ctx context.Context) (*builder, error) {
	if err := w.budget.Acquire(ctx, w.reserve()); err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "wait for buffer memory")
	}
	b := &builder{out: &buffer{pool: &w.pool}}
	b.sum = seal.NewTally(b.out)
	b.part = &part{key: w.key, object: Object{Set: w.cfg.SetID, KeyID: w.key.ID, Key: w.nextPartKey()}}
	b.part.verify.Do(func() { b.part.usable.Store(true) }) // made here: nothing to look up
	sealed, err := seal.NewWriter(b.sum, b.part.object.Key, w.key.PKESK, w.session)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "begin part")
	}
	b.sealed = sealed
	if b.zip, err = w.encoder(sealed); err != nil {
		return nil, err
	}
	b.plain.w = b.zip
	b.tar = tar.NewWriter(&b.plain)
	return b, nil
}

// encoder returns a compressor, a used one where there is one.
func (w *Writer) encoder(out io.Writer) (*zstd.Encoder, error) {
	if used, ok := w.encoders.Get().(*zstd.Encoder); ok {
		used.Reset(out)
		return used, nil
	}
	encoder, err := seal.NewEncoder(out)
	return encoder, failure.Wrap(failure.Internal, err, "make compressor")
}

// add appends one slice as a tar member.
func (b *builder) add(m member, data []byte) error {
	if err := b.tar.WriteHeader(&tar.Header{Name: m.Name, Size: m.SizeBytes, Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
		return failure.Wrap(failure.Internal, err, "begin member %s", m.Name)
	}
	if _, err := b.tar.Write(data); err != nil {
		return failure.Wrap(failure.Internal, err, "write member %s", m.Name)
	}
	b.members = append(b.members, m)
	return nil
}

// finish ends the part; its object is complete but for the stores.
func (b *builder) finish(w *Writer) error {
	for _, end := range []func() error{b.tar.Close, b.zip.Close, b.sealed.Close} {
		if err := end(); err != nil {
			return failure.Wrap(failure.Internal, err, "end part %s", b.part.object.Key)
		}
	}
	w.encoders.Put(b.zip)
	b.zip = nil
	b.part.object.SizeBytes, b.part.object.PlainBytes = b.out.size, b.plain.n
	b.part.object.SHA256, b.crc = b.sum.Sums()
	return nil
}
