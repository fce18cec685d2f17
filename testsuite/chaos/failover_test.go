//go:build chaos

package chaos_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// left is what a failover has left behind: rows that were acknowledged on the old
// timeline and that the standby never had.
type left struct {
	timeline uint32
	writer   string // application whose rows they are
	rows     int
	at       string // position after the last of them
}

const (
	leftPoint = "written-on-the-old-timeline" // a restore point after those rows
	deadDir   = "dead-primary"                // beside the primary's directory
)

// TestFailover: the replica's stream is cut while the primary writes; the primary
// dies and the replica is promoted in its place, on a new timeline that leaves the
// newest rows out. Backups, WAL and recovery follow it; what was left behind can be
// had by its own name and says which timeline it lies on.
func TestFailover(t *testing.T) {
	b := shared(t)
	old := b.newestSet(t)
	b.cutStream(t)
	gone := b.writeAlone(t)
	b.takeOver(t)
	b.anew()
	must(t, b.write(5))
	b.enrolAnew(t)
	b.requireRepaired(t)
	c := b.copies(t)
	for in := range c.stores {
		if len(c.keys(in, "v1/"+b.Stack.Database().Name+"/wal/", ".partial")) == 0 {
			t.Errorf("store %s holds no unfinished last segment of the old timeline", c.stores[in].Name())
		}
	}
	made, err := b.BackUp(b.ctx)
	must(t, err)
	if uint32(made.Set.Timeline) <= gone.timeline {
		t.Errorf("the backup after the failover is of timeline %d, the old one was %d", made.Set.Timeline, gone.timeline)
	}
	missing := b.restoreLatest(t, old.ID)
	told(t, failedOver, fmt.Sprintf("the WAL daemon says that no heartbeat is written until the new primary is enrolled; the next backup is of timeline %d; WAL of both timelines is in both stores", made.Set.Timeline),
		fmt.Sprintf("the set from before the failover, replayed across it to the newest row: %d acknowledged rows missing", missing))
	told(t, partialTail, "archived under its own name in both stores", "the same replay, which needs that segment's beginning")
	b.requireNamed(t, gone)
	run := b.damaged(t, scenario.Delete)
	people := &steadfast{bed: b, t: t}
	b.follow(t, people)
	result, _ := run.require(t, b)
	b.requireStreaming(t)
	told(t, streamCut, fmt.Sprintf("%d rows were acknowledged that the replica never had; after the failover a recovery %s, and the replica was rebuilt", gone.rows, brief(result, people)),
		"0 rows acknowledged before the damage are gone, one swap; the replica streams")
}

func (b *bed) newestSet(t *testing.T) recovery.SetSummary {
	t.Helper()
	sets, err := b.Sets(b.ctx)
	must(t, err)
	return sets[len(sets)-1]
}

// cutStream has the replica receive nothing any more.
func (b *bed) cutStream(t *testing.T) {
	t.Helper()
	must(t, b.Replica.Exec(b.ctx, "postgres", "ALTER SYSTEM SET primary_conninfo = ''", "ALTER SYSTEM SET restore_command = ''", "SELECT pg_reload_conf()"))
	must(t, b.await("the replica to receive nothing", func() (bool, error) { return b.receivers(0) }))
}

// requireStreaming looks that the replica follows the primary.
func (b *bed) requireStreaming(t *testing.T) {
	t.Helper()
	must(t, b.await("the replica to stream", func() (bool, error) { return b.receivers(1) }))
}

// receivers says whether so many processes stream to the replica.
func (b *bed) receivers(want int) (bool, error) {
	conn, err := b.Replica.Connect(b.ctx, "postgres")
	if err != nil {
		return false, err
	}
	defer conn.Close(b.ctx) //nolint:errcheck // read only
	var streaming int
	err = conn.QueryRow(b.ctx, "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'").Scan(&streaming)
	return streaming == want, err
}

// writeAlone has rows acknowledged by the primary alone, shipped to the stores, and
// names the moment after them.
func (b *bed) writeAlone(t *testing.T) left {
	t.Helper()
	b.anew()
	must(t, b.write(5))
	must(t, b.switchWAL())
	must(t, b.write(5))
	gone := left{writer: b.Application.Name()}
	b.Application.Stop()
	gone.rows = len(b.Application.Acks())
	must(t, b.Starter(b.ctx, nil, "restore-point", "create", "--database", b.Stack.Database().Name, "--name", leftPoint))
	conn, err := b.Connect(b.ctx)
	must(t, err)
	defer conn.Close(b.ctx) //nolint:errcheck // read only
	must(t, conn.QueryRow(b.ctx, "SELECT timeline_id, pg_current_wal_flush_lsn()::text FROM pg_control_checkpoint()").Scan(&gone.timeline, &gone.at))
	must(t, b.await("stores to hold what was written", b.shipped))
	return gone
}

