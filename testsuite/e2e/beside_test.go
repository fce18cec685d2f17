package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// TestKilledWithoutTemporal kills what works without Temporal, each in the middle:
// a backup, the pushing of WAL and the daemon behind it, a restore and its replay.
// The same command again finishes the work, and no acknowledged row is missing.
func TestKilledWithoutTemporal(t *testing.T) {
	h := protected(t, func(o *scenario.Options) {
		o.Size = dataset.Size{Experiments: 2_000, Results: 40_000, Models: 1_000} // so that nothing is over at once
	})
	h.within(t, 3*time.Minute)
	h.Temporal.Stop()
	h.killBackup(t)
	h.killWAL(t)
	h.Application.Stop()
	h.awaitArchived(t)
	h.killRestore(t)
}

// killBackup kills a full backup after its first parts are in a store. Nobody sees
// a half set; the next backup is whole.
func (h *house) killBackup(t *testing.T) {
	t.Helper()
	stores, closeAll, err := binding.Stores(h.ctx, h.Plan)
	h.must(t, err)
	defer closeAll() //nolint:errcheck // only read
	before := h.parts(t, stores[0])
	host := h.Primary.Host
	create := []string{
		"backup", "create", "--database", h.Database().Name, "--host", host, "--full",
		"--signer", h.Keys.Signer[host], "--state-dir", filepath.Join(h.StateDir(host), "archive"),
	}
	h.killed(t, create, func() (bool, error) { return h.parts(t, stores[0]) > before, nil })
	sets, err := h.Sets(h.ctx)
	h.must(t, err)
	if len(sets) != 1 {
		t.Errorf("after the kill %d sets are visible: %+v", len(sets), sets)
	}
	h.must(t, h.Starter(h.ctx, nil, create...))
	sets, err = h.Sets(h.ctx)
	h.must(t, err)
	if len(sets) != 2 || len(sets[1].Stores) != len(h.Plan.Stores) {
		t.Errorf("after the next backup: %+v", sets)
	}
	h.must(t, h.Starter(h.ctx, nil, "backup", "verify", "--database", h.Database().Name, "--all"))
}

// parts counts the parts of all sets in a store, visible or not.
func (h *house) parts(t *testing.T, from store.Store) (count int) {
	t.Helper()
	for object, err := range from.List(h.ctx, "v1/"+h.Database().Name+"/sets/", store.ListOptions{}) {
		h.must(t, err)
		if strings.Contains(object.Key, "/parts/") {
			count++
		}
	}
	return count
}

// killed starts a starter command and kills it when middle says so.
func (h *house) killed(t *testing.T, args []string, middle func() (bool, error)) {
	t.Helper()
	var said bytes.Buffer
	doomed := h.Command(h.ctx, "starter", append([]string{"--plan", h.PlanFile, "-o", "json"}, args...)...)
	doomed.Stdout, doomed.Stderr = &said, &said
	h.must(t, doomed.Start())
	ended := make(chan error, 1)
	go func() { ended <- doomed.Wait() }()
	h.await(t, "the middle of starter "+strings.Join(args[:2], " "), func() (bool, error) {
		if len(ended) > 0 {
			t.Fatalf("it was over before its middle: %s", said.String())
		}
		return middle()
	})
	h.must(t, doomed.Process.Kill())
	if <-ended; doomed.ProcessState.Success() {
		t.Errorf("starter %s was over before it was killed", strings.Join(args[:2], " "))
	}
}

// killedPushes is how many calls of archive_command are killed.
const killedPushes = 6

// killWAL lets PostgreSQL archive through a command that is killed, each time a
// little later, before it may work, and kills the daemon behind it as well.
func (h *house) killWAL(t *testing.T) {
	t.Helper()
	conn, err := h.Connect(h.ctx)
	h.must(t, err)
	defer conn.Close(context.WithoutCancel(h.ctx)) //nolint:errcheck // nothing is under way
	var sound string
	h.must(t, conn.QueryRow(h.ctx, "SHOW archive_command").Scan(&sound))
	h.setArchiveCommand(t, conn, h.pushKiller(t, sound))
	for range 4 {
		h.must(t, h.WriteOn(h.ctx, 5))
		_, err = conn.Exec(h.ctx, "SELECT pg_switch_wal()")
		h.must(t, err)
		h.must(t, h.WAL.Restart(h.ctx))
	}
	h.await(t, "all kills", func() (bool, error) {
		calls, err := os.ReadFile(h.pushCalls())
		if len(calls) > killedPushes || err != nil {
			return err == nil, err
		}
		h.must(t, h.WriteOn(h.ctx, 5)) // PostgreSQL waits a minute after three failures, unless a segment ends
		_, err = conn.Exec(h.ctx, "SELECT pg_switch_wal()")
		return false, err
	})
	h.setArchiveCommand(t, conn, sound)
	var failed int
	h.must(t, conn.QueryRow(h.ctx, "SELECT failed_count FROM pg_stat_archiver").Scan(&failed))
	if failed < killedPushes {
		t.Errorf("PostgreSQL counts %d failed pushes, %d were killed", failed, killedPushes)
	}
}

