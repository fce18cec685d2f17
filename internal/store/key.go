package store

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	// MaxKeyBytes is the longest key. S3 and GCS allow 1024 bytes including the
	// store's prefix; the difference is left for that prefix.
	MaxKeyBytes = 900
	// MaxSegmentBytes is the longest stretch between two slashes, so that a key is
	// also a path on every file system (255) with room for a temporary suffix.
	MaxSegmentBytes = 240
)

// CheckKey refuses keys that are not the same name in every store: empty,
// absolute, too long, not UTF-8, with control characters, or with an empty, "."
// or ".." segment.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return failure.Invalid("key", "has %d bytes, want 1 to %d", len(key), MaxKeyBytes)
	}
	if err := checkRunes("key", key); err != nil {
		return err
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch {
		case segment == "", segment == ".", segment == "..":
			return failure.Invalid("key", "%.80q has an empty, \".\" or \"..\" segment", key)
		case len(segment) > MaxSegmentBytes:
			return failure.Invalid("key", "%.80q has a segment over %d bytes", key, MaxSegmentBytes)
		}
	}
	return nil
}

// CheckPrefix refuses prefixes no valid key begins with. The empty prefix is
// fine, and so is one that ends inside a segment.
func CheckPrefix(prefix string) error {
	if len(prefix) > MaxKeyBytes || strings.HasPrefix(prefix, "/") || strings.Contains(prefix, "//") {
		return failure.Invalid("prefix", "%.80q is no beginning of a key", prefix)
	}
	return checkRunes("prefix", prefix)
}

func checkRunes(field, text string) error {
	if !utf8.ValidString(text) {
		return failure.Invalid(field, "%.80q is not UTF-8", text)
	}
	for _, r := range text {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return failure.Invalid(field, "%.80q has a control character", text)
		}
	}
	return nil
}

// CheckPut refuses what no Put can do: a bad key, no body, a negative size or no
// digest. Every implementation calls it first.
func CheckPut(key string, body io.ReaderAt, opts PutOptions) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	switch {
	case body == nil:
		return failure.Invalid("body", "is missing")
	case opts.SizeBytes < 0:
		return failure.Invalid("size_bytes", "is %d, want 0 or more", opts.SizeBytes)
	case opts.SHA256.IsZero():
		return failure.Invalid("sha256", "is missing")
	}
	return nil
}

// CheckGet refuses a bad key and negative ranges.
func CheckGet(key string, opts GetOptions) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if opts.Offset < 0 || opts.LengthBytes < 0 {
		return failure.Invalid("range", "offset %d and length %d must not be negative", opts.Offset, opts.LengthBytes)
	}
	return nil
}

// Whole reports whether the options ask for the whole object.
func (o GetOptions) Whole() bool { return o.Offset == 0 && o.LengthBytes == 0 }
