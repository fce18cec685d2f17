package walship_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// Whoever can write to a store cannot stop heartbeats, and a host whose table has a
// number from which nobody can go on writes them again.
func TestForgedHeartbeatStopsNoHeartbeat(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	put := func(key string, body []byte) {
		t.Helper()
		opts := store.PutOptions{SizeBytes: int64(len(body)), SHA256: store.DigestOf(body)}
		if _, err := h.stores[0].Put(t.Context(), key, bytes.NewReader(body), opts); err != nil {
			t.Fatal(err)
		}
	}
	const end = uint64(1<<63 - 2)
	put(fmt.Sprintf("v1/orders/heartbeat/%s/FORGED/%020d-%020d-%s.json", h.system, end, end, strings.Repeat("a", 32)), []byte("{}"))
	before := beatsFrom(5000, 2, "BEFORE", time.Now())
	for i := range before {
		before[i].SystemID = h.system
	}
	ahead := beatsFrom(1, 1, "AHEAD", time.Now())
	ahead[0].SystemID, ahead[0].Seq = h.system, 1<<40 // holds what its name says, and nobody got so far
	for _, beats := range [][]walship.Beat{before, ahead} {
		key, body, err := walship.EncodeBeats("orders", beats)
		if err != nil {
			t.Fatal(err)
		}
		put(key, body)
	}
	h.server.Exec(t, `INSERT INTO holdfast.heartbeat (seq, at, lsn, system_id, timeline, incarnation)
		VALUES (9223372036854775807, clock_timestamp(), '0/1', '1', 1, 'inc')`)
	// The test may be root, and the daemon is the server's user.
	err := filepath.WalkDir(h.places[0], func(path string, _ fs.DirEntry, err error) error {
		h.give(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, h.config)
	h.until(t, "heartbeats go on behind what a store really knows", func() bool {
		s, err := h.status(h.config)
		return err == nil && s.HeartbeatStored > 5005
	})
	first := pgtest.Query[int64](t, h.server, "SELECT min(seq) FROM holdfast.heartbeat")
	last := pgtest.Query[int64](t, h.server, "SELECT max(seq) FROM holdfast.heartbeat WHERE seq < 9223372036854775807")
	if first != 5002 || last > 6000 {
		t.Errorf("heartbeats run from %d to %d, want them from 5002 on", first, last)
	}
}
