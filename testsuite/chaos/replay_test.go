//go:build chaos

package chaos_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// replayRatio is how much slower a replay may be that fetches from stores, opens
// and checks than one that copies from a directory. On two idle cores they are
// within a tenth of each other.
const (
	replayRatio = 4
	segments    = 16
)

// TestL20ReplayKeepsUpWithCopying replays the same WAL twice into the same set:
// fetched from the stores, and copied by cp.
func TestL20ReplayKeepsUpWithCopying(t *testing.T) {
	b := shared(t)
	must(t, b.Starter(b.ctx, nil, "backup", "create", "--database", b.Stack.Database().Name, "--host", b.Primary.Host,
		"--signer", b.Keys.Signer[b.Primary.Host], "--state-dir", b.StateDir(b.Primary.Host)+"/archive"))
	sets, err := b.Sets(b.ctx)
	must(t, err)
	set := sets[len(sets)-1]
	for range segments / 2 { // rolled back, for a table that is dropped looks like damage
		must(t, b.Primary.Exec(b.ctx, b.Stack.Database().DBName, `BEGIN; CREATE TABLE bulk (n bigint, filling text);
			INSERT INTO bulk SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 26000) n; ROLLBACK`))
	}
	must(t, b.switchWAL())
	b.requireRepaired(t)
	copied := t.TempDir()
	b.copyWAL(t, copied)
	fetching, copying := b.replayFetching(t, set.ID), b.replayCopying(t, set.ID, copied)
	t.Logf("fetched: %s; copied: %s", fetching, copying)
	if fetching.bytes < segments/2*16<<20 || fetching.rate() < copying.rate()/replayRatio {
		t.Errorf("fetched from the stores: %s; copied by cp: %s", fetching, copying)
	}
	told(t, slowReplay, fmt.Sprintf("fetched from the stores, opened and checked: %s", fetching), fmt.Sprintf("the same copied by cp: %s", copying))
}

// copyWAL puts a copy of everything in pg_wal into dir, for cp to find.
func (b *bed) copyWAL(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, filepath.WalkDir(filepath.Join(b.Primary.DataDir, "pg_wal"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || len(entry.Name()) != 24 && !strings.HasSuffix(entry.Name(), ".history") {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, entry.Name()), content, 0o644)
		}
		return err
	}))
}

// replayedWAL is how much WAL was replayed, and in how long.
type replayedWAL struct {
	bytes int64
	took  time.Duration
}

func (r replayedWAL) rate() float64 { return float64(r.bytes) / r.took.Seconds() }

func (r replayedWAL) String() string {
	return fmt.Sprintf("%d MB in %s, %.0f MB/s", r.bytes>>20, r.took.Round(10*time.Millisecond), r.rate()/(1<<20))
}

// replayFetching is what PostgreSQL's log says of a replay from the stores.
func (b *bed) replayFetching(t *testing.T, set string) (made replayedWAL) {
	t.Helper()
	_, err := b.restoreAnd(t, func(conn *pgx.Conn) error {
		var dataDir string
		if err := conn.QueryRow(b.ctx, "SELECT current_setting('data_directory')").Scan(&dataDir); err != nil {
			return err
		}
		made = restoredIn(t, filepath.Dir(dataDir))
		return nil
	}, "--set", set, "--latest")
	must(t, err)
	return made
}

// replayCopying restores the same set and replays by cp, in a server that reaches
// nobody and archives nothing.
func (b *bed) replayCopying(t *testing.T, set, from string) replayedWAL {
	t.Helper()
	dir := b.ownDir(t)
	var out restoredOut
	must(t, b.Starter(b.ctx, &out, "backup", "restore", "--database", b.Stack.Database().Name, "--to", filepath.Join(dir, "data"), "--key", b.recipient(t), "--set", set))
	to := out.DataDir
	defer b.stopServer(to)
	settings := fmt.Sprintf("restore_command = 'cp %s/%%f %%p'\narchive_mode = off\nlisten_addresses = ''\nport = 5443\nunix_socket_directories = '%s'\nrecovery_target_action = promote\n", from, dir)
	for name, text := range map[string]string{"recovery.signal": "", "postgresql.auto.conf": settings} {
		file := filepath.Join(to, name)
		must(t, os.WriteFile(file, []byte(text), 0o600))
		must(t, os.Chown(file, int(b.Account().UID), int(b.Account().GID)))
	}
	told, err := b.Stack.Postgres(b.ctx, "pg_ctl", "start", "-D", to, "-l", filepath.Join(dir, "server.log"), "-W").CombinedOutput()
	if err != nil {
		t.Fatalf("pg_ctl: %v %s", err, told)
	}
	must(t, b.await("the copied WAL to be replayed", func() (bool, error) {
		text, err := os.ReadFile(filepath.Join(dir, "server.log"))
		return strings.Contains(string(text), "archive recovery complete"), err
	}))
	return restoredIn(t, dir)
}

// fetchedLine is PostgreSQL's word that restore_command has brought a segment.
var fetchedLine = regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) .*restored log file "[0-9A-F]{24}" from archive`)

// restoredIn reads from the server's log below dir from when to when segments were
// brought: the first has been asked for before the replay began.
func restoredIn(t *testing.T, dir string) (made replayedWAL) {
	t.Helper()
	var first, last time.Time
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".log" || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for i, line := range fetchedLine.FindAllStringSubmatch(string(text), -1) {
			at, wrong := time.Parse("2006-01-02 15:04:05.000", line[1])
			if wrong != nil {
				return wrong
			}
			if i == 0 {
				first = at
			} else {
				last, made.bytes = at, made.bytes+16<<20
			}
		}
		return err
	}))
	made.took = last.Sub(first)
	return made
}
