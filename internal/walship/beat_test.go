package walship_test

import (
	"slices"
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

// plantBeats puts one heartbeat object into one store and returns its key.
func (b *sandbox) plantBeats(t testing.TB, index int, beats []walship.Beat) string {
	t.Helper()
	key, body, err := walship.EncodeBeats("orders", beats)
	if err != nil {
		t.Fatal(err)
	}
	b.plant(t, index, key, body)
	return key
}

func TestReadHeartbeatsSeeksAndMerges(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for first := uint64(1); first < 1000; first += 5 {
		box.plantBeats(t, 0, beatsFrom(first, 5, "FIRST", start))
	}
	box.plantBeats(t, 1, beatsFrom(1001, 5, "FIRST", start)) // only here
	box.plantBeats(t, 1, beatsFrom(1006, 5, "SECOND", start))
	since := start.Add(990 * time.Second)
	beats, damaged, err := walship.ReadHeartbeats(t.Context(), box.opts.Stores, "orders", since)
	if err != nil || len(damaged) > 0 || len(beats) != 21 || beats[0].Seq != 990 || beats[20].Seq != 1010 {
		t.Fatalf("%d beats, %v, %v", len(beats), damaged, err)
	}
	if newest, ok := walship.Newest(beats, start.Add(1003*time.Second)); !ok || newest.Seq != 1002 {
		t.Errorf("newest before 1003 s is %+v", newest)
	}
	box.switches[0].cut.Store(true)
	if beats, _, err = walship.ReadHeartbeats(t.Context(), box.opts.Stores, "orders", since); err != nil || len(beats) != 10 {
		t.Errorf("with one store: %d beats, %v", len(beats), err)
	}
	box.cutAll(true)
	_, _, err = walship.ReadHeartbeats(t.Context(), box.opts.Stores, "orders", since)
	wantClass(t, err, failure.Unavailable)
}

// TestDamagedHeartbeatsAreNamedAndDoneWithout: what can be read counts, whichever stores
// hold something that cannot. Where nothing can, nothing is known.
func TestDamagedHeartbeatsAreNamedAndDoneWithout(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for what, row := range map[string]struct {
		near, far []uint64 // first sequences of damaged objects
		want      int
		class     failure.Class
	}{
		"one in one":                    {[]uint64{6}, nil, 15, ""},
		"different ones in each":        {[]uint64{1}, []uint64{11}, 15, ""},
		"the same in each":              {[]uint64{11}, []uint64{11}, 10, ""},
		"all in one":                    {[]uint64{1, 6, 11}, nil, 15, ""},
		"all in both: nothing is known": {[]uint64{1, 6, 11}, []uint64{1, 6, 11}, 0, failure.Unavailable},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			box := newFakeBox(t)
			var want []string
			for index, damaged := range [][]uint64{row.near, row.far} {
				for first := uint64(1); first <= 11; first += 5 {
					key, body, err := walship.EncodeBeats("orders", beatsFrom(first, 5, "FIRST", start))
					if err != nil {
						t.Fatal(err)
					}
					if slices.Contains(damaged, first) {
						body = body[:len(body)/2]
						want = append(want, box.opts.Stores[index].Name()+" "+key)
					}
					box.plant(t, index, key, body)
				}
			}
			beats, damaged, err := walship.ReadHeartbeats(t.Context(), box.opts.Stores, "orders", time.Time{})
			if failure.ClassOf(err) != row.class {
				t.Errorf("got %v, want %q", err, row.class)
			}
			var named []string
			for _, one := range damaged {
				named = append(named, one.Store+" "+one.Key)
			}
			if len(beats) != row.want || !slices.Equal(named, want) {
				t.Errorf("%d heartbeats, want %d; named %v, want %v", len(beats), row.want, named, want)
			}
		})
	}
}

// TestForgedHeartbeatNamesAreNotRead: and where no store holds a heartbeat, that is the
// word of the one that is sound.
func TestForgedHeartbeatNamesAreNotRead(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.plant(t, 1, "v1/orders/heartbeat/"+boxSystem.String()+"/FIRST/junk.json", []byte("{"))
	measured := &gauge{Store: box.opts.Stores[1]}
	beats, damaged, err := walship.ReadHeartbeats(t.Context(), []store.Store{box.opts.Stores[0], measured}, "orders", time.Time{})
	if err != nil || len(beats) != 0 || len(damaged) != 1 || measured.bytes.Load() != 0 {
		t.Errorf("%d heartbeats, %v, %v; %d bytes were read", len(beats), damaged, err, measured.bytes.Load())
	}
	_, _, err = walship.ReadHeartbeats(t.Context(), box.opts.Stores[1:], "orders", time.Time{})
	wantClass(t, err, failure.Unavailable)
}
