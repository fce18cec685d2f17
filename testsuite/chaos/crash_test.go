//go:build chaos

package chaos_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/chaos/network"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack"
)

// TestServerDiesWhileABackupIsMade: the backup fails and no set is shown; once the
// server is up again, the next one is made.
func TestServerDiesWhileABackupIsMade(t *testing.T) {
	b := shared(t)
	for _, one := range []struct {
		name   string
		signal syscall.Signal
	}{{serverDies, syscall.SIGQUIT}, {serverKilled, syscall.SIGKILL}} {
		t.Run(one.name, func(t *testing.T) {
			before, err := b.Sets(b.ctx)
			must(t, err)
			must(t, b.write(3))
			crashed := b.whileReading(t, func() error {
				tree, err := b.postgresTree()
				if err == nil {
					err = kill(tree[0], one.signal)
				}
				return err
			})
			err = b.backUpSlowly(t)
			must(t, <-crashed)
			refused, ok := isRefusal(err)
			if !ok || refused.Class != failure.Unavailable || refused.Hint == "" {
				t.Fatalf("got %v, want class %s with a hint", err, failure.Unavailable)
			}
			b.startAgain(t)
			during, err := b.Sets(b.ctx)
			must(t, err)
			if len(during) != len(before) {
				t.Errorf("%d sets, there were %d", len(during), len(before))
			}
			must(t, b.write(3))
			made, err := b.BackUp(b.ctx)
			must(t, err)
			b.requireRepaired(t)
			told(t, one.name, "the backup failed as "+string(refused.Class)+", no set was shown; once the server had recovered the next set was made", "the list of sets before and after; set "+made.Set.ID+" in both stores")
		})
	}
}

// backUpSlowly makes a full set, read at four megabytes a second, as a plan may say.
func (b *bed) backUpSlowly(t *testing.T) error {
	t.Helper()
	slow := b.Plan.Databases[0].Backup
	b.Plan.Databases[0].Backup.ThrottlePerSecond = 4 << 20
	text, err := yaml.Marshal(b.Plan)
	b.Plan.Databases[0].Backup = slow
	must(t, err)
	file := filepath.Join(b.Dir, "slow.yaml")
	must(t, os.WriteFile(file, text, 0o644))
	host := b.Primary.Host
	return b.Starter(b.ctx, nil, "backup", "create", "--plan", file, "--database", b.Stack.Database().Name, "--host", host, "--full",
		"--signer", b.Keys.Signer[host], "--state-dir", b.StateDir(host)+"/archive")
}

// whileReading does something once a backup has told the server that it begins: its
// session then stays open and says nothing until all has been read.
func (b *bed) whileReading(t *testing.T, do func() error) (done <-chan error) {
	t.Helper()
	conn, err := b.Connect(b.ctx)
	must(t, err)
	const idle = "SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity WHERE application_name = 'holdfast' AND state = 'idle' AND clock_timestamp() - state_change > '200 ms'"
	var before []int32
	must(t, conn.QueryRow(b.ctx, idle).Scan(&before))
	result := make(chan error, 1)
	go func() {
		defer conn.Close(b.ctx) //nolint:errcheck // read only
		err := b.await("a backup to begin", func() (bool, error) {
			var now []int32
			err := conn.QueryRow(b.ctx, idle).Scan(&now)
			return slices.ContainsFunc(now, func(pid int32) bool { return !slices.Contains(before, pid) }), err
		})
		if err == nil {
			err = do()
		}
		result <- err
	}()
	return result
}

// startAgain starts the primary as its supervisor would: what is left of a killed
// server's processes keeps it from starting for a moment.
func (b *bed) startAgain(t *testing.T) {
	t.Helper()
	must(t, b.await("the primary to start again", func() (bool, error) {
		err := b.PostgresAgain(b.ctx, b.Primary)
		return err == nil, err
	}))
}

// TestFilesChangeWhileTheyAreRead: tables come and go, grow and are cut while a
// backup reads them, under one checkpoint after the other. What is restored and
// replayed holds every acknowledged row.
func TestFilesChangeWhileTheyAreRead(t *testing.T) {
	b := shared(t)
	stop, calm := b.churn(t), b.checkpoints()
	must(t, b.backUpSlowly(t))
	rounds := stop()
	must(t, calm())
	if rounds < 3 {
		t.Errorf("the tables changed %d times only", rounds)
	}
	must(t, b.write(3))
	sets, err := b.Sets(b.ctx)
	must(t, err)
	missing := b.restoreLatest(t, sets[len(sets)-1].ID)
	told(t, filesChange, fmt.Sprintf("%d rounds of creating, filling, cutting and dropping tables during one backup: the set is made", rounds),
		fmt.Sprintf("restored, judged by pg_verifybackup and replayed to the end: %d acknowledged rows missing", missing))
}

// churn makes and drops tables, which is rolled back, and grows and cuts one, few rows
// at a time, until stop, which says how often. None of it looks like damage.
func (b *bed) churn(t *testing.T) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	must(t, b.Primary.Exec(b.ctx, b.Stack.Database().DBName, "CREATE TABLE churned (n int, filling text)"))
	done := make(chan int)
	go func() {
		rounds := 0
		for ; ctx.Err() == nil; rounds++ {
			err := b.Primary.Exec(b.ctx, b.Stack.Database().DBName,
				"BEGIN; CREATE TABLE churn AS SELECT n, repeat('churn', 100) AS filling FROM generate_series(1, 8000) n; DROP TABLE churn; ROLLBACK",
				"INSERT INTO churned SELECT n, repeat('grown', 380) FROM generate_series(1, 500) n", "DELETE FROM churned", "VACUUM churned")
			if err != nil {
				t.Errorf("churn: %v", err)
				break
			}
		}
		done <- rounds
	}()
	return func() int { cancel(); return <-done }
}

