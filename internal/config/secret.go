package config

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	redacted = "[redacted]"
	// maxSecretBytes bounds what is read from a secret file: a key with its
	// certificate chain fits, a mistaken path to a large file does not.
	maxSecretBytes = 64 << 10
)

// Secret is a value that must not be printed. Every way of formatting or
// marshalling it gives "[redacted]"; only Reveal gives the value.
type Secret struct{ value string }

// NewSecret wraps a value that the process already holds, for one a test made.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the value. Call it where the value leaves for the library that
// needs it, and nowhere else.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == "" }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer, for %#v.
func (Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Resolve reads the secret that ref names:
//
//	env:NAME    the environment variable NAME; empty or unset is an error
//	file:/path  the file's content without its last line break; the file must be
//	            regular, at most 64 KiB, and not readable by others
//
// The empty reference is the zero Secret. Anything else is refused, without
// repeating it: it may be a secret somebody pasted.
func Resolve(ref string) (Secret, error) {
	if ref == "" {
		return Secret{}, nil
	}
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		return fromEnvironment(name)
	}
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		return fromFile(path)
	}
	return Secret{}, failure.Invalid("secret", "is neither env:NAME nor file:/path").
		WithHint("put the value in a file that only its owner can read (chmod 600) and write file:/path here")
}

func fromEnvironment(name string) (Secret, error) {
	value := os.Getenv(name)
	if name == "" || value == "" {
		return Secret{}, failure.New(failure.NotFound, "environment variable %q is not set", name).
			WithHint("export %s before starting this process", name)
	}
	return Secret{value: value}, nil
}

func fromFile(path string) (Secret, error) {
	if !filepath.IsAbs(path) {
		return Secret{}, failure.Invalid("secret", "file:%s is not an absolute path", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, failure.New(classOf(err), "open secret file: %s", err).
			WithHint("put the secret into %s, readable by this user alone (chmod 600)", path)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := private(f, path); err != nil {
		return Secret{}, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		return Secret{}, failure.Wrap(failure.Unavailable, err, "read secret file %s", path)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if value == "" || len(raw) > maxSecretBytes {
		return Secret{}, failure.Invalid("secret", "file %s is empty or larger than %d bytes", path, maxSecretBytes)
	}
	return Secret{value: value}, nil
}

// private checks the opened file rather than the path, so that nobody can swap
// the file between the check and the reading.
func private(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "stat secret file %s", path)
	}
	if !info.Mode().IsRegular() {
		return failure.Invalid("secret", "%s is not a regular file", path)
	}
	if info.Mode().Perm()&0o006 != 0 {
		return failure.New(failure.Unsafe, "secret file %s is open to everyone (mode %04o)", path, info.Mode().Perm()).
			WithHint("chmod o-rwx %s, and replace the secret if others could log in here", path)
	}
	return nil
}

func classOf(err error) failure.Class {
	switch {
	case os.IsNotExist(err):
		return failure.NotFound
	case os.IsPermission(err):
		return failure.Forbidden
	default:
		return failure.Unknown
	}
}
