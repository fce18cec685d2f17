package onset_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// logPage is XLOG_BLCKSZ.
const logPage = 8192

// crashed is the log of a server that was killed after a table was dropped, with
// segments behind its end that were recycled and hold pages of long ago.
type crashed struct {
	t        *testing.T
	programs pg.Programs
	size     wal.SegmentSize
	log      onset.Range // from before the drop on
	end      wal.LSN     // where it ends, by the server
	whole    onset.History
}

// crash makes one, with what was done after the drop.
func crash(t *testing.T, then ...string) crashed {
	t.Helper()
	server := pgtest.Start(t, pgtest.SegmentMiB(1), pgtest.With("max_wal_size", "8MB"), pgtest.With("min_wal_size", "8MB"), pgtest.With("autovacuum", "off"))
	server.Exec(t, "CREATE TABLE orders AS SELECT g AS id, 'note '||g AS note FROM generate_series(1, 4000) g")
	for range 6 {
		server.Exec(t, "UPDATE orders SET id = id + 1", "CHECKPOINT")
	}
	c := crashed{t: t, programs: server.Cluster(t).Programs, size: 1 << 20}
	c.log = onset.Range{Dir: filepath.Join(server.DataDir, "pg_wal"), Timeline: 1, From: position(t, server)}
	normal(t, server, 0)
	server.Exec(t, "DROP TABLE orders")
	normal(t, server, 50)
	server.Exec(t, then...)
	c.end = position(t, server)
	server.Kill(t)
	c.whole = c.read()
	return c
}

// copied is the same log in a directory of its own.
func (c crashed) copied(t *testing.T) crashed {
	t.Helper()
	dir := filepath.Join(pgtest.Dir(t), "pg_wal")
	require.NoError(t, os.CopyFS(dir, os.DirFS(c.log.Dir)))
	c.t, c.log.Dir = t, dir
	return c
}

func (c crashed) read() onset.History {
	c.t.Helper()
	history, err := onset.Read(c.t.Context(), c.programs, []onset.Range{c.log}, nil)
	require.NoError(c.t, err)
	return history
}

// segment names the file that holds a position.
func (c crashed) segment(at wal.LSN) string {
	return filepath.Join(c.log.Dir, c.size.Name(c.size.SegmentAt(1, at)))
}

// edit changes bytes of one segment.
func (c crashed) edit(at wal.LSN, length int, change func([]byte)) {
	c.t.Helper()
	file, err := os.OpenFile(c.segment(at), os.O_RDWR, 0)
	require.NoError(c.t, err)
	content, offset := make([]byte, length), int64(at-c.size.Start(c.size.SegmentAt(1, at)))
	_, err = file.ReadAt(content, offset)
	require.NoError(c.t, err)
	change(content)
	_, err = file.WriteAt(content, offset)
	require.NoError(c.t, err)
	require.NoError(c.t, file.Close())
}

func (c crashed) flip(at wal.LSN) {
	c.t.Helper()
	c.edit(at, 1, func(b []byte) { b[0] = ^b[0] })
}

// lengthen adds to the length that a record says it has.
func (c crashed) lengthen(at wal.LSN) {
	c.t.Helper()
	c.edit(at, 4, func(b []byte) { binary.NativeEndian.PutUint32(b, binary.NativeEndian.Uint32(b)+2*logPage) })
}

// lastPages takes away the newest pages, as if they had never been written.
func (c crashed) lastPages() {
	c.t.Helper()
	for at := (c.whole.Last - 2*logPage) &^ (logPage - 1); at <= c.whole.Last; at += logPage {
		c.edit(at, logPage, func(b []byte) { clear(b) })
	}
}

func (c crashed) remove(at wal.LSN) {
	c.t.Helper()
	require.NoError(c.t, os.Remove(c.segment(at)))
}

// stale counts the segments after the log's end that begin with a page of long ago.
func (c crashed) stale() (count int) {
	c.t.Helper()
	for at := c.size.Start(c.size.SegmentAt(1, c.end).Next()); ; at += wal.LSN(c.size) {
		content, err := os.ReadFile(c.segment(at))
		if os.IsNotExist(err) {
			return count
		}
		require.NoError(c.t, err)
		if header, err := wal.ParseHeader(content); err == nil && header.PageAddress < at {
			count++
		}
	}
}

