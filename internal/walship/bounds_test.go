package walship_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// gauge counts the bytes that are read from a store.
type gauge struct {
	store.Store
	bytes atomic.Int64
}

func (g *gauge) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	body, obj, err := g.Store.Get(ctx, key, opts)
	if err != nil {
		return nil, obj, err
	}
	return gauged{body, &g.bytes}, obj, nil
}

type gauged struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (g gauged) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	g.bytes.Add(int64(n))
	return n, err
}

// endless is a store whose every object goes on for 2 GiB, and which says so.
type endless struct{ store.Store }

const endlessBytes = 2 << 30

func (e endless) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	body, obj, err := e.Store.Get(ctx, key, opts)
	if err != nil {
		return nil, obj, err
	}
	if err := body.Close(); err != nil {
		return nil, obj, err
	}
	obj.SizeBytes = endlessBytes
	return io.NopCloser(io.LimitReader(zeros{}, endlessBytes)), obj, nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestStoreCannotFillTheMemory: whatever a store gives, no more is read than the kind of
// object may have, whoever reads it.
func TestStoreCannotFillTheMemory(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	archiver := box.archiver(t)
	name := box.segments(t, 1, 1)[0]
	box.put(t, "00000002.history", []byte("1\t0/3000000\tno recovery target specified\n"))
	for _, file := range []string{name, "00000002.history"} {
		if err := archiver.Push(t.Context(), "pg_wal/"+file); err != nil {
			t.Fatal(err)
		}
	}
	shipPiece(t, box, archiver, 3, 0, 5000)
	box.both(t, 3)
	box.opts.Settings.Fetch.TailTimeline = 1
	_, segment := seal.Bounds(strings.Repeat("x", 255), 1<<20)
	_, piece := seal.Bounds(strings.Repeat("x", 255), 5000)
	const history = wal.MaxHistoryBytes
	for what, row := range map[string]struct {
		name  string
		most  int64
		class failure.Class
	}{
		"segment": {name, segment + piece, failure.Corrupt}, // and what lies behind it
		"piece":   {third, piece, failure.NotFound},         // nothing shows that it is one
		"history": {"00000002.history", history, failure.Corrupt},
	} {
		lying := *box
		measured := &gauge{Store: endless{box.opts.Stores[0]}}
		lying.opts.Stores = []store.Store{measured}
		wantClass(t, lying.fetch(t, row.name), row.class)
		if read := measured.bytes.Load(); read == 0 || read > row.most+2 { // one byte more of each object shows that it is too long
			t.Errorf("%d bytes of a %s were read, at most %d can be true", read, what, row.most)
		}
	}
	measured := &gauge{Store: endless{box.opts.Stores[0]}}
	inventory, err := walship.TakeInventory(t.Context(), walship.Cluster{
		Source: "orders", SystemID: boxSystem, SegmentSize: box.size(), Stores: []store.Store{measured},
	})
	if read := measured.bytes.Load(); err != nil || len(inventory.Anomalies) != 1 || read > history+1 {
		t.Errorf("planning read %d bytes: %+v, %v", read, inventory.Anomalies, err)
	}
}

// TestRepairCannotFillTheMemory: what one store lacks is copied from another.
func TestRepairCannotFillTheMemory(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.opts.Settings.Spool.MaxBytes = 1 // no body stays in the spool
	measured := &gauge{Store: endless{box.opts.Stores[0]}}
	box.opts.Stores[0] = measured
	box.switches[1].cut.Store(true)
	archiver := box.archiver(t)
	if err := archiver.Push(t.Context(), "pg_wal/"+box.segments(t, 1, 1)[0]); err != nil {
		t.Fatal(err)
	}
	box.switches[1].cut.Store(false)
	_ = archiver.RepairStore(t.Context(), "far") // it has nothing good to give
	_, most := seal.Bounds(strings.Repeat("x", 255), 1<<20)
	if read := measured.bytes.Load(); read == 0 || read > most+1 {
		t.Errorf("%d bytes of a segment were read, at most %d can be true", read, most)
	}
	if got := keysUnder(t, box.opts.Stores[1], "v1/"); len(got) != 0 {
		t.Errorf("far was given %v", got)
	}
}
