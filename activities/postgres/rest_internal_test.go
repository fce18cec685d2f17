package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

const restSize = wal.SegmentSize(1 << 20)

const restHistory = "1\t0/380000\tpromoted\n"

// shelve stores objects of one folder under the names of archived WAL.
func shelve(t *testing.T, log walship.Cluster, folder string, names ...string) {
	t.Helper()
	shelveIn(t, log, log.Stores[0], folder, names...)
}

func shelveIn(t *testing.T, log walship.Cluster, into store.Store, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		content, suffix := strings.Repeat("sealed", 100), ".zst.pgp"
		if strings.HasSuffix(name, ".history") {
			content, suffix = restHistory, ".clear"
		}
		sum := store.DigestOf([]byte(content))
		key := fmt.Sprintf("v1/%s/wal/%s/%s/%s-%s%s", log.Source, log.SystemID, folder, name, sum.String()[:32], suffix)
		_, err := into.Put(t.Context(), key, strings.NewReader(content), store.PutOptions{SizeBytes: int64(len(content)), SHA256: sum})
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
		return awaitHeld(ctx, log, tli, &backupLists{backups: backups[:2]}, lsn)
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

// slowLog is a log in two stores, which take a second for every page of a listing.
func slowLog() (walship.Cluster, []*memory.Slow) {
	log := walship.Cluster{Source: "orders", SystemID: 7, SegmentSize: restSize}
	var stores []*memory.Slow
	for _, name := range []string{"near", "far"} {
		one := &memory.Slow{Store: memory.New(name, time.Now), Page: time.Second}
		stores, log.Stores = append(stores, one), append(log.Stores, one)
	}
	return log, stores
}

// waited waits for the last work as a fence does, and returns what it says and how long it took.
func waited(t *testing.T, log walship.Cluster, tli wal.Timeline, list func(context.Context) *backupLists, lsn wal.LSN) (string, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), restPatience)
	defer cancel()
	began := time.Now()
	err := awaitHeld(ctx, log, tli, list(ctx), lsn)
	took := time.Since(began)
	if err == nil {
		return "", took
	}
	return err.Error(), took
}

// known is a list of backups that has ended.
func known(backups ...*archive.Postgres) func(context.Context) *backupLists {
	return func(context.Context) *backupLists { return &backupLists{backups: backups} }
}

func TestLastWorkIsSeenHoweverMuchStoresList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := slowLog()
		const segments, pieces = 100, 400
		for number := uint64(1); number <= segments; number++ {
			name := restSize.Name(wal.Segment{Timeline: 1, Number: number})
			for i := range uint64(pieces) {
				from := number<<20 + i
				shelve(t, log, "00000001", fmt.Sprintf("tail/%s-%016X-%016X", name, from, from+1))
			}
			if number < segments {
				shelve(t, log, "00000001", name)
			}
		}
		backup := &archive.Postgres{SystemID: 7, Timeline: 1, StartLSN: 1<<20 + 1, StopLSN: 1<<20 + 10}
		said, took := waited(t, log, 1, known(backup), segments<<20+pieces)
		if said != "" || took > 5*time.Second {
			t.Errorf("after %s: %s", took, said)
		}
		said, took = waited(t, log, 1, known(backup), segments<<20+pieces+1)
		if want := fmt.Sprintf("up to %s only", wal.LSN(segments<<20+pieces)); !strings.Contains(said, want) || took < restPatience {
			t.Errorf("one byte more, after %s: %s, want %q", took, said, want)
		}
	})
}

func TestLastWorkOfALaterTimelineNeedsOneStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, stores := slowLog()
		stores[0].Mute.Store(true)
		const lsn = wal.LSN(4<<20 + 100)
		shelveIn(t, log, stores[1], "00000002", "00000002.history", "tail/000000020000000000000004-0000000000400000-0000000000400064")
		backup := &archive.Postgres{SystemID: 7, Timeline: 2, StartLSN: 4 << 20, StopLSN: 4<<20 + 10}
		if said, took := waited(t, log, 2, known(backup), lsn); said != "" || took > 5*time.Second {
			t.Errorf("after %s: %s", took, said)
		}
	})
}

// What was not listed to its end is unknown, and no position is given that was not proved.
func TestLastWorkIsUnknownWhileAStoreIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, stores := slowLog()
		stores[1].Mute.Store(true)
		shelve(t, log, "00000001", "000000010000000000000001")
		const lsn = wal.LSN(4<<20 + 100)
		backup := &archive.Postgres{SystemID: 7, Timeline: 1, StartLSN: 1<<20 + 5, StopLSN: 1<<20 + 10}
		said, _ := waited(t, log, 1, known(backup), lsn)
		if !strings.Contains(said, "unknown") || !strings.Contains(said, "far") || !strings.Contains(said, "to 0/200000") || strings.Contains(said, "only") {
			t.Errorf("one store silent: %s", said)
		}
		stores[0].Mute.Store(true)
		if said, _ := waited(t, log, 1, known(backup), lsn); !strings.Contains(said, "unknown") || strings.Contains(said, "0/100000") {
			t.Errorf("both silent: %s", said)
		}
		if said, _ := waited(t, log, 2, known(backup), lsn); !strings.Contains(said, "unknown") || strings.Contains(said, "0/0") {
			t.Errorf("both silent on a later timeline: %s", said)
		}
	})
}

// Backups that cannot be listed do not keep a fence from waiting for the last segment,
// and are said to be unknown.
func TestLastWorkIsWaitedForWhileBackupsAreListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, stores := slowLog()
		stores[1].Mute.Store(true)
		const lsn = wal.LSN(4<<20 + 100)
		list := func(ctx context.Context) *backupLists { return listBackups(ctx, log, keyring.Trust{}) }
		said, took := waited(t, log, 1, list, lsn)
		if !strings.Contains(said, "unknown") || took < restPatience {
			t.Errorf("with nothing there, after %s: %s", took, said)
		}
		shelve(t, log, "00000001", "tail/000000010000000000000004-0000000000400000-0000000000400064")
		said, _ = waited(t, log, 1, list, lsn)
		if !strings.Contains(said, "unknown") || !strings.Contains(said, "backups in far") || !strings.Contains(said, "from 0/400000 to 0/400064") {
			t.Errorf("with its segment there: %s", said)
		}
		late := func(ctx context.Context) *backupLists {
			lists := &backupLists{waiting: []string{"near", "far"}}
			time.AfterFunc(20*time.Second, func() {
				lists.add("near", []*archive.Postgres{{SystemID: 7, Timeline: 1, StartLSN: 4<<20 + 1, StopLSN: 4<<20 + 10}}, nil)
			})
			return lists
		}
		if said, took := waited(t, log, 1, late, lsn); said != "" || took < 20*time.Second || took > 35*time.Second {
			t.Errorf("with a backup that is listed late, after %s: %s", took, said)
		}
		stores[1].Mute.Store(false)
		if said, took := waited(t, log, 1, list, lsn); said != "" || took > 5*time.Second {
			t.Errorf("without backups, after %s: %s", took, said)
		}
	})
}
