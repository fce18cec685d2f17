package walship

import (
	"strings"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// wanted are the keys of the sealed objects that one recovery may use: what was proved
// and approved. Nil is everything.
//
// What is not wanted is absent for the recovery, whatever a store holds. So nobody
// needs to be asked about it, and a store that does not answer holds up nothing but
// what it alone has.
type wanted map[string]bool

// bars reports that an object of kind with this key may not be used. History files are
// not sealed, and so never wanted by name.
func (w wanted) bars(kind wal.FileKind, key string) bool {
	return w != nil && suffixOf(kind) == sealedSuffix && !w[key]
}

// below counts the wanted keys with a prefix.
func (w wanted) below(prefix string) (count int) {
	for key := range w {
		if strings.HasPrefix(key, prefix) {
			count++
		}
	}
	return count
}

// lacks reports that the recovery uses no file of kind whose keys have this prefix.
func (w wanted) lacks(kind wal.FileKind, prefix string) bool {
	return w != nil && suffixOf(kind) == sealedSuffix && w.below(prefix) == 0
}

// behind returns the key of a wanted segment or piece of one on seg's timeline that is
// later than seg, "" for none.
func (w wanted) behind(p place, seg wal.Segment) string {
	for key := range w {
		obj, err := p.parse(key)
		usable := err == nil && (obj.File.Kind == wal.FileSegment || obj.File.Kind == wal.FileTail)
		if usable && obj.File.Segment.Timeline == seg.Timeline && obj.File.Segment.Number > seg.Number {
			return key
		}
	}
	return ""
}

// passes reports that a timeline is later than all that is wanted: the recovery ends
// before it, and asks for its history only to give the next one a number.
func (w wanted) passes(p place, tli wal.Timeline) bool {
	newest := wal.Timeline(0)
	for key := range w {
		if obj, err := p.parse(key); err == nil {
			newest = max(newest, obj.File.Timeline)
		}
	}
	return w != nil && tli > newest
}
