package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

const restSize = wal.SegmentSize(1 << 20)

const restHistory = "1\t0/380000\tpromoted\n"

// shelve stores objects of one folder under the names of archived WAL.
func shelve(t *testing.T, log walship.Cluster, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		content, suffix := strings.Repeat("sealed", 100), ".zst.pgp"
		if strings.HasSuffix(name, ".history") {
			content, suffix = restHistory, ".clear"
		}
		sum := store.DigestOf([]byte(content))
		key := fmt.Sprintf("v1/%s/wal/%s/%s/%s-%s%s", log.Source, log.SystemID, folder, name, sum.String()[:32], suffix)
		_, err := log.Stores[0].Put(t.Context(), key, strings.NewReader(content), store.PutOptions{SizeBytes: int64(len(content)), SHA256: sum})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLastWorkIsInAStoreOnlyWithoutAHole(t *testing.T) {
	t.Parallel()
	opened, err := file.Open(file.Config{Name: "near", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	log := walship.Cluster{Source: "orders", SystemID: 7, SegmentSize: restSize, Stores: []store.Store{opened}}
	const first, lsn = wal.LSN(1<<20 + 5), wal.LSN(4<<20 + 100)
	backups := []*archive.Postgres{
		{SystemID: 7, Timeline: 1, StartLSN: first, StopLSN: first + 10},
		{SystemID: 7, Timeline: 1, StartLSN: lsn, StopLSN: lsn + 10},           // later than asked
		{SystemID: 7, Timeline: 1, StartLSN: 0x390000, StopLSN: 0x390000 + 10}, // of timeline 1 after 2 had left it
	}
	wait := func(tli wal.Timeline, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return awaitHeld(ctx, log, tli, backups[:2], lsn)
	}
	shelve(t, log, "00000001", "000000010000000000000001", "000000010000000000000002", "tail/000000010000000000000004-0000000000400000-0000000000400064")
	if err := wait(1, 200*time.Millisecond); !failure.Is(err, failure.Unavailable) || !strings.Contains(err.Error(), "up to 0/300000 only") {
		t.Errorf("with segment 3 in no store: %v", err)
	}
	shelve(t, log, "00000001", "000000010000000000000003")
	if err := wait(1, 10*time.Second); err != nil {
		t.Errorf("with all there: %v", err)
	}
	backups = backups[2:]
	backups = append(backups, &archive.Postgres{SystemID: 7, Timeline: 1, StartLSN: first, StopLSN: first + 10})
	if err := wait(2, 200*time.Millisecond); err == nil || !strings.Contains(err.Error(), "00000002.history") {
		t.Errorf("without the history of timeline 2: %v", err)
	}
	shelve(t, log, "00000002", "00000002.history", "tail/000000020000000000000004-0000000000400000-0000000000400064")
	if err := wait(2, 200*time.Millisecond); err == nil || !strings.Contains(err.Error(), "up to 0/300000 only") {
		t.Errorf("without timeline 2's copy of segment 3: %v", err)
	}
	shelve(t, log, "00000002", "000000020000000000000003")
	if err := wait(2, 10*time.Second); err != nil {
		t.Errorf("with all of timeline 2 there: %v", err)
	}
}
