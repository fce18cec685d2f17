package archive

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// maxWindowBytes bounds what a hostile zstd stream may make a reader allocate.
const maxWindowBytes = 8 << 20

// decoder opens objects of one set.
type decoder struct {
	d    *Descriptor
	keys keyring.KeySource
	pool sync.Pool // *zstd.Decoder
}

// open returns the decrypted, decompressed content of an object whose SHA-256 the
// fetcher has compared, limited to the plaintext size the descriptor states.
// release ends it.
func (o *decoder) open(ctx context.Context, object Object, content *buffer) (plain io.Reader, release func(), err error) {
	header := o.d.key(object.KeyID)
	session, err := o.keys.SessionKey(ctx, string(header.Set), header.PKESK)
	if err != nil {
		return nil, nil, failure.Wrap(failure.ClassOf(err), err, "get session key of %s", object.Key)
	}
	sealed, err := seal.NewCheckedReader(content.reader(), session)
	if err != nil {
		return nil, nil, failure.Wrap(failure.ClassOf(err), err, "decrypt %s", object.Key)
	}
	zip, err := o.zip(sealed)
	if err != nil {
		return nil, nil, err
	}
	return &limited{r: zip, left: object.PlainBytes}, func() { o.pool.Put(zip) }, nil
}

func (o *decoder) zip(r io.Reader) (*zstd.Decoder, error) {
	if used, ok := o.pool.Get().(*zstd.Decoder); ok {
		return used, failure.Wrap(failure.Corrupt, used.Reset(r), "decompress")
	}
	zip, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes))
	return zip, failure.Wrap(failure.Corrupt, err, "decompress")
}

// limited refuses more than a stated number of bytes: a bomb is found, not filled.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return 0, failure.New(failure.Corrupt, "holds more than the descriptor states")
	}
	return n, err
}

// members calls visit for each tar member of a fetched part until visit returns
// errEnough. The reader it gets holds sizeBytes bytes, at most 32 MiB.
func (o *decoder) members(ctx context.Context, object Object, content *buffer, visit func(name string, sizeBytes int64, r io.Reader) error) error {
	plain, release, err := o.open(ctx, object, content)
	if err != nil {
		return err
	}
	defer release()
	if err := eachMember(plain, visit); err != nil {
		return failure.Wrap(corruptUnless(err), err, "read part %s", object.Key)
	}
	return nil
}

// errEnough ends a walk over members early.
var errEnough = errors.New("enough members read")

func eachMember(plain io.Reader, visit func(name string, sizeBytes int64, r io.Reader) error) error {
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			// What follows the tar end is only padding; reading it checks the message.
			_, err = io.Copy(io.Discard, plain)
			return err
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg || header.Size > maxSliceBytes {
			return failure.New(failure.Corrupt, "member %.80q is no slice", header.Name)
		}
		if err := visit(header.Name, header.Size, archive); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// corruptUnless keeps the class of a classed error, and of one about a file: what is
// read is in memory, so that is where it was to go. Any other came from a format
// reader, so the bytes are bad.
func corruptUnless(err error) failure.Class {
	var file *fs.PathError
	if class := failure.ClassOf(err); class != failure.Unknown || errors.As(err, &file) {
		return class
	}
	return failure.Corrupt
}

// manifest fetches, checks and reads the set's manifest: digest by the fetcher,
// signature here, and that it is this set's.
func (o *decoder) manifest(ctx context.Context, f *fetcher, set Set, trusted keyring.Trust) (*Manifest, error) {
	object := o.d.Manifest
	content, err := f.fetch(ctx, object)
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "fetch manifest of %s", o.d.Set)
	}
	defer content.release()
	m, err := o.readManifest(ctx, object, content, set, trusted)
	if err != nil {
		return nil, failure.Wrap(corruptUnless(err), err, "open manifest of %s", o.d.Set)
	}
	if m.Set != o.d.Set || m.Source != o.d.Source || m.Counter != o.d.Counter || m.Previous != o.d.Previous {
		return nil, failure.New(failure.IdentityMismatch, "manifest of set %s, counter %d, lies at set %s, counter %d: replayed",
			m.Set, m.Counter, o.d.Set, o.d.Counter)
	}
	return m, nil
}