// restoreLatest restores a set and replays everything, and counts the rows
// acknowledged to the application before now that are not there: none may be.
func (b *bed) restoreLatest(t *testing.T, set string) (missing int) {
	t.Helper()
	must(t, b.await("stores to hold what was written", b.shipped))
	acks := b.Application.Acks()
	shipped := len(acks)
	must(t, b.write(1))
	must(t, b.await("stores to hold what was written", b.shipped))
	out, err := b.restoreAnd(t, func(conn *pgx.Conn) error {
		rows, err := conn.Query(b.ctx, "SELECT sequence FROM journal WHERE writer = $1::text", b.Application.Name())
		if err != nil {
			return err
		}
		there, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		kept := map[int64]bool{}
		for _, sequence := range there {
			kept[sequence] = true
		}
		for _, ack := range acks[:shipped] {
			if !kept[ack.Sequence] {
				missing++
			}
		}
		return err
	}, "--set", set, "--latest")
	must(t, err)
	if missing > 0 || out.Judged == "" || shipped == 0 {
		t.Errorf("%d of %d acknowledged rows are missing after %+v", missing, shipped, out)
	}
	return missing
}

// TestBackupKilledInTheMiddle: the next one goes on; what the first left behind
// counts for nothing.
func TestBackupKilledInTheMiddle(t *testing.T) {
	b := shared(t)
	must(t, b.write(3))
	before, err := b.Sets(b.ctx)
	must(t, err)
	host := b.Primary.Host
	command := b.Command(b.ctx, "starter", "--plan", b.PlanFile, "backup", "create", "--database", b.Stack.Database().Name, "--host", host, "--full",
		"--signer", b.Keys.Signer[host], "--state-dir", b.StateDir(host)+"/archive")
	killed := make(chan struct{})
	must(t, b.net.Way(stack.StoreS3).Watch(func(r network.Request) {
		if strings.HasPrefix(r.Method, "P") && strings.Contains(r.Target, "/parts/") && command.Process != nil {
			_ = command.Process.Kill() // it may be dead already
			select {
			case <-killed:
			default:
				close(killed)
			}
		}
	}))
	err = command.Run()
	must(t, b.net.Way(stack.StoreS3).Watch(nil))
	select {
	case <-killed:
	default:
		t.Fatalf("it ended before it was killed: %v", err)
	}
	during, err := b.Sets(b.ctx)
	must(t, err)
	made, err := b.BackUp(b.ctx)
	must(t, err)
	if len(during) != len(before) || len(made.Set.Stores) != len(b.Plan.Stores) {
		t.Errorf("%d sets, then %d; the next is in %v", len(before), len(during), made.Set.Stores)
	}
	must(t, b.Starter(b.ctx, nil, "backup", "verify", "--database", b.Stack.Database().Name, "--set", made.Set.ID))
	told(t, backupKilled, "no set is shown, the next backup is made", "the list of sets before and after; every byte of the next set read back from both stores")
}

// TestL12TheTailOfAKilledHost: the newest rows are in no whole segment, and the
// daemon that streams them is killed. What stores hold of the tail is replayed.
func TestL12TheTailOfAKilledHost(t *testing.T) {
	b := shared(t)
	must(t, b.switchWAL())
	must(t, b.write(5))
	must(t, b.await("stores to hold the tail", b.shipped))
	b.WAL.Kill()
	must(t, b.write(5))
	must(t, b.WAL.Again(b.ctx))
	must(t, b.write(5))
	sets, err := b.Sets(b.ctx)
	must(t, err)
	missing := b.restoreLatest(t, sets[len(sets)-1].ID)
	told(t, daemonPartial, "the daemon goes on where the slot stands; the unfinished segment is restored from its pieces", fmt.Sprintf("replayed to the end: %d acknowledged rows missing", missing))
}

// TestL7L13OldestSetToTheNewestRow: from the oldest set the WAL leads across every
// timeline to the newest row, without a false gap; without a set named, the newest
// generation is taken.
func TestL7L13OldestSetToTheNewestRow(t *testing.T) {
	b := shared(t)
	sets, err := b.Sets(b.ctx)
	must(t, err)
	if newest := sets[len(sets)-1]; newest.Timeline == sets[0].Timeline {
		run := b.damaged(t, scenario.Delete) // leads to a new timeline
		b.follow(t, &steadfast{bed: b, t: t})
		run.require(t, b)
	}
	must(t, b.write(5))
	sets, err = b.Sets(b.ctx)
	must(t, err)
	if sets[0].Timeline == sets[len(sets)-1].Timeline {
		t.Fatalf("all sets are of timeline %d", sets[0].Timeline)
	}
	b.restoreLatest(t, sets[0].ID)
	out, err := b.restore(t, "--latest")
	must(t, err)
	last, _ := b.Application.Last()
	if out.Reached == nil || out.Reached.Timeline != uint32(sets[len(sets)-1].Timeline) || out.Reached.LastCommitTime.Before(last.At.Add(-20*time.Second)) {
		t.Errorf("reached %+v, the newest row is of %s on timeline %d", out.Reached, last.At, sets[len(sets)-1].Timeline)
	}
}