// takeOver kills the primary, puts the replica's files in its place and promotes
// them, as a cluster manager does that moves an address.
func (b *bed) takeOver(t *testing.T) {
	t.Helper()
	tree, err := b.postgresTree()
	must(t, err)
	must(t, kill(tree[0], syscall.SIGQUIT))
	must(t, b.await("the primary to be dead", func() (bool, error) {
		_, err := os.Stat(filepath.Join(b.Primary.DataDir, "postmaster.pid"))
		return os.IsNotExist(err), nil
	}))
	if out, err := b.Stack.Postgres(b.ctx, "pg_ctl", "stop", "-D", b.Replica.DataDir, "-m", "fast", "-w").CombinedOutput(); err != nil {
		t.Fatalf("stop the replica: %v %s", err, out)
	}
	dead := filepath.Join(filepath.Dir(b.Primary.DataDir), deadDir)
	must(t, os.Rename(b.Primary.DataDir, dead))
	t.Cleanup(func() { must(t, os.RemoveAll(dead)) })
	if out, err := exec.CommandContext(b.ctx, "cp", "-a", b.Replica.DataDir, b.Primary.DataDir).CombinedOutput(); err != nil {
		t.Fatalf("copy the replica: %v %s", err, out)
	}
	// The last setting of a name counts.
	settings := fmt.Sprintf("port = %d\nunix_socket_directories = '%s'\nprimary_slot_name = ''\n", b.Primary.Port, b.Primary.SocketDir)
	file, err := os.OpenFile(filepath.Join(b.Primary.DataDir, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteString(settings)
	must(t, err)
	must(t, file.Close())
	b.startAgain(t)
	must(t, b.Primary.Exec(b.ctx, "postgres", "SELECT pg_promote()"))
}

// enrolAnew enrols what was promoted, as whoever promoted it has to: the alarm about
// heartbeats says so.
func (b *bed) enrolAnew(t *testing.T) {
	t.Helper()
	must(t, b.await("the daemon to miss the enrolment", func() (bool, error) {
		kinds, err := b.alarms()
		return slices.Contains(kinds, walship.EventHeartbeat), err
	}))
	must(t, b.Starter(b.ctx, nil, "database", "enroll", "--database", b.Stack.Database().Name, "--host", b.Primary.Host))
}

// requireNamed requires that a restore to where the old timeline ended gives the rows
// left behind, and says that they are of that timeline, where that is asked for by
// name, and that a bare position is one of the new timeline.
func (b *bed) requireNamed(t *testing.T, gone left) {
	t.Helper()
	for range 3 { // so that the new timeline reaches that position, too
		must(t, b.write(2))
		must(t, b.switchWAL())
	}
	b.requireRepaired(t)
	var said []string
	for _, one := range []struct {
		target []string
		rows   int
		old    bool
	}{
		{[]string{"--target-name", leftPoint}, gone.rows, true},
		{[]string{"--target-lsn", gone.at}, 0, false},
	} {
		rows := -1
		out, err := b.restoreAnd(t, func(conn *pgx.Conn) error {
			return conn.QueryRow(b.ctx, "SELECT count(*) FROM journal WHERE writer = $1::text", gone.writer).Scan(&rows)
		}, one.target...)
		must(t, err)
		if rows != one.rows || out.Reached == nil || (out.Reached.Timeline == gone.timeline) != one.old {
			t.Fatalf("%v: %d of the %d rows left behind, reached %+v; the old timeline is %d", one.target, rows, gone.rows, out.Reached, gone.timeline)
		}
		said = append(said, fmt.Sprintf("%s gave %d of them and said timeline %d", one.target[0], rows, out.Reached.Timeline))
	}
	told(t, abandoned, fmt.Sprintf("of %d rows that only timeline %d has: %s", gone.rows, gone.timeline, strings.Join(said, "; ")), "the rows in the restored database, and the timeline that the restore says it has reached")
}
