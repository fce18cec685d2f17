package walship_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

func beatsFrom(first, count uint64, incarnation string, at time.Time) []walship.Beat {
	var beats []walship.Beat
	for seq := first; seq < first+count; seq++ {
		when := at.Add(time.Duration(seq) * time.Second)
		beats = append(beats, walship.Beat{
			Seq: seq, At: when, LSN: wal.LSN(seq * 100), CommitLSN: wal.LSN(seq*100 + 50), SystemID: boxSystem,
			Timeline: 1, Incarnation: incarnation, Acknowledged: when,
		})
	}
	return beats
}

func TestReadHeartbeatsSeeksAndMerges(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	put := func(index int, beats []walship.Beat) {
		key, body, err := walship.EncodeBeats("orders", beats)
		if err != nil {
			t.Fatal(err)
		}
		opts := store.PutOptions{SizeBytes: int64(len(body)), SHA256: store.DigestOf(body)}
		if _, err := box.opts.Stores[index].Put(t.Context(), key, bytes.NewReader(body), opts); err != nil {
			t.Fatal(err)
		}
	}
	for first := uint64(1); first < 1000; first += 5 {
		put(0, beatsFrom(first, 5, "FIRST", start))
	}
	put(1, beatsFrom(1001, 5, "FIRST", start)) // only here
	put(1, beatsFrom(1006, 5, "SECOND", start))
	since := start.Add(990 * time.Second)
	beats, err := walship.ReadHeartbeats(t.Context(), box.opts.Stores, "orders", since)
	if err != nil || len(beats) != 21 || beats[0].Seq != 990 || beats[20].Seq != 1010 {
		t.Fatalf("%d beats, %v", len(beats), err)
	}
	if newest, ok := walship.Newest(beats, start.Add(1003*time.Second)); !ok || newest.Seq != 1002 {
		t.Errorf("newest before 1003 s is %+v", newest)
	}
	box.switches[0].cut.Store(true)
	if beats, err = walship.ReadHeartbeats(t.Context(), box.opts.Stores, "orders", since); err != nil || len(beats) != 10 {
		t.Errorf("with one store: %d beats, %v", len(beats), err)
	}
	box.cutAll(true)
	_, err = walship.ReadHeartbeats(t.Context(), box.opts.Stores, "orders", since)
	wantClass(t, err, failure.Unavailable)
}
