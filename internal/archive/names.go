package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	maxPathBytes    = 4096 // Linux PATH_MAX
	maxSegmentBytes = 255  // of a file name on common file systems
	upperHex        = "0123456789ABCDEF"
)

// encodeName percent-encodes every byte but letters, digits and _ - . + = , ~ /
// so that a name (any bytes) fits a JSON string, a tar member and a line of
// shell without quoting.
func encodeName(name string) string {
	plain := true
	for i := range len(name) {
		plain = plain && isPlain(name[i])
	}
	if plain {
		return name
	}
	var out strings.Builder
	for i := range len(name) {
		if b := name[i]; isPlain(b) {
			out.WriteByte(b)
		} else {
			out.Write([]byte{'%', upperHex[b>>4], upperHex[b&15]})
		}
	}
	return out.String()
}

func isPlain(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	return strings.IndexByte("_-.+=,~/", b) >= 0
}

// decodeName reverses encodeName and refuses anything encodeName would not write.
func decodeName(encoded string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(encoded); i++ {
		if encoded[i] != '%' {
			out.WriteByte(encoded[i])
			continue
		}
		if i+3 > len(encoded) {
			return "", failure.New(failure.Corrupt, "name %.80q ends in half an escape", encoded)
		}
		b, err := strconv.ParseUint(encoded[i+1:i+3], 16, 8)
		if err != nil {
			return "", failure.New(failure.Corrupt, "name %.80q has a bad escape", encoded)
		}
		out.WriteByte(byte(b))
		i += 2
	}
	if name := out.String(); encodeName(name) == encoded {
		return name, nil
	}
	return "", failure.New(failure.Corrupt, "name %.80q is not in canonical form", encoded)
}

// checkPath refuses paths that could leave a root or name nothing: absolute,
// unclean, with "." or "..", with NUL, or too long. "." alone is the root.
func checkPath(name string) error {
	bad := name == "" || len(name) > maxPathBytes || strings.HasPrefix(name, "/") || path.Clean(name) != name ||
		name == ".." || strings.HasPrefix(name, "../") || strings.IndexByte(name, 0) >= 0
	if !bad {
		for segment := range strings.SplitSeq(name, "/") {
			bad = bad || len(segment) > maxSegmentBytes
		}
	}
	if bad {
		return failure.Invalid("path", "%.200q is no clean relative path", name)
	}
	return nil
}

// memberName names the tar member that holds one slice: the encoded path, @, the
// slice's offset. '@' is always escaped in paths, so no two slices collide and
// none is a folder of another. A path too long to unpack by hand goes by hash.
func memberName(name string, offset int64) string {
	const maxMemberSegment, maxMember = 200, 2000
	encoded := encodeName(name)
	long := len(encoded) > maxMember
	for segment := range strings.SplitSeq(encoded, "/") {
		long = long || len(segment) > maxMemberSegment
	}
	if long {
		sum := sha256.Sum256([]byte(name))
		encoded = "~long/" + hex.EncodeToString(sum[:])
	}
	return fmt.Sprintf("%s@%d", encoded, offset)
}
