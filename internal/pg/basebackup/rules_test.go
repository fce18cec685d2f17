package basebackup

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
)

func TestExclusionRules(t *testing.T) {
	t.Parallel()
	r := rules{unlogged: map[string]bool{"base/5/16400": true, "pg_tblspc/16500/PG_15_202209061/5/16401": true}}
	for name, want := range map[string]bool{
		"PG_VERSION": false, "postgresql.conf": false, "postgresql.auto.conf": false, "base/5/16384": false, "global/1262": false,
		"pg_wal": false, "pg_wal/archive_status": false, "pg_xact/0000": false, "pg_multixact/offsets/0000": false, "pg_logical/mappings": false,
		"base/5/16400_init": false, "base/5/pg_filenode.map": false, "pg_replslot": false, "log/postgresql.log": false,
		"pg_tblspc/16500": false, "base/5/PG_VERSION": false, "base/5/1259_vm": false,
		"postmaster.pid": true, "postmaster.opts": true, "backup_label": true, "tablespace_map": true, "backup_manifest": true,
		"current_logfiles": true, "postgresql.auto.conf.tmp": true, "standby.signal": true, "global/pg_control": true,
		"pg_wal/000000010000000000000001": true, "pg_wal/archive_status/000000010000000000000001.ready": true,
		"pg_replslot/slot/state": true, "pg_stat_tmp/db_0.stat": true, "pg_notify/0000": true, "pg_subtrans/0000": true,
		"base/pgsql_tmp/pgsql_tmp1.0": true, "base/5/pg_internal.init": true, "global/pg_internal.init.42": true,
		"base/5/t3_16384": true, "base/5/t12_16384_fsm": true, "base/5/16400": true, "base/5/16400.1": true, "base/5/16400_fsm": true,
		"pg_tblspc/16500/PG_15_202209061/5/16401": true, "holdfast.incarnation": true, "holdfast_fence_hba.conf": true,
	} {
		if got := r.excluded(name); got != want {
			t.Errorf("excluded(%s) = %v, want %v", name, got, want)
		}
	}
	if !r.excludedIn("pg_tblspc/16500", "PG_15_202209061/5/16401") || r.excludedIn("pg_tblspc/16500", "PG_15_202209061/5/16402") {
		t.Error("a tablespace's files follow other rules")
	}
}

// TestL2FailoverUnderABackupIsRefused is L2: WAL that spans timelines cannot
// restore the backup.
func TestL2FailoverUnderABackupIsRefused(t *testing.T) {
	t.Parallel()
	const label = "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000060\nSTART TIMELINE: 1\n"
	tests := map[string]struct {
		label      string
		start, end point
		class      failure.Class
	}{
		"one timeline":       {label, point{timeline: 1}, point{timeline: 1}, ""},
		"promoted meanwhile": {label, point{timeline: 1}, point{timeline: 2}, failure.CheckFailed},
		"promoted at begin":  {label, point{timeline: 2}, point{timeline: 2}, failure.CheckFailed},
		"no checkpoint":      {"START TIMELINE: 1\n", point{timeline: 1}, point{timeline: 1}, failure.Unknown},
		"no timeline":        {"CHECKPOINT LOCATION: 0/2000060\n", point{timeline: 1}, point{timeline: 1}, failure.CheckFailed},
	}
	for name, tt := range tests {
		b := &backup{start: tt.start, stop: tt.end}
		if err := b.readLabel(tt.label); failure.ClassOf(err) != tt.class {
			t.Errorf("%s: %v, want %q", name, err, tt.class)
		}
	}
}

func TestManifestPathOfOddNames(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"base/5/16384": `"Path": "base/5/16384"`, "log/é": `"Path": "log/é"`,
		"log/\xff": `"Encoded-Path": "6c6f672fff"`, "log/\"": `"Encoded-Path": "6c6f672f22"`,
	} {
		if got := manifestPath(path); got != want {
			t.Errorf("manifestPath(%q) = %s, want %s", path, got, want)
		}
	}
}