func drops(history onset.History) (count int) {
	for _, candidate := range onset.Judge(history, onset.Thresholds{}) {
		if candidate.Why == onset.Drop {
			count++
		}
	}
	return count
}

// TestDamagedLogIsNeverTakenForReadToItsEnd: what lies in recycled segments behind the
// end of a crashed server's log is no damage. Wherever a byte of the log itself is
// wrong, in its last page too, it is said not to have been read whole, and where; or
// all was read that it held.
func TestDamagedLogIsNeverTakenForReadToItsEnd(t *testing.T) {
	t.Parallel()
	c := crash(t)
	require.True(t, c.whole.Complete(), c.whole.Ends)
	require.Equal(t, 1, drops(c.whole))
	require.Positive(t, c.stale(), "no segment was recycled: this shows nothing")
	const flips = 60
	noticed := 0
	for at, step := c.log.From+40, (c.whole.Last-c.log.From)/flips; at < c.whole.Last; at += step {
		c.flip(at)
		damaged := c.read()
		c.flip(at)
		if damaged.Complete() {
			require.Equal(t, c.whole.Transactions, damaged.Transactions, "the byte at %s was flipped, and nobody noticed", at)
			continue
		}
		noticed++
		require.Contains(t, damaged.Ends[0].Detail, "/", "the position is not named")
	}
	require.GreaterOrEqual(t, noticed, flips*3/4)
	require.Equal(t, c.whole, c.read())
}

// TestWhereALogEnds: a log that was never written further ends there, unless the server
// knew better; one that lacks something in its middle does not.
func TestWhereALogEnds(t *testing.T) {
	t.Parallel()
	base := crash(t)
	for name, tt := range map[string]struct {
		then     []string // done after the drop: nothing, or it takes a server of its own
		harm     func(*crashed)
		complete bool
		said     string
	}{
		"its last pages were never written": {nil, func(c *crashed) { c.lastPages() }, true, ""},
		"its last pages are gone, and the server knew of them": {nil, func(c *crashed) {
			c.log.Reaches = c.whole.Last
			c.lastPages()
		}, false, "the server knew that it reaches"},
		"a page in its middle is gone": {nil, func(c *crashed) {
			c.edit((c.log.From+2*logPage)&^(logPage-1), logPage, func(b []byte) { clear(b) })
		}, false, "the log goes on at"},
		"its last page lacks its middle": {nil, func(c *crashed) {
			c.edit(c.whole.Last-64, 64, func(b []byte) { clear(b) })
		}, false, "more was written there"},
		"a segment in its middle is gone": {
			[]string{"SELECT pg_switch_wal()", "INSERT INTO small VALUES (1000, 0)", "SELECT pg_switch_wal()", "INSERT INTO small VALUES (1001, 0)"},
			func(c *crashed) { c.remove(c.log.From + wal.LSN(c.size)) }, false, "the log goes on at",
		},
		"it ended with a segment": {[]string{"SELECT pg_switch_wal()"}, func(c *crashed) {
			for at := c.log.From + wal.LSN(c.size); c.stale() > 0; at += wal.LSN(c.size) {
				c.remove(at)
			}
		}, true, ""},
		"up to a position":     {nil, func(c *crashed) { c.log.Until = c.end }, true, ""},
		"not up to a position": {nil, func(c *crashed) { c.log.Until = c.end + 1 }, false, "before"},
		"up to the begin of a page": {nil, func(c *crashed) {
			c.log.Until = (c.log.From + 2*logPage) &^ (logPage - 1)
		}, true, ""},
		"a length leads beyond a position": {nil, func(c *crashed) {
			c.log.Until = c.end
			c.lengthen(c.whole.Last)
		}, false, "the log ends at"},
		"a length leads beyond the end": {nil, func(c *crashed) {
			c.lengthen(c.whole.Suspects[len(c.whole.Suspects)-1].First)
		}, false, "more was written there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := base.copied(t)
			if len(tt.then) > 0 {
				c = crash(t, tt.then...)
			}
			tt.harm(&c)
			got := c.read()
			require.Equal(t, tt.complete, got.Complete(), got.Ends)
			require.Contains(t, got.Ends[0].Detail, tt.said)
		})
	}
}
