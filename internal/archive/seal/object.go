package seal

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// maxWindowBytes bounds what a hostile zstd stream may make a reader allocate.
const maxWindowBytes = 8 << 20

// Seal compresses plaintext (zstd) and encrypts it under a session key of its
// own: for single small objects such as WAL segments. name is the key the object
// will have. Twice gives two different ciphertexts of the same plaintext.
func Seal(plaintext []byte, name string, recipients keyring.Recipients, mode keyring.Mode) ([]byte, error) {
	key, header, err := recipients.NewSession(mode)
	if err != nil {
		return nil, err
	}
	return sealUnder(plaintext, name, key, header)
}

func sealUnder(plaintext []byte, name string, key keyring.SessionKey, header []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(header) + len(plaintext)/2 + 4096)
	w, err := NewWriter(&out, name, header, key)
	if err != nil {
		return nil, err
	}
	encoder, err := usedEncoder(w)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make compressor")
	}
	if _, err := encoder.Write(plaintext); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "compress")
	}
	if err := encoder.Close(); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "compress")
	}
	encoder.Reset(nil) // lets go of w
	encoders.Put(encoder)
	if err := w.Close(); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "encrypt")
	}
	return out.Bytes(), nil
}

// windowBytes is how far back the compressor looks: as far as zstd's own level 1,
// and little enough to stay in a processor's cache.
const windowBytes = 512 << 10

// encoders are those of earlier objects: making one costs as much as a small object.
var encoders sync.Pool //nolint:gochecknoglobals // of *zstd.Encoder; holds no state of anybody's

func usedEncoder(out io.Writer) (*zstd.Encoder, error) {
	if used, ok := encoders.Get().(*zstd.Encoder); ok {
		used.Reset(out)
		return used, nil
	}
	return NewEncoder(out)
}

// NewEncoder makes the compressor of everything sealed. Its frames carry no checksum
// of their own: what surrounds them has better ones.
func NewEncoder(out io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(windowBytes), zstd.WithEncoderCRC(false))
}

// Open decrypts and decompresses what Seal made under name. More than
// maxPlainBytes of plaintext, or any changed byte, is failure.Corrupt; what was
// sealed under another name is failure.IdentityMismatch. Nothing is returned then.
func Open(ctx context.Context, ciphertext []byte, name string, keys keyring.KeySource, maxPlainBytes int64) ([]byte, error) {
	header, err := Header(ciphertext)
	if err != nil {
		return nil, err
	}
	key, err := keys.SessionKey(ctx, name, header)
	if err != nil {
		return nil, err
	}
	source := bytes.NewReader(ciphertext)
	r, err := NewReader(source, key)
	if err != nil {
		return nil, err
	}
	if r.Name() != name {
		return nil, misplaced(name)
	}
	plain, err := inflate(r, maxPlainBytes)
	if err == nil && source.Len() != 0 {
		err = failure.New(failure.Corrupt, "bytes follow the message")
	}
	if err != nil {
		return nil, corrupt(err, "open "+name)
	}
	return plain, nil
}

func inflate(r io.Reader, maxPlainBytes int64) ([]byte, error) {
	decoder, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes))
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make decompressor")
	}
	defer decoder.Close()
	plain, err := io.ReadAll(io.LimitReader(decoder, maxPlainBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(plain)) > maxPlainBytes {
		return nil, failure.New(failure.Corrupt, "holds more than %d bytes", maxPlainBytes)
	}
	return plain, nil
}
