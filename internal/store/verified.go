package store

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Verified reads a whole object and ends in failure.Corrupt instead of io.EOF
// when it had other bytes, or another number of them, than obj says. Without a
// recorded digest only the size is checked. Bytes were handed out before the
// verdict: a caller must not act on them before io.EOF.
func Verified(body io.ReadCloser, obj Object) io.ReadCloser {
	return &verified{body: body, obj: obj, sum: sha256.New()}
}

type verified struct {
	body io.ReadCloser
	obj  Object
	sum  hash.Hash
	read int64
	end  error // sticky verdict: a second Read after the end says the same
}

func (v *verified) Read(p []byte) (int, error) {
	if v.end != nil {
		return 0, v.end
	}
	n, err := v.body.Read(p)
	v.sum.Write(p[:n])
	v.read += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		v.end = v.verdict()
	case v.read > v.obj.SizeBytes:
		v.end = v.corrupt("has more than the %d bytes recorded", v.obj.SizeBytes)
	default:
		v.end = err
	}
	return n, v.end
}

func (v *verified) Close() error { return v.body.Close() }

func (v *verified) verdict() error {
	if v.read != v.obj.SizeBytes {
		return v.corrupt("has %d bytes, %d are recorded", v.read, v.obj.SizeBytes)
	}
	if got := Digest(v.sum.Sum(nil)); !v.obj.SHA256.IsZero() && got != v.obj.SHA256 {
		return v.corrupt("has SHA-256 %s, %s is recorded", got, v.obj.SHA256)
	}
	return io.EOF
}

func (v *verified) corrupt(format string, args ...any) error {
	prefix := []any{v.obj.Key, v.obj.Version}
	return failure.New(failure.Corrupt, "object %s (version %q) "+format, append(prefix, args...)...).
		WithHint("read the object from another store of the plan; starter backup verify lists what is damaged")
}
