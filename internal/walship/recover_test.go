package walship_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// fast makes everything that is timed quick enough for tests.
const fast = "tail: {interval: 200ms}\nheartbeat: {interval: 100ms, ship_interval: 300ms}\n"

// copyCluster takes a base backup by cp into dir, between start and stop.
func (h *host) copyCluster(t testing.TB, dir string) {
	t.Helper()
	conn := h.server.Connect(t)
	if _, err := conn.Exec(t.Context(), pgtest.Major(t).BackupStart(), "copy", true); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", h.server.DataDir, dir).CombinedOutput(); err != nil && !strings.Contains(string(out), "cannot stat") {
		t.Fatalf("cp: %v %s", err, out)
	}
	var end, label, tablespaces string
	if err := conn.QueryRow(t.Context(), pgtest.Major(t).BackupStop()).Scan(&end, &label, &tablespaces); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"postmaster.pid", "pg_wal"} {
		if err := os.RemoveAll(filepath.Join(dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"pg_wal", "pg_wal/archive_status"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		h.give(t, filepath.Join(dir, folder))
	}
	if err := os.RemoveAll(filepath.Join(dir, "pg_replslot")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "pg_replslot"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.give(t, filepath.Join(dir, "pg_replslot"))
	h.write(t, filepath.Join(dir, "backup_label"), label)
}

// restored makes a stopped server of a copied cluster that recovers through
// `wal fetch`, with settings of its own beside the host's.
func (h *host) restored(t testing.TB, dir, settingsYAML string, conf ...string) *pgtest.Server {
	t.Helper()
	target := h.adopt(t, dir, "read_only: true\n"+settingsYAML, append([]string{"archive_mode = off"}, conf...)...)
	h.write(t, filepath.Join(target.DataDir, "recovery.signal"), "")
	return target
}

// standby makes a stopped server of a copied cluster that follows the host's
// server, archives when it is promoted, and has settings of its own.
func (h *host) standby(t testing.TB, dir, settingsYAML string) *pgtest.Server {
	t.Helper()
	target := h.adopt(t, dir, settingsYAML,
		"primary_conninfo = 'host="+h.server.SocketDir+" port="+fmt.Sprint(h.server.Port)+" user=postgres'",
		"archive_command = '"+filepath.Join(h.bin, "wal")+" --config "+h.configOf(dir)+" push %p'")
	h.write(t, filepath.Join(target.DataDir, "standby.signal"), "")
	return target
}

func (h *host) configOf(dir string) string { return filepath.Join(h.dir, filepath.Base(dir)+".yaml") }

func (h *host) adopt(t testing.TB, dir, settingsYAML string, conf ...string) *pgtest.Server {
	t.Helper()
	target := pgtest.Start(t, pgtest.Stopped())
	if err := os.RemoveAll(target.DataDir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, target.DataDir); err != nil {
		t.Fatal(err)
	}
	config := h.configOf(dir)
	h.write(t, config, h.settingsFor(t, target, "-"+filepath.Base(dir))+settingsYAML)
	lines := append([]string{
		"port = " + fmt.Sprint(target.Port), "unix_socket_directories = '" + target.SocketDir + "'",
		"restore_command = '" + filepath.Join(h.bin, "wal") + " --config " + config + " fetch %f %p'",
	}, conf...)
	file, err := os.OpenFile(filepath.Join(target.DataDir, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: %s", filepath.Base(dir), target.Log(t))
		}
	})
	return target
}

// load runs pgbench until stopped.
func (h *host) load(t testing.TB) (stop func()) {
	t.Helper()
	bench := pg.Programs{Dir: h.server.BinDir, Owner: pgtest.Owner(t)}
	arguments := []string{"-h", h.server.SocketDir, "-p", fmt.Sprint(h.server.Port), "-U", "postgres"}
	if out, err := bench.Run(t.Context(), "pgbench", append(arguments, "-i", "-q", "-s", "2", "postgres")...); err != nil || out.ExitCode != 0 {
		t.Fatalf("pgbench -i: %v %s", err, out.Stderr)
	}
	cmd := bench.Command(t.Context(), "pgbench", append(arguments, "-n", "-c", "4", "-T", "60", "postgres")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Kill() // or it has ended
		_ = cmd.Wait()
	}
}

func TestL12L19LastCommittedHeartbeatSurvivesTheLossOfTheHost(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	d := h.serve(t, h.config)
	stop := h.load(t)
	defer stop()
	copied := filepath.Join(h.dir, "copy")
	h.copyCluster(t, copied)
	first := h.switchWAL(t)
	h.until(t, "the first segment is in both stores", func() bool {
		return archivedIn(t, h.stores[0], first) && archivedIn(t, h.stores[1], first)
	})
	// A crash of the daemon in the middle of everything, and its return.
	d.kill(t)
	d = h.serve(t, h.config)
	h.until(t, "heartbeats are shipped again", func() bool {
		s, err := h.status(h.config)
		return err == nil && s.HeartbeatStored > 10 && s.TailRunning && s.TailShipped > 0
	})
	stop()
	last := newestRow(t, h.server)
	h.until(t, "the tail holds the last row", func() bool {
		s, err := h.status(h.config)
		return err == nil && s.TailShipped > 0 && uint64(s.TailShipped) >= last.lsn
	})
	// The host is lost: server and daemon die, pg_wal with them.
	h.server.Kill(t)
	d.kill(t)

	target := h.restored(t, copied, "fetch: {tail_timeline: 1, patience: 2s}\n")
	h.serve(t, filepath.Join(h.dir, "copy.yaml"))
	target.Start(t)
	h.until(t, "recovery ends", func() bool {
		return !pgtest.Query[bool](t, target, "SELECT pg_is_in_recovery()")
	})
	if got := newestRow(t, target); got.seq < last.seq {
		t.Errorf("recovered to heartbeat %d, %d was committed and shipped", got.seq, last.seq)
	}
	beats, damaged, err := walship.ReadHeartbeats(t.Context(), h.stores, "orders", time.Time{})
	if err != nil || len(damaged) > 0 {
		t.Fatal(err, damaged)
	}
	checkBeats(t, beats)
}

type row struct {
	seq uint64
	lsn uint64
}

func newestRow(t testing.TB, server *pgtest.Server) row {
	t.Helper()
	seq := pgtest.Query[int64](t, server, "SELECT coalesce(max(seq), 0) FROM holdfast.heartbeat")
	// The row's own position lies before its commit record; now is behind it.
	lsn := int64(0)
	if !pgtest.Query[bool](t, server, "SELECT pg_is_in_recovery()") {
		lsn = pgtest.Query[int64](t, server, "SELECT (pg_current_wal_lsn() - '0/0')::bigint")
	}
	return row{uint64(seq), uint64(lsn)}
}

// checkBeats: in order of acknowledgement, no sequence twice, everything whole.
func checkBeats(t *testing.T, beats []walship.Beat) {
	t.Helper()
	if len(beats) < 10 {
		t.Fatalf("only %d heartbeats are in the stores", len(beats))
	}
	seen := make(map[uint64]bool)
	for _, beat := range beats {
		if seen[beat.Seq] {
			t.Errorf("sequence %d twice", beat.Seq)
		}
		seen[beat.Seq] = true
	}
	if !slices.IsSortedFunc(beats, func(a, b walship.Beat) int { return a.Acknowledged.Compare(b.Acknowledged) }) {
		t.Error("heartbeats are not in order")
	}
}
