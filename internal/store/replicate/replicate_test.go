package replicate_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
)

func stores(t *testing.T, dirs ...string) []store.Store {
	t.Helper()
	var out []store.Store
	for _, dir := range dirs {
		require.NoError(t, os.MkdirAll(dir, 0o700))
		opened, err := file.Open(file.Config{Name: filepath.Base(dir), Dir: dir})
		require.NoError(t, err)
		t.Cleanup(func() { _ = opened.Close() })
		out = append(out, opened)
	}
	return out
}

func TestPutTwiceIsOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	both := stores(t, filepath.Join(root, "a"), filepath.Join(root, "b"))
	for range 2 {
		copies, err := replicate.Put(t.Context(), both, "v1/x.json", []byte("same"), time.Time{})
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, copies.Stores)
		require.Empty(t, copies.Missing)
	}
	_, err := replicate.Put(t.Context(), both, "v1/x.json", []byte("other"), time.Time{})
	require.Equal(t, failure.Exists, failure.ClassOf(err))
	kept, err := replicate.Get(t.Context(), both, "v1/x.json", store.DigestOf([]byte("same")), 100)
	require.NoError(t, err)
	require.Equal(t, "same", string(kept), "the first one stands")
}

func TestOneStoreIsEnoughAndTheOtherIsNamed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	both := stores(t, filepath.Join(root, "a"), filepath.Join(root, "b"))
	require.NoError(t, os.RemoveAll(filepath.Join(root, "a")))
	copies, err := replicate.Put(t.Context(), both, "v1/x.json", []byte("text"), time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, copies.Stores)
	require.Equal(t, []string{"a"}, copies.Missing)
	got, err := replicate.Get(t.Context(), both, "v1/x.json", store.Digest{}, 100)
	require.NoError(t, err)
	require.Equal(t, "text", string(got))
}

func TestGetRefusesOtherBytesAndTooMany(t *testing.T) {
	t.Parallel()
	one := stores(t, filepath.Join(t.TempDir(), "a"))
	_, err := replicate.Put(t.Context(), one, "v1/x.json", []byte("forged"), time.Time{})
	require.NoError(t, err)
	_, err = replicate.Get(t.Context(), one, "v1/x.json", store.DigestOf([]byte("genuine")), 100)
	require.Equal(t, failure.Corrupt, failure.ClassOf(err))
	_, err = replicate.Get(t.Context(), one, "v1/x.json", store.Digest{}, 3)
	require.Equal(t, failure.Corrupt, failure.ClassOf(err))
	_, err = replicate.Get(t.Context(), one, "v1/missing.json", store.Digest{}, 100)
	require.Equal(t, failure.NotFound, failure.ClassOf(err))
}

// mute is a store behind a network that drops every packet.
type mute struct{ store.Store }

func (mute) Put(ctx context.Context, _ string, _ io.ReaderAt, _ store.PutOptions) (store.Object, error) {
	<-ctx.Done()
	return store.Object{}, ctx.Err()
}

// TestMuteStoreHoldsNothingUp: the steps that record something have a minute, and one
// store is enough for them.
func TestMuteStoreHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := memory.New("answers", time.Now)
		begun := time.Now()
		copies, err := replicate.Put(t.Context(), []store.Store{mute{memory.New("mute", time.Now)}, answers}, "v1/x.json", []byte("x"), time.Time{})
		require.NoError(t, err)
		require.Equal(t, []string{"answers"}, copies.Stores)
		require.Equal(t, []string{"mute"}, copies.Missing)
		require.Less(t, time.Since(begun), 30*time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		_, err = replicate.Put(ctx, []store.Store{mute{answers}}, "v1/y.json", []byte("y"), time.Time{})
		require.Equal(t, failure.Unavailable, failure.ClassOf(err), "%v", err)
	})
}
