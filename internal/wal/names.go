package wal

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// MaxLSN is the highest position holdfast accepts: half the range, so that no
// arithmetic on positions can overflow. At 1 GB/s a cluster needs 292 years.
const MaxLSN LSN = 1 << 63

// MaxSegmentNumber returns the highest segment number below MaxLSN.
func MaxSegmentNumber(size SegmentSize) uint64 { return uint64(MaxLSN)/uint64(size) - 1 }

// FileKind says what an archived file's name promises.
type FileKind string

// The kinds of file PostgreSQL hands to archive_command, and the streamed tail
// that holdfast adds.
const (
	FileSegment FileKind = "segment" // 24 digits
	FilePartial FileKind = "partial" // .partial: last segment of a timeline that was left
	FileHistory FileKind = "history" // 8 digits and .history
	FileBackup  FileKind = "backup"  // 24 digits, offset, .backup
	FileTail    FileKind = "tail"    // 24 digits, valid-up-to, .tail: streamed, not finished
)

// FileName is a file name of the log, taken apart.
type FileName struct {
	Kind     FileKind
	Segment  Segment  // of all but FileHistory
	Timeline Timeline // of all
	Offset   uint32   // FileBackup: where in the segment the backup started, in bytes
	ValidTo  LSN      // FileTail: first position that was not flushed yet
}

// HistoryName returns the name of timeline tli's history file.
func HistoryName(tli Timeline) string { return fmt.Sprintf("%08X.history", uint32(tli)) }

// PartialName returns the name PostgreSQL gives the last, unfinished segment of
// a timeline when a standby leaves it.
func (s SegmentSize) PartialName(seg Segment) string { return s.Name(seg) + ".partial" }

// BackupHistoryName returns the name of the file that pg_backup_stop writes for
// a backup that started at position start.
func (s SegmentSize) BackupHistoryName(tli Timeline, start LSN) string {
	return fmt.Sprintf("%s.%08X.backup", s.Name(s.SegmentAt(tli, start)), uint64(start)%uint64(s))
}

// TailName returns the name under which the streamed tail of seg, flushed up to
// validTo (exclusive), is kept. Names of one segment's tails sort by validTo, and
// each is a new object: nothing is overwritten.
func (s SegmentSize) TailName(seg Segment, validTo LSN) string {
	return fmt.Sprintf("%s.%016X.tail", s.Name(seg), uint64(validTo))
}

// ParseFileName takes a file name apart. Anything PostgreSQL would not write is
// InvalidInput: names arrive from archive_command and from stores, and become
// paths.
func (s SegmentSize) ParseFileName(name string) (FileName, error) {
	base, rest, dotted := strings.Cut(name, ".")
	if dotted && rest == "history" {
		tli, err := parseHex(base, 8)
		if err != nil || tli == 0 {
			return FileName{}, badName(name)
		}
		return FileName{Kind: FileHistory, Timeline: Timeline(tli)}, nil
	}
	segment, err := s.ParseSegment(base)
	if err != nil || segment.Number > MaxSegmentNumber(s) {
		return FileName{}, badName(name)
	}
	parsed := FileName{Segment: segment, Timeline: segment.Timeline}
	field, suffix, twice := strings.Cut(rest, ".")
	switch {
	case !dotted:
		parsed.Kind = FileSegment
	case rest == "partial":
		parsed.Kind = FilePartial
	case twice && suffix == "backup":
		return s.parseBackup(parsed, field, name)
	case twice && suffix == "tail":
		return s.parseTail(parsed, field, name)
	default:
		return FileName{}, badName(name)
	}
	return parsed, nil
}

func (s SegmentSize) parseBackup(parsed FileName, field, name string) (FileName, error) {
	offset, err := parseHex(field, 8)
	if err != nil || offset >= uint64(s) || offset > math.MaxUint32 {
		return FileName{}, badName(name)
	}
	parsed.Kind, parsed.Offset = FileBackup, uint32(offset)
	return parsed, nil
}

func (s SegmentSize) parseTail(parsed FileName, field, name string) (FileName, error) {
	end, err := parseHex(field, 16)
	start := s.Start(parsed.Segment)
	if err != nil || LSN(end) <= start || LSN(end) > start+LSN(s) {
		return FileName{}, badName(name)
	}
	parsed.Kind, parsed.ValidTo = FileTail, LSN(end)
	return parsed, nil
}

// parseHex reads exactly digits upper-case hexadecimal digits.
func parseHex(field string, digits int) (uint64, error) {
	value, err := strconv.ParseUint(field, 16, 64)
	if err != nil || len(field) != digits || fmt.Sprintf("%0*X", digits, value) != field {
		return 0, badName(field)
	}
	return value, nil
}

func badName(name string) error {
	return failure.Invalid("wal_file", "%.80q is not the name of a WAL file", name)
}
