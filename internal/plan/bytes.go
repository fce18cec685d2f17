package plan

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Bytes is a size in bytes. In a plan it is written with a binary unit: 64MiB, 50GiB.
type Bytes int64

// byteUnits, largest first. Decimal units are refused: a plan that says "100M"
// leaves readers to guess between two sizes five per cent apart.
var byteUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
}

// String returns b exactly, in its largest whole unit.
func (b Bytes) String() string {
	for _, unit := range byteUnits {
		if b != 0 && int64(b)%unit.bytes == 0 {
			return strconv.FormatInt(int64(b)/unit.bytes, 10) + unit.name
		}
	}
	return "0B"
}

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

var bytesForm = regexp.MustCompile(`^([0-9]{1,19}) ?(TiB|GiB|MiB|KiB|B)$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	raw := strings.TrimSpace(string(text))
	parts := bytesForm.FindStringSubmatch(raw)
	if parts == nil {
		return failure.Invalid("size", "%.40q is not a size with a binary unit", raw).
			WithHint("write 512B, 64KiB, 64MiB, 50GiB or 1TiB")
	}
	count, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return failure.Wrap(failure.InvalidInput, err, "read size %.40q", raw)
	}
	for _, unit := range byteUnits {
		if unit.name != parts[2] {
			continue
		}
		if count > math.MaxInt64/unit.bytes {
			return failure.Invalid("size", "%.40q does not fit in 63 bits", raw)
		}
		*b = Bytes(count * unit.bytes)
	}
	return nil
}
