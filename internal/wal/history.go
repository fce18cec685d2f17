package wal

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Limits on a history file. PostgreSQL sets none; a cluster that failed over
// once a day for ten years stays below them.
const (
	MaxHistoryBytes     = 1 << 20
	maxHistoryAncestors = 4096
	maxHistoryReason    = 1024
)

// Ancestor is one line of a history file: timeline Timeline was left at End.
type Ancestor struct {
	Timeline Timeline `json:"timeline"`
	End      LSN      `json:"end"` // the first position that belongs to the child
	Reason   string   `json:"reason,omitempty"`
}

// History is the ancestry of one timeline, oldest ancestor first. Timeline 1
// has no file and no ancestors.
type History struct {
	Timeline  Timeline   `json:"timeline"`
	Ancestors []Ancestor `json:"ancestors,omitempty"`
}

// ParseHistory reads the history file of timeline tli. Ancestors must ascend in
// timeline and must not descend in position, as PostgreSQL's own reader demands
// (src/backend/access/transam/timeline.c, readTimeLineHistory). Errors are
// failure.Corrupt.
func ParseHistory(tli Timeline, content []byte) (History, error) {
	h := History{Timeline: tli}
	if tli == 0 || len(content) > MaxHistoryBytes || !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return h, failure.New(failure.Corrupt, "history file of timeline %d: not text of at most %d bytes", tli, MaxHistoryBytes)
	}
	for number, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		ancestor, err := parseAncestor(line)
		if err == nil {
			h.Ancestors = append(h.Ancestors, ancestor)
			err = h.Validate()
		}
		if err != nil {
			return History{Timeline: tli}, failure.Wrap(failure.Corrupt, err, "history file of timeline %d, line %d", tli, number+1)
		}
	}
	if tli > 1 && len(h.Ancestors) == 0 {
		return h, failure.New(failure.Corrupt, "history file of timeline %d names no ancestor", tli)
	}
	return h, nil
}

func parseAncestor(line string) (Ancestor, error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return Ancestor{}, failure.New(failure.Corrupt, "expected a timeline and a position")
	}
	tli, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil {
		return Ancestor{}, failure.New(failure.Corrupt, "%.20q is not a timeline", fields[0])
	}
	end, err := ParseLSN(fields[1])
	if err != nil {
		return Ancestor{}, err
	}
	reason := strings.Join(fields[2:], " ")
	if len(reason) > maxHistoryReason {
		return Ancestor{}, failure.New(failure.Corrupt, "reason is longer than %d bytes", maxHistoryReason)
	}
	return Ancestor{Timeline: Timeline(tli), End: end, Reason: reason}, nil
}

// Validate checks the order of the newest ancestor against the one before it,
// and against the timeline itself. Called after each line, so that one pass
// checks a whole file.
func (h History) Validate() error {
	if len(h.Ancestors) == 0 {
		return nil
	}
	if len(h.Ancestors) > maxHistoryAncestors {
		return failure.New(failure.Corrupt, "more than %d ancestors", maxHistoryAncestors)
	}
	last := h.Ancestors[len(h.Ancestors)-1]
	if last.Timeline == 0 || last.End == 0 || last.Timeline >= h.Timeline {
		return failure.New(failure.Corrupt, "ancestor %d at %s cannot precede timeline %d", last.Timeline, last.End, h.Timeline)
	}
	if len(h.Ancestors) == 1 {
		return nil
	}
	before := h.Ancestors[len(h.Ancestors)-2]
	if last.Timeline <= before.Timeline || last.End < before.End {
		return failure.New(failure.Corrupt, "ancestor %d at %s does not follow %d at %s", last.Timeline, last.End, before.Timeline, before.End)
	}
	return nil
}

// Format writes h as PostgreSQL writes a history file.
func (h History) Format() []byte {
	var out bytes.Buffer
	for _, a := range h.Ancestors {
		fmt.Fprintf(&out, "%d\t%s\t%s\n", a.Timeline, a.End, a.Reason)
	}
	return out.Bytes()
}
