package replica

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

// fixture is a primary that was recovered to a new timeline, and a replica that
// still follows what it was before.
type fixture struct {
	primary *pgtest.Server
	old     *cluster.Cluster
	config  Config
	port    int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	primary := pgtest.Start(t, pgtest.With("work_mem", "7MB"), pgtest.With("archive_mode", "always"), pgtest.With("archive_command", "true"))
	space, root := filepath.Join(primary.Root, "space"), pgtest.Dir(t)
	owner := pgtest.Owner(t)
	for _, dir := range []string{space, filepath.Join(root, "space")} {
		if err := owner.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	primary.Exec(t, "CREATE TABLESPACE space LOCATION '"+space+"'", "CREATE TABLE t (a int) TABLESPACE space", "INSERT INTO t VALUES (1)",
		"CREATE ROLE streamer LOGIN REPLICATION PASSWORD 'p:w\\d'")
	f := &fixture{primary: primary, port: pgtest.Port(t)}
	f.old = oldReplica(t, primary, space, root, f.port)
	identity := recovered(t, primary)
	f.config = Config{
		Run: "run1", Replica: cluster.Config{DataDir: f.old.DataDir, BinDir: primary.BinDir},
		Upstream: primary.TCP("streamer", `p:w\d`), Admin: primary.Super(), Primary: cluster.Of(identity), Timeline: 2, Slot: "replica_1",
	}
	for _, dir := range []string{f.config.dataDir(), f.config.oldDir(), f.config.rebuiltDir()} {
		config := f.config.Replica
		config.DataDir = dir
		pgtest.StopAfter(t, &cluster.Cluster{Config: config, Programs: f.old.Programs})
	}
	return f
}

func oldReplica(t *testing.T, primary *pgtest.Server, space, root string, port int) *cluster.Cluster {
	t.Helper()
	data := filepath.Join(root, "data")
	pgtest.Run(t, "pg_basebackup", "-D", data, "-h", primary.SocketDir, "-p", pgtest.PortText(primary), "-U", "postgres", "-c", "fast",
		"-R", "-T", space+"="+filepath.Join(root, "space"))
	conf, err := os.OpenFile(filepath.Join(data, autoConf), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conf.WriteString("port = " + decimal(port) + "\nunix_socket_directories = '" + root + "'\nwork_mem = '1MB'\n")
	if err := errors.Join(err, conf.Close()); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Open(cluster.Config{DataDir: data, BinDir: primary.BinDir, SocketDir: root, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context(), cluster.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// recovered takes the primary to timeline 2 as another incarnation.
func recovered(t *testing.T, primary *pgtest.Server) cluster.Identity {
	t.Helper()
	primary.Stop(t)
	owner := pgtest.Owner(t)
	if err := owner.WriteFile(filepath.Join(primary.DataDir, standbySignal), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	marker := cluster.NewMarker("run1")
	if err := cluster.WriteMarker(owner, primary.DataDir, marker, true); err != nil {
		t.Fatal(err)
	}
	primary.Start(t)
	if !pgtest.Query[bool](t, primary, "SELECT pg_promote()") {
		t.Fatal("not promoted")
	}
	primary.Exec(t, "CHECKPOINT", "INSERT INTO t VALUES (2)")
	identity, err := primary.Cluster(t).Identity(t.Context())
	if err != nil || identity.Timeline != 2 {
		t.Fatalf("identity %+v, %v", identity, err)
	}
	return identity
}

// replicaSays asks the replica through its own socket and port.
func replicaSays[T any](t *testing.T, f *fixture, sql string) T {
	t.Helper()
	server := f.config.Admin
	server.Host, server.Port = filepath.Dir(f.config.dataDir()), f.port
	return pgtest.QueryAt[T](t, server, sql)
}

func (f *fixture) requireRebuilt(t *testing.T, got Replica) {
	t.Helper()
	if got.Identity.Incarnation != f.config.Primary.Incarnation || got.Lag > time.Minute || got.OldDir != f.config.oldDir() {
		t.Errorf("Replica = %+v", got)
	}
	const sql = `SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('archive_mode', 'primary_slot_name', 'work_mem')`
	if settings := replicaSays[string](t, f, sql); settings != "on replica_1 7168" {
		t.Errorf("the replica's settings are %q", settings)
	}
	if rows := replicaSays[int](t, f, "SELECT count(*) FROM t"); rows != 2 {
		t.Errorf("the replica has %d rows, want 2", rows)
	}
	for path, mode := range map[string]os.FileMode{f.config.passFile(): 0o600, f.config.oldDir(): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v, want mode %v", path, info, err, mode)
		}
	}
}

func TestRebuildTwiceThenRestoreOldTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var bytes int64
	f.config.Progress = func(p Progress) { bytes = max(bytes, p.DoneBytes) }
	for range 2 {
		got, err := Rebuild(t.Context(), f.config)
		if err != nil {
			t.Fatal(err)
		}
		f.requireRebuilt(t, got)
	}
	if bytes == 0 {
		t.Error("no progress was reported")
	}
	for range 2 {
		got, err := RestoreOld(t.Context(), f.config)
		if err != nil || got.SlotLeft != "" || got.KeptDir != f.config.rebuiltDir() {
			t.Fatalf("RestoreOld = %+v, %v", got, err)
		}
	}
	if mem := replicaSays[string](t, f, "SHOW work_mem"); mem != "1MB" {
		t.Errorf("work_mem = %s: not the old replica", mem)
	}
	if slots := pgtest.Query[int](t, f.primary, "SELECT count(*) FROM pg_replication_slots"); slots != 0 {
		t.Errorf("%d slots are left on the primary", slots)
	}
	if _, err := Rebuild(t.Context(), f.config); !failure.Is(err, failure.Refused) {
		t.Errorf("a late Rebuild = %v, want Refused", err)
	}
}

var errKilled = errors.New("killed")

// killedRebuild stops before the nth change on disk; false: there was none left.
func killedRebuild(t *testing.T, config Config, n int) bool {
	t.Helper()
	r, release, err := open(config, GoalRebuild, func(string) error {
		if n--; n < 0 {
			return errKilled
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err = r.move(t.Context()); err == nil {
		_, err = r.stream(t.Context())
	}
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	return err != nil
}

// TestKilledAnywhereRebuildGoesOn stops ever later in one and the same rebuild.
func TestKilledAnywhereRebuildGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := 0; killedRebuild(t, f.config, n); n++ {
		if n > 30 {
			t.Fatal("no end")
		}
	}
	got, err := Rebuild(t.Context(), f.config)
	if err != nil {
		t.Fatal(err)
	}
	f.requireRebuilt(t, got)
}

// TestKilledAnywhereRebuildIsUndone puts the old replica back each time.
func TestKilledAnywhereRebuildIsUndone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := 0; killedRebuild(t, f.config, n); n++ {
		if _, err := RestoreOld(t.Context(), f.config); err != nil {
			t.Fatal(err)
		}
		if mem := replicaSays[string](t, f, "SHOW work_mem"); mem != "1MB" {
			t.Fatalf("work_mem = %s after change %d: not the old replica", mem, n)
		}
		for _, remove := range []string{f.config.undoneFile(), f.config.rebuiltDir(), f.config.buildingDir(), f.config.tablespaceDir(), f.config.claimFile()} {
			if err := os.RemoveAll(remove); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestInterruptedBaseBackupBeginsAnew kills pg_basebackup itself: by the caller's
// cancellation, and alone, as the end of this process would, so that its second
// process is left behind with the slot.
func TestInterruptedBaseBackupBeginsAnew(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, cancel func(), f *fixture){
		"cancelled": func(_ *testing.T, cancel func(), _ *fixture) { cancel() },
		"first process killed": func(t *testing.T, _ func(), f *fixture) {
			t.Helper()
			killFirst(t, f)
		},
	}
	for name, interrupt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.primary.Exec(t, "CREATE TABLE big AS SELECT generate_series(1, 1000000)") // a copy that takes a while
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			config, once := f.config, sync.Once{}
			config.Progress = func(p Progress) {
				if p.TotalBytes > 0 {
					once.Do(func() { interrupt(t, cancel, f) })
				}
			}
			if _, err := Rebuild(ctx, config); !failure.Is(err, failure.Unavailable) {
				t.Fatalf("Rebuild = %v, want Unavailable", err)
			}
			got, err := Rebuild(t.Context(), f.config)
			if err != nil {
				t.Fatal(err)
			}
			f.requireRebuilt(t, got)
		})
	}
}

// killFirst kills the group leader among the copy's processes, and it alone.
func killFirst(t *testing.T, f *fixture) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, path := range found {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), "pg_basebackup") || !strings.Contains(string(line), f.config.buildingDir()) {
			continue // another program, or gone
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Error(err)
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == pid {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended this instant
		}
	}
}

func TestRebuildRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	tests := map[string]struct {
		change func(*Config)
		class  failure.Class
	}{
		"another system":      {func(c *Config) { c.Primary.SystemID++ }, failure.IdentityMismatch},
		"another timeline":    {func(c *Config) { c.Timeline = 9 }, failure.IdentityMismatch},
		"another incarnation": {func(c *Config) { c.Primary.Incarnation = "x" }, failure.IdentityMismatch},
		"a primary":           {func(c *Config) { c.Replica.DataDir = f.primary.DataDir }, failure.Unsafe},
		"a slot's name":       {func(c *Config) { c.Slot = "No Slot" }, failure.InvalidInput},
		"wrong password":      {func(c *Config) { c.Upstream = f.primary.TCP("streamer", "wrong") }, failure.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := f.config
			config.Run = strings.ReplaceAll(name, " ", "-")
			config.Run = strings.ReplaceAll(config.Run, "'", "")
			tt.change(&config)
			if _, err := Rebuild(t.Context(), config); failure.ClassOf(err) != tt.class {
				t.Errorf("Rebuild = %v, want %s", err, tt.class)
			}
		})
	}
	if rows := replicaSays[bool](t, f, "SELECT pg_is_in_recovery()"); !rows {
		t.Error("the old replica was touched")
	}
}

func TestForeignDirectoryIsNeverRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := pgtest.Owner(t).MkdirAll(f.config.buildingDir()); err != nil {
		t.Fatal(err)
	}
	if _, err := Rebuild(t.Context(), f.config); !failure.Is(err, failure.Exists) {
		t.Errorf("Rebuild = %v, want Exists", err)
	}
}
