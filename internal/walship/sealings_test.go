package walship_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// TestEverySealingIsAskedFor: two stores may hold one file as two ciphertexts, each with
// a session key of its own. Either copy is enough for a recovery that asked while both
// were there.
func TestEverySealingIsAskedFor(t *testing.T) {
	t.Parallel()
	for lost := range 2 {
		box := newFakeBox(t)
		name := box.segments(t, 3, 3)[0]
		content := makeSegment(box.size(), wal.Segment{Timeline: 1, Number: 3})
		key := fmt.Sprintf("v1/orders/wal/%s/00000001/%s-%s.zst.pgp", boxSystem, name, store.DigestOf(content).String()[:32])
		for index := range box.opts.Stores {
			box.plant(t, index, key, box.sealed(t, content, key))
		}
		released := box.release(t, 2)
		box.opts.Keys = released
		box.remove(t, lost, key)
		if err := box.fetch(t, name); err != nil || !bytes.Equal(box.recovered(t), content) {
			t.Errorf("with store %d's copy gone: %v", lost, err)
		}
	}
}

// TestForgedHeadersAskForNothing: neither a piece that is no sealed object, nor a copy
// that is none, keeps the others from being asked for.
func TestForgedHeadersAskForNothing(t *testing.T) {
	t.Parallel()
	box := tailed(t)
	box.plant(t, 1, box.pieceKey(3, 9000, 1<<20, []byte("x")), make([]byte, 3000))
	box.release(t, 2)

	box = newFakeBox(t)
	if err := box.archiver(t).Push(t.Context(), "pg_wal/"+box.segments(t, 3, 3)[0]); err != nil {
		t.Fatal(err)
	}
	box.both(t, 1)
	key := keysUnder(t, box.opts.Stores[0], "v1/")[0]
	for index := range box.opts.Stores {
		box.remove(t, index, key)
		box.plant(t, index, key, make([]byte, 3000))
		located, err := walship.Prove(t.Context(), box.cluster(), []wal.Range{{Timeline: 1, First: 3, Last: 3}})
		if err != nil {
			t.Fatal(err)
		}
		items, err := walship.KeyRequests(t.Context(), box.cluster(), located)
		if want := 1 - index; len(items) != want || failure.Is(err, failure.Corrupt) != (want == 0) {
			t.Errorf("%d items, want %d: %v", len(items), want, err)
		}
	}
}

// TestForgedPieceBlocksNoRun: a piece that was proved by listing, and whose key nobody
// released, is among what a recovery was given. It is done without all the same.
func TestForgedPieceBlocksNoRun(t *testing.T) {
	t.Parallel()
	for what, forge := range map[string]func(box *sandbox, key string) []byte{
		"another object":      func(box *sandbox, _ string) []byte { return box.sealed(t, make([]byte, 4000), strings.Repeat("x", 80)) },
		"for stranger's keys": func(_ *sandbox, key string) []byte { return sealedToAStranger(t, key) },
	} {
		box := tailed(t)
		key := box.pieceKey(3, 100, 9500, []byte(what))
		box.plant(t, 1, key, forge(box, key))
		box.opts.Keys = box.release(t, 3)
		if !box.opts.Only[key] {
			t.Errorf("%s: the forged piece was not among what was located", what)
		}
		box.wantTail(t, 9000)
	}
}

// release asks for the keys of segment 3 as a recovery does, and returns what it is given.
func (b *sandbox) release(t testing.TB, want int) keyring.KeySource {
	t.Helper()
	seg := wal.Segment{Timeline: 1, Number: 3}
	located, err := walship.Prove(t.Context(), b.cluster(), []wal.Range{{Timeline: 1, First: 3, Last: 3}})
	if err != nil {
		located, _, err = walship.LocateTail(t.Context(), b.cluster(), seg)
	}
	if err != nil {
		t.Fatal(err)
	}
	items, err := walship.KeyRequests(t.Context(), b.cluster(), located)
	if err != nil || len(items) != want {
		t.Fatalf("%d items for %d objects, want %d: %v", len(items), len(located), want, err)
	}
	b.opts.Only = map[string]bool{}
	for _, one := range located {
		b.opts.Only[one.Key] = true
	}
	items = slices.DeleteFunc(items, func(one keyring.ReleaseItem) bool { return !b.opens(t, one) })
	host, err := keyring.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := keyring.Release(t.Context(), host.Request(items), b.opts.Keys)
	if err != nil {
		t.Fatal(err)
	}
	released, err := host.Open(answer)
	if err != nil {
		t.Fatal(err)
	}
	return released
}

// opens tells whether a store's copy that begins with the header says that it is the
// object: a key holder releases no other.
func (b *sandbox) opens(t testing.TB, item keyring.ReleaseItem) bool {
	t.Helper()
	for _, from := range b.opts.Stores {
		body, _, err := from.Get(t.Context(), item.Object, store.GetOptions{})
		if err != nil {
			continue
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
		key, err := b.opts.Keys.SessionKey(t.Context(), item.Set, item.PKESK)
		if err == nil && seal.CheckName(content, item.Object, key) == nil {
			return true
		}
	}
	return false
}

// remove takes an object out of one store, by whatever means.
func (b *sandbox) remove(t testing.TB, index int, key string) {
	t.Helper()
	if err := b.opts.Stores[index].Delete(t.Context(), key, ""); err != nil {
		t.Fatal(err)
	}
}
