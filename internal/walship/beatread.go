package walship

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// ReadHeartbeats returns the acknowledged heartbeats of a source since an
// instant, from all stores together, ordered by acknowledgement. It needs no
// database and no key. Objects that cannot be read are named and done without: of
// those that another store has whole nothing is missing, of others their heartbeats are
// unknown. A store that does not answer is an error only when all do not, and so is
// damage when no store is without any and nothing could be read: then nothing is known,
// which is not "no heartbeats". Of each store the newest are read, of the last days: how
// many objects were left out, and up to when they were stored, is an anomaly too.
func ReadHeartbeats(ctx context.Context, stores []store.Store, source string, since time.Time) ([]Beat, []Anomaly, error) {
	return readHeartbeats(ctx, stores, source, since, beatLimits{objects: maxBeatObjects, beats: maxBeatsRead})
}

func readHeartbeats(ctx context.Context, stores []store.Store, source string, since time.Time, limits beatLimits) ([]Beat, []Anomaly, error) {
	r := beatReader{source: source, since: since, limits: limits, found: make(map[beatID]Beat)}
	var problems []error
	silent, sound := 0, 0
	for _, one := range stores {
		damaged, err := r.read(ctx, one)
		problems = append(problems, keepErrors(damaged, err)...)
		switch {
		case err != nil:
			silent++
		case damaged == nil:
			sound++
		}
	}
	if len(stores) > 0 && (silent == len(stores) || (sound == 0 && len(r.found) == 0)) {
		return nil, r.anomalies, failure.Wrap(failure.Unavailable, joinProblems(problems), "read heartbeats of %s", source)
	}
	beats := slices.SortedFunc(maps.Values(r.found), func(a, b Beat) int {
		return cmp.Or(a.Acknowledged.Compare(b.Acknowledged), cmp.Compare(a.Seq, b.Seq))
	})
	return beats, r.anomalies, nil
}

func keepErrors(list ...error) []error {
	return slices.DeleteFunc(list, func(err error) bool { return err == nil })
}

// beatReader gathers the heartbeats of one source from store after store.
type beatReader struct {
	source    string
	since     time.Time
	limits    beatLimits
	found     map[beatID]Beat
	anomalies []Anomaly
}

type beatID struct {
	seq         uint64
	system      wal.SystemID
	incarnation string
}

func (r *beatReader) root() string { return fmt.Sprintf("v1/%s/heartbeat/", r.source) }

// read adds what one store has. damaged is why the first object could not be read that
// was there; err that the store did not answer.
func (r *beatReader) read(ctx context.Context, from store.Store) (damaged, err error) {
	known := len(r.anomalies)
	defer func() { // in the order of keys, whatever came first
		slices.SortStableFunc(r.anomalies[known:], func(a, b Anomaly) int { return cmp.Compare(a.Key, b.Key) })
	}()
	wanted, damaged, err := r.list(ctx, from)
	if err != nil {
		return damaged, err
	}
	broken, err := r.get(ctx, from, &wanted)
	if wanted.left > 0 {
		r.anomalies = append(r.anomalies, Anomaly{Kind: AnomalyUnread, Store: from.Name(), Key: r.root(), Detail: wanted.text(r.limits)})
	}
	return firstOf(damaged, broken), err
}

// list returns the objects that may hold what is wanted; damaged is why one cannot.
func (r *beatReader) list(ctx context.Context, from store.Store) (wanted newest, damaged, err error) {
	wanted.most = r.limits.objects
	for prefix, err := range incarnations(ctx, from, r.root()) {
		if err != nil {
			return wanted, damaged, err
		}
		after, err := seekBeats(ctx, from, prefix, r.since)
		if err != nil {
			return wanted, damaged, err
		}
		for obj, err := range from.List(ctx, prefix, store.ListOptions{After: after}) {
			if err != nil {
				return wanted, damaged, failure.Wrap(failure.ClassOf(err), err, "list heartbeats in %s", from.Name())
			}
			if _, _, _, err := parseBeatName(nameOf(obj.Key)); err != nil {
				damaged = firstOf(damaged, err)
				r.note(from, obj.Key, err)
				continue
			}
			wanted.add(obj)
		}
	}
	return wanted, damaged, nil
}

// get reads what was listed, the newest first, until it holds enough.
func (r *beatReader) get(ctx context.Context, from store.Store, wanted *newest) (damaged, err error) {
	count := 0
	for chunk := range wanted.chunks() {
		if count >= r.limits.beats {
			wanted.leave(chunk)
			continue
		}
		read, problems := getAll(ctx, from, chunk)
		for i, beats := range read {
			err := problems[i]
			if err != nil && !failure.Is(err, failure.Corrupt) {
				return damaged, err
			}
			if err != nil {
				damaged = firstOf(damaged, err)
				r.note(from, chunk[i].Key, err)
			}
			r.add(beats)
			count += len(beats)
		}
	}
	return damaged, nil
}

func (r *beatReader) add(beats []Beat) {
	for _, beat := range beats {
		if !beat.Acknowledged.Before(r.since) {
			r.found[beatID{beat.Seq, beat.SystemID, beat.Incarnation}] = beat
		}
	}
}

func (r *beatReader) note(from store.Store, key string, why error) {
	if len(r.anomalies) < maxAnomalies {
		r.anomalies = append(r.anomalies, Anomaly{Kind: AnomalyDamaged, Store: from.Name(), Key: key, Detail: why.Error()})
	}
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
	sequence := leastSequence(func(sequence uint64) bool {
		if problem != nil {
			return true
		}
		key, err := firstKey(ctx, from, prefix, beatsFrom(prefix, sequence))
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
	return beatsFrom(prefix, sequence), problem
}

func beatsFrom(prefix string, sequence uint64) string {
	return fmt.Sprintf("%s%0*d", prefix, sequenceWidth, sequence)
}

func nameOf(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// getBeats reads one object; what no daemon names so is Corrupt without being read.
func getBeats(ctx context.Context, from store.Store, key string) ([]Beat, error) {
	name := nameOf(key)
	if _, _, _, err := parseBeatName(name); err != nil {
		return nil, err
	}
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
	return decodeBeats(name, content)
}
