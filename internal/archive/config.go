package archive

import (
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Config says what to back up to where. Zero values get the stated defaults.
type Config struct {
	Source    string        // whose data this is: a plan's source name
	SetID     SetID         // default: new, of the given Kind. Give the same one again to resume
	Kind      Kind          // wanted; default as SetID says, or full. May become a full: see Descriptor.FullReason
	Stores    []store.Store // all are written at once
	MinStores int           // a set commits when this many stores hold all of it; default: all
	StateDir  string        // this host's index and journals; survives restarts; exists

	Recipients keyring.Recipients
	Mode       keyring.Mode
	Signer     keyring.Signer
	Trusted    keyring.Trust // whose earlier sets to believe; the signer's own key is always added

	MaxIncrements int           // since the last full; default 14
	MaxChainAge   time.Duration // since the last full began; default 8 days
	RetainUntil   time.Time     // lock on every object the set needs; zero: none

	SliceBytes int64 // default 4 MiB, at most 32 MiB; a multiple of 8 KiB
	// PartBytes is the plaintext after which a part is closed. Default: 32 MiB, and
	// from 4 TiB of content on as much more as keeps it to 131 072 parts, since a
	// descriptor lists them all.
	PartBytes int64
	Workers   int // read, compress and encrypt in parallel; default: processors
	// MemoryBytes bounds the parts in memory. Default: two for each worker, one
	// under construction and one on its way, and at most 224 MiB (the whole process
	// then stays under 512 MiB).
	MemoryBytes int64
	// Xattrs names the extended attributes of files and directories to keep: a whole
	// name, such as security.capability, or the beginning of names with its dot,
	// such as user. for all of that namespace. Default: none. Access control lists
	// are system.posix_acl_access and system.posix_acl_default. Those of links are not kept.
	Xattrs []string
	// ReadBytesPerSecond throttles reading so that a backup does not hurt the
	// service; 0: unthrottled.
	ReadBytesPerSecond int64
	TotalBytes         int64 // expected; 0: not known

	// Inspect sees every page once while it is in memory, several pages at a time and
	// from many goroutines (page checksums). What it returns marks the set damaged; it must not keep data.
	Inspect  func(path string, offsetBytes int64, data []byte) []Damage
	Progress func(Progress) // called at most five times a second, never concurrently
	Log      *zap.Logger
	Now      func() time.Time // the host's clock
}

const (
	defaultSliceBytes    = 4 << 20
	defaultPartBytes     = 32 << 20
	mostUsualParts       = 128 << 10
	maxPartBytes         = 256 << 20
	mostMemoryBytes      = 224 << 20
	defaultMaxIncrements = 14
	defaultMaxChainAge   = 8 * 24 * time.Hour
	pageBytes            = 8 << 10
)

func (c Config) prepare() (Config, error) {
	c.SliceBytes = orDefault(c.SliceBytes, defaultSliceBytes)
	c.PartBytes = orDefault(c.PartBytes, usualPartBytes(c.TotalBytes))
	c.MaxIncrements = orDefault(c.MaxIncrements, defaultMaxIncrements)
	c.MaxChainAge = orDefault(c.MaxChainAge, defaultMaxChainAge)
	c.MinStores = orDefault(c.MinStores, len(c.Stores))
	c.Workers = orDefault(c.Workers, runtime.GOMAXPROCS(0))
	reserve := partReserve(c.PartBytes, c.SliceBytes)
	c.MemoryBytes = orDefault(c.MemoryBytes, max(reserve, min(2*int64(c.Workers)*reserve, mostMemoryBytes)))
	if c.Kind == "" && c.SetID != "" {
		c.Kind = c.SetID.asked()
	}
	c.Kind = orDefault(c.Kind, Full)
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SetID == "" {
		c.SetID = NewSetID(c.Now(), c.Kind)
	}
	c.Xattrs = newXattrNames(c.Xattrs)
	c.Trusted = append(keyring.TrustAlways(c.Signer.Public()), c.Trusted...)
	// One part under construction for each worker must fit, or none would finish.
	c.Workers = max(1, min(c.Workers, int(c.MemoryBytes/reserve)))
	return c, c.validate()
}

func (c *Config) validate() error {
	if err := CheckSource(c.Source); err != nil {
		return err
	}
	if _, err := ParseSetID(string(c.SetID)); err != nil {
		return err
	}
	if c.Kind != Full && c.Kind != Incremental {
		return failure.Invalid("kind", "%.20q is neither full nor incremental", c.Kind)
	}
	if c.SetID.asked() != c.Kind {
		return failure.Invalid("set", "%s does not name a set of kind %s", c.SetID, c.Kind)
	}
	if err := checkStores(c.Stores); err != nil {
		return err
	}
	if err := c.validateXattrs(); err != nil {
		return err
	}
	switch {
	case c.MinStores < 1 || c.MinStores > len(c.Stores):
		return failure.Invalid("min_stores", "is %d of %d stores", c.MinStores, len(c.Stores))
	case c.StateDir == "":
		return failure.Invalid("state_dir", "is missing: journals and the index live there")
	case c.SliceBytes < pageBytes || c.SliceBytes > maxSliceBytes || c.SliceBytes%pageBytes != 0:
		return failure.Invalid("slice_bytes", "is %d, want a multiple of %d up to %d", c.SliceBytes, pageBytes, maxSliceBytes)
	case c.PartBytes < c.SliceBytes || c.PartBytes > maxPartBytes:
		return failure.Invalid("part_bytes", "is %d, want %d to %d", c.PartBytes, c.SliceBytes, maxPartBytes)
	case c.MemoryBytes < partReserve(c.PartBytes, c.SliceBytes):
		return failure.Invalid("memory_bytes", "is %d, one part needs %d", c.MemoryBytes, partReserve(c.PartBytes, c.SliceBytes))
	}
	return nil
}

// usualPartBytes is the size of parts for so many bytes of content.
func usualPartBytes(totalBytes int64) int64 {
	size := int64(defaultPartBytes)
	for size < maxPartBytes && totalBytes > mostUsualParts*size {
		size *= 2
	}
	return size
}

func (c *Config) validateXattrs() error {
	names := xattrNames(c.Xattrs)
	if err := names.validate(); err != nil {
		return err
	}
	return requireXattrs(names)
}

// checkStores wants at least one store and different names.
func checkStores(stores []store.Store) error {
	names := map[string]bool{}
	for _, s := range stores {
		if names[s.Name()] {
			return failure.Invalid("stores", "name %q is used twice", s.Name())
		}
		names[s.Name()] = true
	}
	if len(stores) == 0 {
		return failure.Invalid("stores", "none given")
	}
	return nil
}

// partReserve is the most ciphertext one part can have: the plaintext at which it
// is closed, the slice that went over it, and what tar, zstd and OpenPGP add.
func partReserve(partBytes, sliceBytes int64) int64 {
	plain := partBytes + sliceBytes
	return plain + plain/64 + 2<<20
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
