package archive

import (
	"bytes"
	"context"
	"io"
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
