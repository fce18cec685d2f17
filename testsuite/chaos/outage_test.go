//go:build chaos

package chaos_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/testsuite/stack/relay"
)

// TestL24AFailedBackupIsSaid: a set is in every store or is none. The backup fails
// with a class and the command that goes on, no set is shown, and that command
// makes it.
func TestL24AFailedBackupIsSaid(t *testing.T) {
	b := shared(t)
	before, err := b.Sets(b.ctx)
	must(t, err)
	must(t, b.write(3))
	way := b.net.Way(stack.StoreS3)
	gone := fault{inject: func(*bed) (func() error, error) { way.Refuse(); return nothing, nil }}
	_, disarm := b.arm(t, kind{name: "the write of a part", method: "P", words: []string{"/parts/"}, faults: []fault{gone}})
	_, err = b.BackUp(b.ctx)
	disarm()
	refused, ok := isRefusal(err)
	if !ok || refused.Class != failure.Unavailable || !strings.Contains(refused.Hint, "--set ") {
		t.Fatalf("got %v, want class %s and the command that goes on", err, failure.Unavailable)
	}
	must(t, way.Heal())
	during, err := b.Sets(b.ctx)
	must(t, err)
	if len(during) != len(before) {
		t.Errorf("%d sets, there were %d: a set that is not whole is shown", len(during), len(before))
	}
	_, set, _ := strings.Cut(refused.Hint, "--set ")
	set = firstWords(set, 1)
	var made scenario.BackedUp
	must(t, b.Starter(b.ctx, &made, "backup", "create", "--database", b.Stack.Database().Name, "--host", b.Primary.Host, "--set", set,
		"--signer", b.Keys.Signer[b.Primary.Host], "--state-dir", filepath.Join(b.StateDir(b.Primary.Host), "archive")))
	if made.Set.ID != set || len(made.Set.Stores) != len(b.Plan.Stores) {
		t.Errorf("set %s is in %v, wanted %s in all", made.Set.ID, made.Set.Stores, set)
	}
	told(t, oneStoreGone, fmt.Sprintf("the backup failed as %s, no set was shown, and the command that it says to run next made the set", refused.Class), "the list of sets before, between and after; the set is in both stores")
}

// TestBothStoresGoneWhileARecoveryFetches: the run waits, its step says why, and it
// ends as it would have once the stores are back.
func TestBothStoresGoneWhileARecoveryFetches(t *testing.T) {
	b := shared(t)
	var once sync.Once
	gone := make(chan struct{})
	b.atBoundaries(func(task relay.Task) {
		if task.ID != "create-the-recovery-workspace" {
			return
		}
		once.Do(func() {
			for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
				b.net.Way(server).Refuse()
			}
			close(gone)
		})
	})
	defer b.atBoundaries(nil)
	run := b.damaged(t, scenario.Drop)
	waits := make(chan string, 1)
	go func() {
		select {
		case <-gone:
			waits <- b.waitsWhy(t)
		case <-b.ctx.Done():
			waits <- ""
		}
	}()
	people := &steadfast{bed: b, t: t}
	b.follow(t, people)
	why := <-waits
	result, _ := run.require(t, b)
	b.requireRepaired(t)
	if !strings.Contains(why, "no store answers") {
		t.Errorf("while both stores were gone the run said: %q", why)
	}
	told(t, bothGoneRun, "the run waits, and its step says why: "+why+". When the stores are back it goes on by itself: "+brief(result, people),
		"0 rows acknowledged before the damage are gone, one swap; WAL held back meanwhile is in both stores")
}

// waitsWhy waits until a step has failed and is to be tried again, looks that the
// primary answers, and heals what is broken. It returns what the step said.
func (b *bed) waitsWhy(t *testing.T) (why string) {
	t.Helper()
	err := b.await("a step to be tried again", func() (bool, error) {
		described, err := b.Client.DescribeWorkflowExecution(b.ctx, b.WorkflowID(), "")
		for _, step := range described.GetPendingActivities() {
			if step.GetLastFailure() != nil {
				why = fmt.Sprintf("%s: %.300s", step.GetActivityId(), step.GetLastFailure().GetMessage())
			}
		}
		return why != "", err
	})
	if err := errors.Join(err, b.answers(), b.net.Heal()); err != nil {
		t.Error(err)
	}
	return why
}

