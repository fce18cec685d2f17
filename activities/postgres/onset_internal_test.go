package postgres

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// TestLocalWALIsWhatIsStillThere: the longest stretch up to a position; where a
// server that crashed has removed it since, that is said.
func TestLocalWALIsWhatIsStillThere(t *testing.T) {
	t.Parallel()
	const size = wal.SegmentSize(16 << 20)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "pg_wal"), 0o700))
	for _, number := range []uint64{3, 8, 9, 10} {
		segment := wal.Segment{Timeline: 1, Number: number}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pg_wal", size.Name(segment)), nil, 0o600))
	}
	start := func(number uint64) wal.LSN { return size.Start(wal.Segment{Timeline: 1, Number: number}) }
	c := &cluster.Cluster{Config: cluster.Config{DataDir: dir}}
	identity := cluster.Identity{Timeline: 1, SegmentSize: size, Redo: start(9) + 100}

	local, err := localWAL(c, identity, start(10)+50)
	require.NoError(t, err)
	require.Equal(t, start(8), local.From)
	require.Equal(t, start(10)+50, local.Until)

	for _, gone := range []wal.LSN{start(8), start(7) + 50, start(3) + 50} {
		_, err = localWAL(c, identity, gone)
		require.True(t, failure.Is(err, failure.NotFound), "until %s: %v", gone, err)
		require.ErrorContains(t, err, "no longer on this host")
	}
	_, err = localWAL(c, identity, start(12))
	require.True(t, failure.Is(err, failure.NotFound), err)
}
