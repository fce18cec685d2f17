package walship

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const (
	sealedSuffix = ".zst.pgp"
	// clearSuffix ends history files: which timeline left which at what position
	// is no secret, and must be known before any key is released.
	clearSuffix = ".clear"
	sumDigits   = 32
	// afterAll sorts behind every character used in a key: a listing that starts
	// after prefix+afterAll skips everything under prefix.
	afterAll = "~"
)

// place is where one cluster's WAL lies in every store.
type place struct {
	source string
	system wal.SystemID
	size   wal.SegmentSize
}

// object is a key taken apart.
type object struct {
	Key  string
	File wal.FileName // FileTail: Segment and ValidTo say which bytes, together with From
	Name string       // PostgreSQL's name of the file; of a tail piece the segment's
	From wal.LSN      // tail pieces: first byte
	Sum  string       // first 32 digits of the plaintext's SHA-256

	Version   string // of the store it was listed in; "" where there are none
	SizeBytes int64  // sealed
	Modified  time.Time
}

func (p place) root() string { return fmt.Sprintf("v1/%s/wal/%s/", p.source, p.system) }

func (p place) timeline(tli wal.Timeline) string {
	return fmt.Sprintf("%s%08X/", p.root(), uint32(tli))
}

// files is the prefix of everything PostgreSQL archived on a timeline: each such
// name begins with the timeline's eight digits, and tail pieces lie elsewhere.
func (p place) files(tli wal.Timeline) string {
	return fmt.Sprintf("%s%08X", p.timeline(tli), uint32(tli))
}

// versions is the prefix of every content archived under one file name.
func (p place) versions(file wal.FileName, name string) string {
	return p.timeline(file.Timeline) + name + "-"
}

// tails is the prefix of a timeline's tail pieces, pieces that of one segment's.
func (p place) tails(tli wal.Timeline) string { return p.timeline(tli) + "tail/" }

func (p place) pieces(seg wal.Segment) string {
	return p.tails(seg.Timeline) + p.size.Name(seg) + "-"
}

func sumOf(plain []byte) string { return store.DigestOf(plain).String()[:sumDigits] }

func (p place) fileKey(file wal.FileName, name string, plain []byte) string {
	return p.versions(file, name) + sumOf(plain) + suffixOf(file.Kind)
}

func (p place) pieceKey(seg wal.Segment, from wal.LSN, plain []byte) string {
	to := from + wal.LSN(len(plain))
	return fmt.Sprintf("%s%016X-%016X-%s%s", p.pieces(seg), uint64(from), uint64(to), sumOf(plain), sealedSuffix)
}

// IsTailPiece reports whether a WAL object's key is that of a tail piece.
func IsTailPiece(key string) bool { return strings.Contains(key, "/tail/") }

// suffixOf says whether a kind of file is stored sealed.
func suffixOf(kind wal.FileKind) string {
	if kind == wal.FileHistory {
		return clearSuffix
	}
	return sealedSuffix
}

// parse takes a key apart. Stores are outside: whatever is not exactly what
// fileKey or pieceKey makes is failure.Corrupt.
func (p place) parse(key string) (object, error) {
	bad := failure.New(failure.Corrupt, "key %.300q is none that WAL archiving makes", key)
	rest, inside := strings.CutPrefix(key, p.root())
	suffix := sealedSuffix
	if strings.HasSuffix(rest, clearSuffix) {
		suffix = clearSuffix
	}
	rest, ended := strings.CutSuffix(rest, suffix)
	folder, name, nested := strings.Cut(rest, "/")
	if !inside || !ended || !nested {
		return object{}, bad
	}
	piece, tail := strings.CutPrefix(name, "tail/")
	parsed, err := p.parseFile(name)
	if tail {
		parsed, err = p.parsePiece(piece)
	}
	if err != nil || suffixOf(parsed.File.Kind) != suffix || folder != fmt.Sprintf("%08X", uint32(parsed.File.Timeline)) {
		return object{}, bad
	}
	parsed.Key = key
	return parsed, nil
}

// parseListed is parse with what the listing says about the object. A size that
// nothing of that name can have is failure.Corrupt, too. A delete marker has none.
func (p place) parseListed(listed store.Object) (object, error) {
	parsed, err := p.parse(listed.Key)
	parsed.Version, parsed.SizeBytes, parsed.Modified = listed.Version, listed.SizeBytes, listed.Modified
	if err != nil || listed.DeleteMarker {
		return parsed, err
	}
	if least, most := p.bounds(parsed); listed.SizeBytes < least || listed.SizeBytes > most {
		return parsed, failure.New(failure.Corrupt, "has %d bytes, which nothing of that name can have: want %d to %d", listed.SizeBytes, least, most)
	}
	return parsed, nil
}

// bounds returns the least and most bytes that the object can have in a store.
func (p place) bounds(o object) (least, most int64) {
	if suffixOf(o.File.Kind) == clearSuffix {
		return 1, maxPlain(p.size, o.File.Kind)
	}
	return seal.Bounds(o.Key, p.mostPlain(o))
}

// mostPlain is the most bytes that the object can have when it is opened.
func (p place) mostPlain(o object) int64 {
	if o.File.Kind == wal.FileTail {
		return int64(o.File.ValidTo - o.From)
	}
	return maxPlain(p.size, o.File.Kind)
}

func (p place) parseFile(text string) (object, error) {
	name, sum, found := strings.Cut(text, "-")
	file, err := p.size.ParseFileName(name)
	if err != nil || !found || !isSum(sum) || file.Kind == wal.FileTail {
		return object{}, failure.New(failure.Corrupt, "not an archived file")
	}
	return object{File: file, Name: name, Sum: sum}, nil
}

func (p place) parsePiece(text string) (object, error) {
	bad := failure.New(failure.Corrupt, "not a tail piece")
	fields := strings.Split(text, "-")
	if len(fields) != 4 || !isSum(fields[3]) {
		return object{}, bad
	}
	seg, err := p.size.ParseSegment(fields[0])
	from, errFrom := parsePosition(fields[1])
	to, errTo := parsePosition(fields[2])
	start := p.size.Start(seg)
	if err != nil || errFrom != nil || errTo != nil || seg.Number > wal.MaxSegmentNumber(p.size) ||
		from < start || to <= from || to > start+wal.LSN(p.size) {
		return object{}, bad
	}
	file := wal.FileName{Kind: wal.FileTail, Segment: seg, Timeline: seg.Timeline, ValidTo: to}
	return object{File: file, Name: fields[0], From: from, Sum: fields[3]}, nil
}

func parsePosition(field string) (wal.LSN, error) {
	value, err := strconv.ParseUint(field, 16, 64)
	if err != nil || fmt.Sprintf("%016X", value) != field {
		return 0, failure.New(failure.Corrupt, "not a position of 16 digits")
	}
	return wal.LSN(value), nil
}

func isSum(text string) bool {
	return len(text) == sumDigits && strings.Trim(text, "0123456789abcdef") == ""
}
