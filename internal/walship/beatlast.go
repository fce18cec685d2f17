package walship

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// learnable is the highest sequence that a host which knows of own itself takes a
// store's word for.
func learnable(own uint64) uint64 { return min(own+maxAhead, maxLearned) }

// highestBeat returns the highest sequence up to most a store knows for a system, over
// all incarnations; 0 for none. Whoever can write to a store can put any name there: an
// object counts only once it was read and holds what its name says. doubt hears of
// those that were passed over; of those beyond most, of the first.
func highestBeat(ctx context.Context, from store.Store, source string, system wal.SystemID, most uint64, doubt func(error)) (uint64, error) {
	highest := uint64(0)
	for under, err := range incarnations(ctx, from, fmt.Sprintf("v1/%s/heartbeat/", source)) {
		if err != nil {
			return 0, err
		}
		if !strings.HasPrefix(under, beatsOf(source, system)) {
			continue
		}
		last, err := lastBeat(ctx, from, under, most, doubt)
		if err != nil {
			return 0, err
		}
		highest = max(highest, last)
	}
	return highest, nil
}

// lastBeat returns the last sequence up to most of one incarnation, whose objects lie
// under a prefix.
func lastBeat(ctx context.Context, from store.Store, under string, most uint64, doubt func(error)) (uint64, error) {
	before := beatsFrom(under, most) + afterAll
	beyond, err := firstBeatKey(ctx, from, under, before, under+afterAll)
	if err != nil {
		return 0, err
	}
	if beyond != "" {
		doubt(tooFar(from, beyond))
	}
	for {
		key, err := lastBeatKey(ctx, from, under, before)
		if err != nil || key == "" {
			return 0, err
		}
		last, err := believe(ctx, from, under, key, most)
		switch {
		case err == nil:
			return last, nil
		case !failure.Is(err, failure.Corrupt) && !failure.Is(err, failure.NotFound):
			return 0, err
		}
		doubt(err)
		before = key
	}
}

// believe returns the last sequence of a heartbeat object that holds what its key
// says; failure.Corrupt when it does not, or goes beyond most.
func believe(ctx context.Context, from store.Store, under, key string, most uint64) (uint64, error) {
	beats, err := getBeats(ctx, from, key)
	if err != nil {
		return 0, err
	}
	for _, beat := range beats {
		if !strings.HasSuffix(under, fmt.Sprintf("/%s/%s/", beat.SystemID, beat.Incarnation)) {
			return 0, failure.New(failure.Corrupt, "heartbeat object %.300q in %s is of system %s, incarnation %s", key, from.Name(), beat.SystemID, beat.Incarnation)
		}
	}
	last := beats[len(beats)-1].Seq
	if last > most {
		return 0, tooFar(from, key)
	}
	return last, nil
}

func tooFar(from store.Store, key string) error {
	return failure.New(failure.Corrupt, "heartbeat object %.300q in %s is of a sequence that this database has not reached", key, from.Name())
}

// lastBeatKey searches for the last key before another that a heartbeat object can
// have, "" for none. Keys sort by their first sequence.
func lastBeatKey(ctx context.Context, from store.Store, under, before string) (string, error) {
	found := ""
	var problem error
	leastSequence(func(sequence uint64) bool {
		if problem != nil {
			return true
		}
		var key string
		key, problem = firstBeatKey(ctx, from, under, beatsFrom(under, sequence), before)
		found = max(found, key)
		return key == ""
	})
	// Objects of one first sequence, which a crash leaves, sort by their last.
	for key := found; key != "" && problem == nil; {
		found = key
		key, problem = firstBeatKey(ctx, from, under, key, before)
	}
	return found, problem
}

// leastSequence returns the least sequence of which something is so, that is so of every
// greater one; one beyond maxSequence where it is of none. Widening steps find its
// magnitude, bisection finds it.
func leastSequence(isSo func(uint64) bool) uint64 {
	const step = 8 // bits
	low, high := uint64(0), uint64(1)<<step
	for high < maxSequence && !isSo(high) {
		low, high = high, high<<step
	}
	return low + uint64(sort.Search(int(high-low), func(n int) bool { return isSo(low + uint64(n)) }))
}

// firstBeatKey returns the first key after one and before another that a heartbeat
// object can have, "" for none.
func firstBeatKey(ctx context.Context, from store.Store, under, after, before string) (string, error) {
	for obj, err := range from.List(ctx, under, store.ListOptions{After: after}) {
		if err != nil {
			return "", failure.Wrap(failure.ClassOf(err), err, "list heartbeats in %s", from.Name())
		}
		if obj.Key >= before {
			return "", nil
		}
		if _, _, _, err := parseBeatName(obj.Key[len(under):]); err == nil {
			return obj.Key, nil
		}
	}
	return "", nil
}
