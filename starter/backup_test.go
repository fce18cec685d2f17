package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

// TestBackupsWithoutTemporal walks through a database's life with nothing but
// this program: no Temporal server exists in this test.
func TestBackupsWithoutTemporal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Exec(t, "CREATE TABLE ships (id int, name text)", "INSERT INTO ships SELECT i, md5(i::text) FROM generate_series(1, 20000) i")

	if out := h.must(t, 0, "backup", "list"); !strings.Contains(out, "no backup of bookings yet") {
		t.Errorf("empty list: %s", out)
	}
	first := decode[created](t, h.must(t, 0, h.create("--full", "-o", "json")...))
	if first.Set.Kind != "full" || len(first.Set.Stores) != 2 || first.Set.Damaged {
		t.Fatalf("created %+v", first)
	}
	h.Exec(t, "INSERT INTO ships VALUES (0, 'after the backup')")
	second := decode[created](t, h.must(t, 0, h.create("-o", "json")...))
	if second.Set.Kind != "incremental" || second.ReusedBytes == 0 {
		t.Errorf("created %+v", second)
	}
	h.listed(t, first.Set.ID, second.Set.ID)

	h.Exec(t, "INSERT INTO ships VALUES (-1, 'before the mistake')")
	point := decode[pointOut](t, h.must(t, 0, "restore-point", "create", "--name", "before-mistake", "-o", "json"))
	if point.LSN == 0 || len(point.Stores) != 2 {
		t.Errorf("restore point %+v", point)
	}
	h.must(t, failure.Exists.ExitCode(), "restore-point", "create", "--name", "before-mistake")
	h.Exec(t, "DELETE FROM ships")
	h.flush(t)

	h.verified(t, 0, "--all")
	h.verified(t, 0, "--set", second.Set.ID, "--deep", "--key", h.key)
	h.damage(t, first.Set.ID)
	h.verified(t, failure.Corrupt.ExitCode(), "--set", first.Set.ID)

	h.restoreFiles(t, first.Set.ID)
	h.restoreToPoint(t, point)
	h.restoreLatest(t)
	h.restoreInPlace(t, second.Set.ID)
}

func (h *house) create(more ...string) []string {
	return append([]string{
		"backup", "create", "--database", houseDatabase, "--host", houseHost, "--signer", h.signer,
		"--state-dir", filepath.Join(h.dir, "state"),
	}, more...)
}

func (h *house) listed(t *testing.T, sets ...string) {
	t.Helper()
	out := decode[backups](t, h.must(t, 0, "backup", "list", "-o", "json"))
	if len(out.Sets) != len(sets) || len(out.Anomalies) != 0 {
		t.Fatalf("listed %+v", out)
	}
	table := h.must(t, 0, "backup", "list", "--database", houseDatabase)
	for _, set := range sets {
		if !strings.Contains(table, set) || !strings.Contains(table, "annex,cellar") {
			t.Errorf("the table lacks %s:\n%s", set, table)
		}
	}
}

func (h *house) verified(t *testing.T, want int, more ...string) {
	t.Helper()
	args := append([]string{"backup", "verify", "--database", houseDatabase, "-o", "json", "--plan", h.planFile}, more...)
	code, out, complaints := starter(t, args...)
	if code != want {
		t.Fatalf("%v ended with %d, want %d\n%s%s", args, code, want, out, complaints)
	}
	for _, one := range decode[[]verified](t, out) {
		if one.Objects == 0 || one.Sound != (want == 0) {
			t.Errorf("verified %+v", one)
		}
		for _, bad := range one.Problems {
			if bad.Store != "cellar" || bad.Class != failure.Corrupt {
				t.Errorf("problem %+v", bad)
			}
		}
	}
}

