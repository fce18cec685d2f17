package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Bounds on what is remembered of one timeline.
const (
	maxSearches    = 20
	maxFound       = 500 // of one search
	maxSearchBytes = 64 << 20
)

// search is one reading of WAL and the transactions in it that destroy data. WAL is
// never rewritten within a timeline, so it stays true when the WAL is gone. Where there
// are more such transactions than are kept, the newest are, and it counts from after
// the others on only: From and FirstAt are theirs then.
type search struct {
	From     wal.LSN           `json:"from"`
	Until    wal.LSN           `json:"until"`             // start of the last record that was read
	FirstAt  time.Time         `json:"first_at,omitzero"` // of the first commit; zero: there was none
	LastAt   time.Time         `json:"last_at,omitzero"`  // of the last
	Complete bool              `json:"complete"`          // read to the position that was asked for
	Cut      bool              `json:"cut,omitempty"`     // more was found before From, and is not kept
	Found    []onset.Candidate `json:"found,omitempty"`   // newest first, at most maxFound
}

// searched is what is known of the log now, by this search and those before it.
type searched struct {
	from    wal.LSN              // this search read from here on; 0: nothing
	history onset.History        // of this search
	found   []onset.Candidate    // by all
	gap     *recovery.Unsearched // what none of them read; nil: nothing that was wanted
}

// search reads the WAL that is still on this host. That there is none is no error:
// the gap says so. Nor is it one that the search cannot be remembered, for a full
// disk holds up no recovery: it is logged.
func (a *Activities) search(ctx context.Context, c *cluster.Cluster, identity cluster.Identity, in OnsetInput, progress func(wal.LSN)) (searched, error) {
	var ranges []onset.Range
	local, gone := localWAL(c, identity, in.Until)
	switch {
	case gone == nil:
		ranges = append(ranges, local)
	case !failure.Is(gone, failure.NotFound):
		return searched{}, gone
	}
	history, err := onset.Read(ctx, c.Programs, ranges, progress)
	if err != nil {
		return searched{}, err
	}
	if gone == nil && !history.Complete() {
		gone = failure.New(failure.Unknown, "WAL from %s on was read up to %s only: %s", local.From, history.Last, history.Ends[0].Detail)
	}
	now := searchOf(local, history)
	known, err := a.remember(c.Programs.Owner, in.Database, identity, now)
	if err != nil && a.Log != nil {
		a.Log.Warn("what the search for damage found is not remembered", zap.Error(err))
	}
	return searched{
		from: local.From, history: history, found: candidates(known), gap: unsearched(known, now, identity, in.Disrupted, gone),
	}, nil
}

// searchOf is what history says of the range it was read from. No range: the zero value.
func searchOf(r onset.Range, history onset.History) search {
	s := search{From: r.From, Until: history.Last, FirstAt: history.FirstAt, LastAt: history.LastAt, Complete: history.Complete()}
	for _, candidate := range onset.Judge(history, onset.Thresholds{}) {
		if grave(candidate.Why) {
			s.Found = append(s.Found, candidate)
		}
	}
	slices.SortFunc(s.Found, func(a, b onset.Candidate) int { return cmp.Compare(b.CommitLSN, a.CommitLSN) })
	if cut, hidden := onset.Hidden(history); hidden {
		s.cut(cut.Newest, cut.At)
	}
	if len(s.Found) > maxFound {
		s.cut(s.Found[maxFound].CommitLSN, s.Found[maxFound].CommitAt)
		s.Found = s.Found[:maxFound]
	}
	return s
}

// cut notes that what committed at a position, and may have destroyed data, is not kept.
func (s *search) cut(commit wal.LSN, at time.Time) {
	s.Cut, s.From = true, max(s.From, commit)
	if at.IsZero() || at.After(s.FirstAt) {
		s.FirstAt = at
	}
}

// grave says whether a kind of transaction destroys data by itself.
func grave(why onset.Why) bool {
	return slices.Contains([]onset.Why{onset.Drop, onset.Truncate, onset.MassDelete, onset.MassUpdate}, why)
}

