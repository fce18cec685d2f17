package catalog

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

const maxPointBytes = 4 << 10

func pointsPrefix(source string) string { return "v1/" + source + "/restore-points/" }

// KeepPoint records a restore point in every store, so that it is found when the
// database is gone. A name is used once: another point under it is Exists.
func KeepPoint(ctx context.Context, stores []store.Store, source string, point recovery.RestorePoint) (replicate.Copies, error) {
	body, err := json.Marshal(point)
	if err != nil {
		return replicate.Copies{}, failure.Wrap(failure.Internal, err, "encode restore point")
	}
	key := pointsPrefix(source) + url.PathEscape(point.Name) + ".json"
	return replicate.Put(ctx, stores, key, body, time.Time{})
}

// Points reads the recorded points of a source from all stores. A store
// that does not answer is left out; none that answers is an error.
func Points(ctx context.Context, stores []store.Store, source string) ([]recovery.RestorePoint, error) {
	keys := map[string]bool{}
	var last error
	answered := 0
	for _, one := range stores {
		if err := addKeys(ctx, one, pointsPrefix(source), keys); err != nil {
			last = err
			continue
		}
		answered++
	}
	if answered == 0 {
		return nil, failure.Wrap(failure.Unavailable, last, "list restore points")
	}
	var points []recovery.RestorePoint
	for key := range keys {
		body, err := replicate.Get(ctx, stores, key, store.Digest{}, maxPointBytes)
		if err != nil {
			return nil, err
		}
		var point recovery.RestorePoint
		if err := json.Unmarshal(body, &point); err != nil {
			return nil, failure.Wrap(failure.Corrupt, err, "read %s", key)
		}
		points = append(points, point)
	}
	return points, nil
}

// maxPoints bounds what a hostile store can make this program read.
const maxPoints = 10_000

func addKeys(ctx context.Context, s store.Store, prefix string, keys map[string]bool) error {
	for object, err := range s.List(ctx, prefix, store.ListOptions{}) {
		if err != nil {
			return err
		}
		if keys[object.Key] = true; len(keys) > maxPoints {
			return failure.New(failure.Corrupt, "store %s holds more than %d restore points", s.Name(), maxPoints)
		}
	}
	return nil
}