func (h *house) pushCalls() string { return filepath.Join(h.Primary.SocketDir, "push-calls") }

// pushKiller is an archive_command that starts the sound one and kills it after
// 0, 4, 8 … ms; after killedPushes calls it lets it work.
func (h *house) pushKiller(t *testing.T, sound string) string {
	t.Helper()
	script := filepath.Join(h.Dir, "bin", "push-killer")
	text := fmt.Sprintf(`#!/bin/sh
echo >> '%[1]s'
calls=$(wc -l < '%[1]s')
if [ "$calls" -gt %[2]d ]; then exec %[3]s; fi
%[3]s &
sleep "0.0$(printf %%02d $(( (calls - 1) * 4 )))"
kill -9 $!
exit 1
`, h.pushCalls(), killedPushes, strings.ReplaceAll(sound, "%p", `"$1"`))
	h.must(t, os.WriteFile(script, []byte(text), 0o755)) // #nosec G306 -- PostgreSQL runs it as the stack's account
	h.must(t, os.Chmod(script, 0o755))
	return script + " %p"
}

func (h *house) setArchiveCommand(t *testing.T, conn *pgx.Conn, command string) {
	t.Helper()
	for _, statement := range []string{"ALTER SYSTEM SET archive_command = '" + strings.ReplaceAll(command, "'", "''") + "'", "SELECT pg_reload_conf()"} {
		_, err := conn.Exec(h.ctx, statement)
		h.must(t, err)
	}
}

// awaitArchived ends the segment and waits until it and all before it are archived.
func (h *house) awaitArchived(t *testing.T) {
	t.Helper()
	conn, err := h.Connect(h.ctx)
	h.must(t, err)
	defer conn.Close(context.WithoutCancel(h.ctx)) //nolint:errcheck // nothing is under way
	var segment, archived string
	h.must(t, conn.QueryRow(h.ctx, "SELECT pg_walfile_name(pg_switch_wal())").Scan(&segment))
	h.await(t, segment+" to be archived", func() (bool, error) {
		err := conn.QueryRow(h.ctx, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver").Scan(&archived)
		return archived >= segment, err
	})
}

// killRestore kills a restore while files arrive and again while WAL is replayed,
// and requires that the third call brings back every acknowledged row.
func (h *house) killRestore(t *testing.T) {
	t.Helper()
	to := filepath.Join(h.Primary.Workspace, "by-hand")
	restore := []string{"backup", "restore", "--database", h.Database().Name, "--latest", "--to", to, "--key", h.recipientKey(t)}
	h.killed(t, restore, there(filepath.Join(to, "data", "*")))
	h.killed(t, restore, there(filepath.Join(to, "data", "postmaster.pid")))
	var restored struct {
		DataDir string   `json:"data_dir"`
		Next    []string `json:"next"`
	}
	h.must(t, h.Starter(h.ctx, &restored, restore...))
	var socket, port string
	if _, err := fmt.Sscanf(restored.Next[0], "look at it: psql -h %s -p %s", &socket, &port); err != nil {
		t.Fatalf("next: %q: %v", restored.Next, err)
	}
	conn, err := pgx.Connect(h.ctx, fmt.Sprintf("host=%s port=%s user=%s dbname=%s", socket, port, h.Primary.Superuser, h.Database().DBName))
	h.must(t, err)
	defer conn.Close(context.WithoutCancel(h.ctx)) //nolint:errcheck // only read
	loss, err := h.Application.Judge(h.ctx, conn)
	h.must(t, err)
	if loss.Acknowledged == 0 || loss.Missing != 0 {
		t.Errorf("of %d acknowledged rows %d are missing, the newest of %s", loss.Acknowledged, loss.Missing, loss.NewestLost.Format(time.RFC3339Nano))
	}
}

// recipientKey is the private key of a recipient that is not offline.
func (h *house) recipientKey(t *testing.T) string {
	t.Helper()
	for _, recipient := range h.Plan.Encryption.Recipients {
		if !recipient.Offline {
			return h.Keys.Private[recipient.Name]
		}
	}
	t.Fatal("every recipient of the plan is offline")
	return ""
}

// there says that a file of that pattern exists.
func there(pattern string) func() (bool, error) {
	return func() (bool, error) {
		found, err := filepath.Glob(pattern)
		return len(found) > 0, err
	}
}
