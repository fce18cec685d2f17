package archive

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
)

// flaky does not answer its first calls of Get.
type flaky struct {
	store.Store
	failures int
	asked    int
}

func (f *flaky) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if f.asked++; f.asked <= f.failures {
		return nil, store.Object{}, failure.New(failure.Unavailable, "connection reset")
	}
	return f.Store.Get(ctx, key, opts)
}

// When no store answers all are asked again for some seconds; what is in none of
// them is said at once.
func TestStoresThatDoNotAnswerAreAskedAgain(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("part"), 1000)
	for name, tt := range map[string]struct {
		failures, asked int
		missing         bool
		want            failure.Class
		waits           time.Duration
	}{
		"at once":  {asked: 1},
		"twice":    {failures: 2, asked: 3, waits: 3 * time.Second},
		"for good": {failures: 100, asked: fetchRounds, waits: 7 * time.Second, want: failure.Unavailable},
		"missing":  {asked: 1, missing: true, want: failure.Corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				kept := memory.New("one", time.Now)
				object := Object{Key: "part", SizeBytes: int64(len(data)), SHA256: store.DigestOf(data), Stores: map[string]string{"one": ""}}
				if !tt.missing {
					if _, err := kept.Put(t.Context(), "part", bytes.NewReader(data), store.Describe(data)); err != nil {
						t.Fatal(err)
					}
				}
				one, begun := &flaky{Store: kept, failures: tt.failures}, time.Now()
				content, err := newFetcher([]store.Store{one}, &chunkPool{}).fetch(t.Context(), object)
				if (err == nil) != (tt.want == "") || (err != nil && !failure.Is(err, tt.want)) {
					t.Fatalf("class %s: %v", failure.ClassOf(err), err)
				}
				if err == nil && content.size != object.SizeBytes {
					t.Errorf("fetched %d bytes", content.size)
				}
				if waited := time.Since(begun); waited != tt.waits || one.asked != tt.asked {
					t.Errorf("asked %d times in %s, want %d in %s", one.asked, waited, tt.asked, tt.waits)
				}
			})
		})
	}
}

// forbidding refuses every Get.
type forbidding struct{ store.Store }

func (forbidding) Get(context.Context, string, store.GetOptions) (io.ReadCloser, store.Object, error) {
	return nil, store.Object{}, failure.New(failure.Forbidden, "access denied")
}

// What one store refuses, another may give once it answers, whichever was asked first.
func TestRefusalOfOneStoreDoesNotEndTheWaitForAnother(t *testing.T) {
	t.Parallel()
	data := []byte("part")
	object := Object{Key: "part", SizeBytes: 4, SHA256: store.DigestOf(data), Stores: map[string]string{"one": "", "two": ""}}
	for name, refusingFirst := range map[string]bool{"refusing first": true, "refusing last": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				kept := memory.New("one", time.Now)
				if _, err := kept.Put(t.Context(), "part", bytes.NewReader(data), store.Describe(data)); err != nil {
					t.Fatal(err)
				}
				stores := []store.Store{&flaky{Store: kept, failures: 1}, forbidding{memory.New("two", time.Now)}}
				if refusingFirst {
					slices.Reverse(stores)
				}
				if _, err := newFetcher(stores, &chunkPool{}).fetch(t.Context(), object); err != nil {
					t.Errorf("class %s: %v", failure.ClassOf(err), err)
				}
			})
		})
	}
}

// Stores that stay silent cost the pauses once, not once for each object; when they
// answer again they are worth waiting for again.
func TestSilentStoresAreWaitedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		data, kept := []byte("part"), memory.New("one", time.Now)
		object := Object{Key: "part", SizeBytes: 4, SHA256: store.DigestOf(data), Stores: map[string]string{"one": ""}}
		if _, err := kept.Put(t.Context(), "part", bytes.NewReader(data), store.Describe(data)); err != nil {
			t.Fatal(err)
		}
		one := &flaky{Store: kept, failures: fetchRounds + 1}
		f := newFetcher([]store.Store{one}, &chunkPool{})
		for i, wantWait := range []time.Duration{7 * time.Second, 0, 0, time.Second} {
			if i == 3 {
				one.failures = one.asked + 1
			}
			begun := time.Now()
			_, err := f.fetch(t.Context(), object)
			if answered := err == nil; answered != (i >= 2) {
				t.Errorf("fetch %d: %v", i, err)
			}
			if waited := time.Since(begun); waited != wantWait {
				t.Errorf("fetch %d waited %s, want %s", i, waited, wantWait)
			}
		}
	})
}

// A bad copy that was seen while the good one's store was silent is a repair, though
// nobody asks for it once that store answers.
func TestBadCopySeenInAnEarlierRoundIsNoted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good, bad := memory.New("good", time.Now), memory.New("bad", time.Now)
		object := Object{Key: "part", SizeBytes: 4, SHA256: store.DigestOf([]byte("part")), Stores: map[string]string{"good": "", "bad": ""}}
		for s, data := range map[store.Store]string{good: "part", bad: "trap"} {
			if _, err := s.Put(t.Context(), "part", strings.NewReader(data), store.Describe([]byte(data))); err != nil {
				t.Fatal(err)
			}
		}
		f := newFetcher([]store.Store{&flaky{Store: good, failures: 1}, bad}, &chunkPool{})
		if _, err := f.fetch(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		if len(f.repairs) != 1 || f.repairs[0].Bad != "bad" || f.repairs[0].Good != "good" {
			t.Errorf("noted %+v", f.repairs)
		}
	})
}
