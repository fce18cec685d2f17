package walship

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// ReadHeartbeats returns the acknowledged heartbeats of a source since an
// instant, from all stores together, ordered by acknowledgement. It needs no
// database and no key. A store that does not answer is an error only when all do
// not: then nothing is known, which is not "no heartbeats". A damaged object is
// read from another store.
func ReadHeartbeats(ctx context.Context, stores []store.Store, source string, since time.Time) ([]Beat, error) {
	found := make(map[beatID]Beat)
	var problems []error
	for _, one := range stores {
		if err := readBeatsOf(ctx, one, source, since, found); err != nil {
			problems = append(problems, err)
		}
	}
	if len(stores) > 0 && len(problems) == len(stores) {
		return nil, failure.Wrap(failure.Unavailable, joinProblems(problems), "read heartbeats of %s", source)
	}
	beats := make([]Beat, 0, len(found))
	for _, beat := range found {
		beats = append(beats, beat)
	}
	slices.SortFunc(beats, func(a, b Beat) int {
		if order := a.Acknowledged.Compare(b.Acknowledged); order != 0 {
			return order
		}
		return int(a.Seq) - int(b.Seq)
	})
	return beats, nil
}

type beatID struct {
	seq         uint64
	system      wal.SystemID
	incarnation string
}

func readBeatsOf(ctx context.Context, from store.Store, source string, since time.Time, into map[beatID]Beat) error {
	var damaged error
	for prefix, err := range incarnations(ctx, from, fmt.Sprintf("v1/%s/heartbeat/", source)) {
		if err != nil {
			return err
		}
		after, err := seekBeats(ctx, from, prefix, since)
		if err != nil {
			return err
		}
		for obj, err := range from.List(ctx, prefix, store.ListOptions{After: after}) {
			if err != nil {
				return failure.Wrap(failure.ClassOf(err), err, "list heartbeats in %s", from.Name())
			}
			beats, err := getBeats(ctx, from, obj.Key)
			if err != nil {
				damaged = firstOf(damaged, err)
				continue
			}
			for _, beat := range beats {
				if !beat.Acknowledged.Before(since) {
					into[beatID{beat.Seq, beat.SystemID, beat.Incarnation}] = beat
				}
			}
		}
	}
	return damaged
}

// incarnations yields the prefix of every <system>/<incarnation>/ below prefix,
// by one listing step each, however many objects they hold.
func incarnations(ctx context.Context, from store.Store, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		after := ""
		for {
			key, err := firstKey(ctx, from, prefix, after)
			if err != nil {
				yield("", err)
				return
			}
			if key == "" {
				return
			}
			parts := strings.SplitN(strings.TrimPrefix(key, prefix), "/", 3)
			if len(parts) != 3 {
				after = key
				continue
			}
			under := prefix + parts[0] + "/" + parts[1] + "/"
			if !yield(under, nil) {
				return
			}
			after = under + afterAll
		}
	}
}

// firstKey returns the first key under prefix that sorts after a key, "" for none.
func firstKey(ctx context.Context, from store.Store, prefix, after string) (string, error) {
	for obj, err := range from.List(ctx, prefix, store.ListOptions{After: after}) {
		if err != nil {
			return "", failure.Wrap(failure.ClassOf(err), err, "list %s in %s", prefix, from.Name())
		}
		return obj.Key, nil
	}
	return "", nil
}

// seekBeats finds, by bisection over sequences, a key after which everything
// acknowledged since the instant lies. Sequences ascend in time within one
// incarnation.
func seekBeats(ctx context.Context, from store.Store, prefix string, since time.Time) (string, error) {
	if since.IsZero() {
		return "", nil
	}
	var problem error
	// The least sequence whose first object behind it already ends at or after since.
	sequence := sort.Search(math.MaxInt32, func(n int) bool {
		if problem != nil {
			return true
		}
		key, err := firstKey(ctx, from, prefix, beatsFrom(prefix, uint64(n)))
		if err != nil || key == "" {
			problem = err
			return true
		}
		beats, err := getBeats(ctx, from, key)
		if err != nil {
			return true // damaged: read from here on, rather too much than too little
		}
		return !beats[len(beats)-1].Acknowledged.Before(since)
	})
	return beatsFrom(prefix, uint64(sequence)), problem
}

func beatsFrom(prefix string, sequence uint64) string {
	return fmt.Sprintf("%s%0*d", prefix, sequenceWidth, sequence)
}

func getBeats(ctx context.Context, from store.Store, key string) ([]Beat, error) {
	body, _, err := from.Get(ctx, key, store.GetOptions{})
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "read %s from %s", key, from.Name())
	}
	content, err := readAllBounded(body, key, maxBeatBytes)
	if closing := body.Close(); err == nil && closing != nil {
		err = failure.Wrap(failure.Unavailable, closing, "read %s from %s", key, from.Name())
	}
	if err != nil {
		return nil, err
	}
	return decodeBeats(key[strings.LastIndexByte(key, '/')+1:], content)
}

// highestBeat returns the highest sequence a store knows for a system, over all
// incarnations.
func highestBeat(ctx context.Context, from store.Store, source string, system wal.SystemID) (uint64, error) {
	highest := uint64(0)
	for prefix, err := range incarnations(ctx, from, fmt.Sprintf("v1/%s/heartbeat/", source)) {
		if err != nil {
			return 0, err
		}
		if !strings.HasPrefix(prefix, beatsOf(source, system)) {
			continue
		}
		last, err := lastBeat(ctx, from, prefix)
		if err != nil {
			return 0, err
		}
		highest = max(highest, last)
	}
	return highest, nil
}

// lastBeat bisects for the last object's last sequence under one incarnation.
func lastBeat(ctx context.Context, from store.Store, prefix string) (uint64, error) {
	var problem error
	highest := uint64(0)
	sort.Search(math.MaxInt32, func(n int) bool {
		if problem != nil {
			return true
		}
		key, err := firstKey(ctx, from, prefix, beatsFrom(prefix, uint64(n)))
		if err != nil || key == "" {
			problem = err
			return true
		}
		if _, last, _, err := parseBeatName(key[len(prefix):]); err == nil {
			highest = max(highest, last)
		}
		return false
	})
	return highest, problem
}
