package settings

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// maxFileBytes bounds the file: a real one has some hundred lines.
const maxFileBytes = 256 << 10

// Load reads, completes and validates the file at path.
func Load(path string) (Settings, error) {
	file, err := os.Open(path)
	if err != nil {
		return Settings{}, failure.Wrap(failure.InvalidInput, err, "open settings")
	}
	defer func() { _ = file.Close() }() // read only: nothing can be lost
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return Settings{}, failure.Wrap(failure.Unavailable, err, "read settings %s", path)
	}
	s, err := Parse(text)
	return s, failure.Wrap(failure.InvalidInput, err, "settings %s", path)
}

// Parse reads a settings file's text, fills in defaults and validates it. Every
// error is failure.InvalidInput; those of syntax carry line and caret.
func Parse(text []byte) (Settings, error) {
	if len(text) > maxFileBytes {
		return Settings{}, failure.Invalid("settings", "longer than %d bytes", maxFileBytes)
	}
	s, err := decode(text)
	if err != nil {
		return Settings{}, err
	}
	s.complete()
	if err := s.validate(); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// decode contains the decoder's panics, of which fuzzing found one (a tag where
// a list is wanted): a crash would exit with 2, which restore_command's caller
// takes for the end of the archive.
func decode(text []byte) (s Settings, err error) {
	defer func() {
		if recover() != nil {
			err = failure.Invalid("settings", "is YAML that cannot be decoded; plain keys, values and lists are enough")
		}
	}()
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&s); err != nil {
		return Settings{}, failure.Invalid("settings", "%s", yaml.FormatError(err, false, true))
	}
	return s, nil
}

func (s *Settings) complete() {
	orElse(&s.SegmentSizeBytes, wal.DefaultSegmentSize)
	orElse(&s.Spool.MaxBytes, 1<<30)
	orElse(&s.Archive.Require, RequireAny)
	orElse(&s.Archive.OnStoresDown, Hold)
	orElse(&s.Archive.HeadroomBytes, 2<<30)
	orElse(&s.Archive.Patience, 2*time.Second)
	orElse(&s.Archive.Timeout, time.Minute)
	orElse(&s.Tail.Slot, "holdfast_tail")
	orElse(&s.Tail.Interval, 2*time.Second)
	orElse(&s.Heartbeat.Interval, time.Second)
	orElse(&s.Heartbeat.ShipInterval, 5*time.Second)
	orElse(&s.Fetch.Prefetch, 4)
	orElse(&s.Fetch.Patience, 30*time.Second)
}

func orElse[T comparable](field *T, fallback T) {
	var zero T
	if *field == zero {
		*field = fallback
	}
}

var (
	sourceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	slotForm   = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
)

func (s *Settings) validate() error {
	if !sourceForm.MatchString(s.Source) {
		return failure.Invalid("source", "%.80q must be 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit", s.Source)
	}
	if s.SystemID == 0 {
		return failure.Invalid("system_id", "is missing").WithHint("pg_controldata %s", s.DataDir)
	}
	if !s.SegmentSizeBytes.Valid() {
		return failure.Invalid("segment_size_bytes", "%d is not a power of two between 1 MiB and 1 GiB", s.SegmentSizeBytes)
	}
	if err := s.validatePaths(); err != nil {
		return err
	}
	if err := s.validateStores(); err != nil {
		return err
	}
	return s.validateNumbers()
}

func (s *Settings) validatePaths() error {
	for field, path := range map[string]string{
		"data_dir": s.DataDir, "socket": s.Socket, "worker": s.Worker, "spool.dir": s.Spool.Dir,
	} {
		if field == "worker" && path == "" && s.ReadOnly {
			continue
		}
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			return failure.Invalid(field, "%.200q must be an absolute, clean path", path)
		}
	}
	// sun_path holds 108 bytes on Linux, 104 elsewhere.
	if len(s.Socket) > 100 {
		return failure.Invalid("socket", "is longer than the 100 bytes a unix socket's path may have")
	}
	return nil
}

func (s *Settings) validateStores() error {
	if len(s.Stores) == 0 {
		return failure.Invalid("stores", "name at least one store")
	}
	seen := make(map[string]bool)
	for _, one := range s.Stores {
		if one.Name == "" || seen[one.Name] {
			return failure.Invalid("stores.name", "%.80q is empty or twice in the list", one.Name)
		}
		seen[one.Name] = true
		switch one.Provider {
		case "s3", "gcs", "file":
		default:
			return failure.Invalid("stores.provider", "%.80q is none of s3, gcs, file", one.Provider)
		}
	}
	return nil
}

func (s *Settings) validateNumbers() error {
	switch {
	case s.Archive.Require != RequireAny && s.Archive.Require != RequireAll:
		return failure.Invalid("archive.require", "%.40q is neither any nor all", s.Archive.Require)
	case s.Archive.OnStoresDown != Hold && s.Archive.OnStoresDown != SpoolAtHeadroom:
		return failure.Invalid("archive.on_stores_down", "%.40q is neither hold nor spool", s.Archive.OnStoresDown)
	case s.Spool.MaxBytes < int64(s.SegmentSizeBytes)*2:
		return failure.Invalid("spool.max_bytes", "%d holds fewer than two segments", s.Spool.MaxBytes)
	case s.Archive.HeadroomBytes < 0 || s.Archive.Patience < 0 || s.Archive.Timeout < 0 || s.Archive.RetainFor < 0:
		return failure.Invalid("archive", "no value may be negative")
	case s.Tail.Interval < 50*time.Millisecond || s.Heartbeat.Interval < 50*time.Millisecond ||
		s.Heartbeat.ShipInterval < 50*time.Millisecond:
		return failure.Invalid("interval", "no interval may be shorter than 50ms")
	case !slotForm.MatchString(s.Tail.Slot):
		return failure.Invalid("tail.slot", "%.80q must be 1 to 63 of a-z 0-9 _", s.Tail.Slot)
	case s.Fetch.Prefetch < 0 || s.Fetch.Prefetch > 64:
		return failure.Invalid("fetch.prefetch", "%d is not between 0 and 64", s.Fetch.Prefetch)
	case s.Fetch.Patience < 0:
		return failure.Invalid("fetch.patience", "may not be negative")
	}
	return nil
}
