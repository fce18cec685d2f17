package evidence

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const domain = "holdfast.evidence.v1"

// Limits in bytes. They keep one entry below 96 KiB before it is escaped, and a message
// that is refused, which has no data, below 16 KiB, so that a flood of odd messages
// cannot swell a workflow's history.
const (
	maxShort  = 256  // kind, phase, step, actor, keys
	maxLong   = 2048 // title, target, values
	maxDetail = 8192
	maxPairs  = 32
	cutMark   = "…[cut]"
)

// normalize makes e what will be recorded: UTC to the nanosecond without a
// monotonic reading, valid bounded UTF-8, bounded data.
func normalize(e Entry) Entry {
	e.At = e.At.Round(0).UTC()
	e.Kind = Kind(clean(string(e.Kind), maxShort))
	e.Phase, e.Step, e.Actor = clean(e.Phase, maxShort), clean(e.Step, maxShort), clean(e.Actor, maxShort)
	e.Title, e.Target = clean(e.Title, maxLong), clean(e.Target, maxLong)
	e.Detail = clean(e.Detail, maxDetail)
	pairs := make([]Pair, 0, min(len(e.Data), maxPairs))
	for _, pair := range e.Data[:min(len(e.Data), maxPairs)] {
		pairs = append(pairs, Pair{Key: clean(pair.Key, maxShort), Value: clean(pair.Value, maxLong)})
	}
	if len(e.Data) > maxPairs {
		pairs[maxPairs-1] = Pair{Key: cutMark, Value: strconv.Itoa(len(e.Data)-maxPairs+1) + " more"}
	}
	e.Data = pairs
	return e
}

// clean returns s as valid UTF-8 of at most limit bytes, marked when cut.
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	end := limit - len(cutMark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cutMark
}

func genesisHash(chain string) Hash {
	w := writer{sha256.New()}
	w.text(domain)
	w.text(chain)
	return w.sum()
}

// hashOf returns the hash of e's canonical encoding, described in the package
// comment.
func hashOf(e Entry) Hash {
	w := writer{sha256.New()}
	w.text(domain)
	w.text(string(e.Prev[:]))
	w.text(strconv.FormatUint(e.Seq, 10))
	w.text(e.At.UTC().Format(time.RFC3339Nano))
	for _, field := range []string{string(e.Kind), e.Phase, e.Step, e.Title, e.Actor, e.Detail, e.Target} {
		w.text(field)
	}
	w.text(strconv.Itoa(len(e.Data)))
	for _, pair := range e.Data {
		w.text(pair.Key)
		w.text(pair.Value)
	}
	return w.sum()
}

// writer length-prefixes each field, so that no two entries share an encoding.
type writer struct{ hash.Hash }

func (w writer) text(s string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(s)))
	w.Write(length[:]) // a hash.Hash never fails to write
	w.Write([]byte(s))
}

func (w writer) sum() Hash { return Hash(w.Sum(nil)) }
