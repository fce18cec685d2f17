package walship

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// hooked is a directory store that calls back in the middle of an operation.
type hooked struct {
	store.Store
	put, get func()
}

func (h *hooked) Put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	if h.put != nil {
		h.put()
	}
	return h.Store.Put(ctx, key, body, opts)
}

func (h *hooked) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if h.get != nil {
		h.get()
	}
	return h.Store.Get(ctx, key, opts)
}

func repairBench(t *testing.T) (a *Archiver, near, far *hooked) {
	t.Helper()
	spool, err := openSpool(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	a = &Archiver{spool: spool, report: newReporter(zap.NewNop(), nil), meter: new(meter)}
	a.settings.Archive.Timeout, a.place = time.Minute, place{source: "orders", system: beatSystem, size: 1 << 20}
	a.ctx, a.cancel = context.WithCancel(t.Context())
	t.Cleanup(a.Close)
	stores := make([]*hooked, 2)
	for i, name := range []string{"near", "far"} {
		opened, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close() })
		stores[i] = &hooked{Store: opened}
		a.shelves = append(a.shelves, &shelf{Store: stores[i]})
	}
	return a, stores[0], stores[1]
}

// wantUp fails when far was taken for one that does not answer.
func wantUp(t *testing.T, a *Archiver, err error) {
	t.Helper()
	if err != nil || a.shelves[1].down.Load() || len(a.report.standing()) > 0 {
		t.Errorf("far answers and has everything: %v, down %v, alarms %+v", err, a.shelves[1].down.Load(), a.report.standing())
	}
	if objects, _ := a.spool.totals(); objects != 0 {
		t.Errorf("%d objects wait", objects)
	}
}

// A late answer may settle what the repairer is about to bring: that is no trouble of
// the store's.
func TestRepairOfWhatALateAnswerSettled(t *testing.T) {
	t.Parallel()
	a, _, far := repairBench(t)
	for i, key := range []string{"v1/first", "v1/second"} {
		e := entry{Key: key, Lacking: []string{"far"}, Queued: time.Unix(int64(i), 0)}
		if err := a.spool.add(e, []byte("sealed"), false); err != nil {
			t.Fatal(err)
		}
	}
	far.put = func() { a.late(parcel{key: "v1/second"}, "far", nil) }
	wantUp(t, a, a.RepairStore(t.Context(), "far"))
}

func TestRepairOfWhatALateAnswerSettlesWhileItIsRead(t *testing.T) {
	t.Parallel()
	a, near, _ := repairBench(t)
	addBodiless(t, a, "v1/only", []byte("sealed"))
	put := store.Describe([]byte("sealed"))
	if _, err := near.Put(t.Context(), "v1/only", bytes.NewReader([]byte("sealed")), put); err != nil {
		t.Fatal(err)
	}
	near.get = func() { // near is emptied meanwhile
		a.late(parcel{key: "v1/only"}, "far", nil)
		if err := near.Delete(t.Context(), "v1/only", ""); err != nil {
			t.Error(err)
		}
	}
	wantUp(t, a, a.RepairStore(t.Context(), "far"))
}

// addBodiless notes that far lacks an object for whose bytes the spool has no room.
func addBodiless(t *testing.T, a *Archiver, key string, body []byte) {
	t.Helper()
	a.spool.maxBytes = 0
	if err := a.spool.add(entry{Key: key, Lacking: []string{"far"}}, body, true); err != nil {
		t.Fatal(err)
	}
}

// What a store lacks and nobody hands out is trouble.
func TestRepairOfWhatNobodyHandsOut(t *testing.T) {
	t.Parallel()
	a, _, _ := repairBench(t)
	addBodiless(t, a, "v1/only", []byte("sealed"))
	if err := a.RepairStore(t.Context(), "far"); !failure.Is(err, failure.Unavailable) || len(a.report.standing()) != 1 {
		t.Errorf("%v, alarms %+v", err, a.report.standing())
	}
}

// By the digest of a sealing that a store was given its copy is known: another one, for
// which there is no room either, takes its place in no entry.
func TestDigestOfWhatAStoreWasGivenStays(t *testing.T) {
	t.Parallel()
	a, _, _ := repairBench(t)
	addBodiless(t, a, "v1/only", []byte("sealed"))
	addBodiless(t, a, "v1/only", []byte("sealed anew"))
	if e, _ := a.spool.entry("v1/only"); e.SHA256 != store.DigestOf([]byte("sealed")) || e.Size != 6 || e.HasBody {
		t.Errorf("the entry is %+v", e)
	}
}

// What cannot be sealed is no trouble of the spool's.
func TestWhatCannotBeSealedFillsNoSpool(t *testing.T) {
	t.Parallel()
	a, _, _ := repairBench(t)
	broken := failure.New(failure.Internal, "no recipient")
	a.seal = func([]byte, string) ([]byte, error) { return nil, broken }
	err := a.pushContent(t.Context(), wal.FileName{Kind: wal.FileSegment, Timeline: 1}, "000000010000000000000001", nil)
	if !errors.Is(err, broken) {
		t.Errorf("pushed with %v", err)
	}
	if alarms := a.report.standing(); len(alarms) != 1 || alarms[0].Kind != EventStoresDown {
		t.Errorf("alarms %+v", alarms)
	}
}