// candidates are what the searches found, each transaction once, the last search first.
func candidates(searches []search) (all []onset.Candidate) {
	known := map[wal.LSN]bool{}
	for _, s := range slices.Backward(searches) {
		for _, one := range s.Found {
			if !known[one.CommitLSN] {
				all = append(all, one)
			}
			known[one.CommitLSN] = true
		}
	}
	return all
}

// remember adds what was read now to what earlier searches of the same timeline read,
// keeps it, and returns all that is known, the newest last, also with an error. A
// search that read nothing adds nothing. Errors: Corrupt where the file did not hold
// searches (it is replaced), and those of reading and writing it.
func (a *Activities) remember(owner pg.Owner, database string, identity cluster.Identity, now search) ([]search, error) {
	dir := filepath.Join(a.StateDir, "onset", filepath.Base(database))
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.json", identity.SystemID, identity.Timeline))
	searches, unread := loadSearches(path)
	if now.Until == 0 {
		return searches, unread
	}
	searches = slices.DeleteFunc(searches, func(old search) bool { return old.From >= now.From && old.Until <= now.Until })
	searches = append(searches, now)
	searches = searches[max(0, len(searches)-maxSearches):]
	content, err := encode(&searches)
	if err != nil {
		return searches, failure.Wrap(failure.Internal, err, "encode %s", path)
	}
	if err := owner.MkdirAll(dir); err != nil {
		return searches, err
	}
	return searches, errors.Join(unread, owner.WriteFile(path, append(content, '\n'), 0o600))
}

// encode drops the oldest searches until the rest can be read back.
func encode(searches *[]search) ([]byte, error) {
	for {
		content, err := json.Marshal(*searches)
		if err != nil || len(content) < maxSearchBytes || len(*searches) == 1 {
			return content, err
		}
		*searches = (*searches)[1:]
	}
}

func loadSearches(path string) (searches []search, err error) {
	content, err := pg.ReadSmall(path, maxSearchBytes)
	if failure.Is(err, failure.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(content, &searches); err != nil {
		return nil, failure.New(failure.Corrupt, "%s does not hold what searches for damage found", path)
	}
	return searches, nil
}

// unsearched is the WAL from beforeReport before the disruption on that no search
// read; nil: there is none. gone is why pg_wal could not be read now to where damage
// must have ended, or nil.
func unsearched(searches []search, now search, identity cluster.Identity, disrupted time.Time, gone error) *recovery.Unsearched {
	gap := &recovery.Unsearched{Since: disrupted.Add(-beforeReport), Disrupted: disrupted, Timeline: identity.Timeline}
	if gone != nil {
		gap.Detail = gone.Error()
	}
	if now.Cut {
		gap.Detail = strings.TrimPrefix(gap.Detail+"; of more transactions than can be kept that destroy data, only the newest are", "; ")
	}
	first := now
	if !now.holds(disrupted) {
		at := slices.IndexFunc(searches, func(s search) bool { return s.holds(disrupted) && !s.LastAt.Before(disrupted) })
		if at < 0 {
			return gap
		}
		first = searches[at]
	}
	first = extend(first, searches)
	born := first.From <= identity.SegmentSize.Start(wal.Segment{Timeline: 1, Number: 1})
	if born || !first.FirstAt.IsZero() && !first.FirstAt.After(gap.Since) {
		return nil
	}
	gap.From, gap.FromLSN = first.FirstAt, first.From
	return gap
}

// extend goes back from first over searches that join it without a gap.
func extend(first search, searches []search) search {
	for {
		at := slices.IndexFunc(searches, func(s search) bool { return s.From < first.From && s.Until >= first.From })
		if at < 0 {
			return first
		}
		first = searches[at]
	}
}

// holds reports whether a moment lies within what was read. A complete search was
// read to the fence, which nothing that was reported came after.
func (s search) holds(moment time.Time) bool {
	return !s.FirstAt.IsZero() && s.FirstAt.Before(moment) && (s.Complete || !s.LastAt.Before(moment))
}