// damage changes one byte of a part in the directory store.
func (h *house) damage(t *testing.T, set string) {
	t.Helper()
	var part string
	err := filepath.WalkDir(h.files, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasPrefix(path, filepath.Join(h.files, "objects")) && strings.Contains(path, set+"/parts/") {
			part = path
		}
		return err
	})
	if err != nil || part == "" {
		t.Fatalf("no part of %s below %s: %v", set, h.files, err)
	}
	content, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(content)
	changed[len(changed)/2] ^= 1
	if err := os.Chmod(part, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(part, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *house) restore(more ...string) []string {
	return append([]string{"backup", "restore", "--database", houseDatabase, "--key", h.key, "--wal-program", h.wal, "--bin-dir", h.BinDir, "-o", "json"}, more...)
}

// restoreFiles brings the set back although one store's copy of it is damaged.
func (h *house) restoreFiles(t *testing.T, set string) {
	t.Helper()
	to := filepath.Join(h.dir, "files")
	args := h.restore("--set", set, "--to", to)
	out := decode[restoredOut](t, h.must(t, 0, args...))
	if !strings.Contains(out.Judged, "pg_verifybackup") || out.BytesWritten == 0 || out.Again {
		t.Errorf("restored %+v", out)
	}
	again := decode[restoredOut](t, h.must(t, 0, args...))
	if !again.Again || again.Incarnation != out.Incarnation || again.Judged != out.Judged {
		t.Errorf("restored twice: %+v", again)
	}
	h.restoreThatWasNotJudged(t, set)
	if complaints := h.must(t, failure.Exists.ExitCode(), h.restore("--latest", "--to", to)...); !strings.Contains(complaints, "next") && !strings.Contains(complaints, "hint") {
		t.Errorf("another restore into the same directory: %s", complaints)
	}
	h.must(t, failure.Forbidden.ExitCode(), "backup", "restore", "--set", set, "--to", to+"-2", "--key", h.signer)
	h.must(t, failure.NotFound.ExitCode(), h.restore("--set", "20260301T001122Z-f-0a1b2c3d", "--to", to+"-3")...)
}

// restoreThatWasNotJudged: an earlier call wrote the files and was killed, or refused
// them; the next one does not take them for sound.
func (h *house) restoreThatWasNotJudged(t *testing.T, set string) {
	t.Helper()
	to := filepath.Join(h.dir, "unjudged")
	args := h.restore("--set", set, "--to", to)
	out := decode[restoredOut](t, h.must(t, 0, args...))
	if err := os.Remove(filepath.Join(to, judgedFile)); err != nil {
		t.Fatal(err)
	}
	if again := decode[restoredOut](t, h.must(t, 0, args...)); !again.Again || again.Judged == "" {
		t.Errorf("judged by the second call: %+v", again)
	}
	if err := os.Remove(filepath.Join(to, judgedFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(out.DataDir, "pg_hba.conf"), 0); err != nil {
		t.Fatal(err)
	}
	h.must(t, failure.Corrupt.ExitCode(), args...)
	h.must(t, failure.Corrupt.ExitCode(), args...)
}

func (h *house) restoreToPoint(t *testing.T, point pointOut) {
	t.Helper()
	to, port := filepath.Join(h.dir, "point"), pgtest.Port(t)
	args := h.restore("--target-name", point.Name, "--to", to, "--port", strconv.Itoa(port))
	out := decode[restoredOut](t, h.must(t, 0, args...))
	c := h.stopped(t, to, port)
	if out.Reached == nil || out.Reached.LSN != point.LSN || !out.Reached.Paused || out.Promoted {
		t.Errorf("reached %+v, want %s", out.Reached, point.LSN)
	}
	const count = "SELECT count(*) FROM ships WHERE id <= 0"
	if got := pgtest.QueryAt[int](t, c.Server("postgres"), count); got != 2 {
		t.Errorf("%d rows written after the backup survived, want 2", got)
	}
	out = decode[restoredOut](t, h.must(t, 0, append(args, "--promote")...))
	if !out.Promoted || !out.Again {
		t.Errorf("promoted %+v", out)
	}
	if pgtest.QueryAt[bool](t, c.Server("postgres"), "SELECT pg_is_in_recovery()") {
		t.Error("still recovering after --promote")
	}
}

// restoreLatest loses nothing that was archived: the mistake is in it too.
func (h *house) restoreLatest(t *testing.T) {
	t.Helper()
	to, port := filepath.Join(h.dir, "latest"), pgtest.Port(t)
	out := decode[restoredOut](t, h.must(t, 0, h.restore("--latest", "--to", to, "--port", strconv.Itoa(port))...))
	c := h.stopped(t, to, port)
	if got := pgtest.QueryAt[int](t, c.Server("postgres"), "SELECT count(*) FROM ships"); got != 0 {
		t.Errorf("%d rows after everything was replayed, reached %+v of %+v\n%s", got, out.Reached, out.Choice, c.LogTail(4000))
	}
}

func (h *house) restoreInPlace(t *testing.T, set string) {
	t.Helper()
	args := h.restore("--set", set, "--in-place", "--delta", "--host", houseHost)
	h.must(t, failure.Refused.ExitCode(), args...) // nobody said yes
	args = append(args, "--yes")
	h.must(t, failure.Unsafe.ExitCode(), args...)                                       // no permission
	h.must(t, failure.Unsafe.ExitCode(), append(args, "--no-way-back", "officer-a")...) // the server runs
	h.Stop(t)
	out := decode[restoredOut](t, h.must(t, 0, append(args, "--no-way-back", "officer-a")...))
	if out.DataDir != h.DataDir || out.BytesKept == 0 || out.Judged == "" {
		t.Errorf("restored in place %+v", out)
	}
	// Damaged again, it is restored again: that an earlier call ended says nothing of today.
	pgtest.Flip(t, h.Server, "base/1/1259", 3000)
	again := decode[restoredOut](t, h.must(t, 0, append(args, "--no-way-back", "officer-a")...))
	if again.Again || again.BytesWritten == 0 || again.Judged == "" {
		t.Errorf("restored in place a second time %+v", again)
	}
}