// TestSpoolFull: with both stores gone, pg_wal short of space and pushes therefore
// acknowledged from the spool alone, the spool is full. What does not fit is not
// acknowledged: PostgreSQL keeps it and writes on, and nothing is lost. As root the
// disk under the spool is full, too.
func TestSpoolFull(t *testing.T) {
	b := shared(t)
	spool := filepath.Join(b.Stack.Database().Backup.Archive.SpoolDir, "waiting")
	for _, one := range []struct {
		name string
		fill func(t *testing.T) (restore func())
	}{
		{spoolFull, b.smallSpool},
		{spoolDiskFull, func(t *testing.T) func() { t.Helper(); return b.fullDisk(t, spool) }},
	} {
		t.Run(one.name, func(t *testing.T) {
			restore := one.fill(t)
			defer restore()
			for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
				b.net.Way(server).Refuse()
			}
			wanted := []walship.EventKind{walship.EventStoresDown, walship.EventHeadroom, walship.EventSpoolOnly, walship.EventSpoolFull}
			for range 8 {
				must(t, b.bulk())
			}
			must(t, b.await("a push to be refused, and the alarms to speak", func() (bool, error) {
				status, err := b.walStatus()
				kinds, _ := b.alarms()
				for _, kind := range wanted {
					if !slices.Contains(kinds, kind) {
						return false, errors.Join(err, fmt.Errorf("alarms %v, not %s", kinds, kind))
					}
				}
				return status.Refused > 0 && status.Archived > 0, err
			}))
			must(t, b.write(5)) // the primary has not stopped
			full, err := b.walStatus()
			must(t, err)
			must(t, b.net.Heal())
			b.requireRepaired(t)
			told(t, one.name, fmt.Sprintf("%d pushes acknowledged from the spool, then %d refused, whose segments PostgreSQL kept while it wrote on; alarms %v", full.Archived, full.Refused, wanted),
				"the same segments in both stores afterwards, the spool empty")
		})
	}
}

// bulk writes a segment of rows that cannot be packed well. They are rolled back:
// nothing stays of them, and nothing that looks like damage.
func (b *bed) bulk() error {
	return b.Primary.Exec(b.ctx, b.Stack.Database().DBName, `BEGIN; CREATE TABLE bulk (n bigint, filling text);
		INSERT INTO bulk SELECT n, (SELECT string_agg(md5(random()::text || n || i), '') FROM generate_series(1, 30) i) FROM generate_series(1, 12000) n;
		ROLLBACK`, "SELECT pg_switch_wal()")
}

// smallSpool gives the WAL daemon room for two segments.
func (b *bed) smallSpool(t *testing.T) (restore func()) {
	t.Helper()
	return b.spooling(t, func(s *settings.Settings) { s.Spool.MaxBytes = 2 * 16 << 20 })
}

// spooling restarts the WAL daemon so that it acknowledges from the spool alone, as
// if pg_wal were short of space, and with what change changes.
func (b *bed) spooling(t *testing.T, change func(*settings.Settings)) (restore func()) {
	t.Helper()
	file := b.WALSettings(b.Primary.Host)
	before, err := os.ReadFile(file)
	must(t, err)
	made, err := settings.Parse(before)
	must(t, err)
	made.Archive.OnStoresDown, made.Archive.HeadroomBytes, made.Archive.Timeout = settings.SpoolAtHeadroom, 1<<60, 3*time.Second
	change(&made)
	text, err := yaml.Marshal(made)
	must(t, err)
	again := func(text []byte) {
		must(t, os.WriteFile(file, text, 0o600))
		b.WAL.Kill()
		must(t, b.WAL.Again(b.ctx))
	}
	again(text)
	return func() { again(before) }
}
