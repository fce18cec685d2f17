package main

import "context"

// Names of the rows, as results.json and the table have them.
const (
	rowBackupFile   = "full backup, two file stores"
	rowBackupCloud  = "full backup, S3 and GCS"
	rowBackupS3     = "full backup, S3 alone"
	rowBackupTar    = "full backup against tar, gzip and gpg"
	rowRestore      = "restore to a running, consistent server"
	rowRestoreFiles = "restore of the files alone"
	rowDeltaSame    = "delta restore, nothing changed"
	rowDeltaChanged = "delta restore, 5 % changed"
	rowReplay       = "WAL replay through wal fetch"
	rowFetchMedian  = "wal fetch of an absent segment, median"
	rowFetchP95     = "wal fetch of an absent segment, p95"
	rowLoadPeer     = "pgbench while archiving, against pgBackRest"
	rowLoadNone     = "pgbench while archiving, against none"
	rowRPOLoad      = "age of the newest stored WAL byte under load, p99"
	rowRPOIdle      = "age of the newest stored WAL byte at a row a second, p99"
	rowMemory       = "memory of any backup or restore"
	rowGrowth       = "memory at ten times the data"
	rowStepMedian   = "overhead of a step, median"
	rowStepP95      = "overhead of a step, p95"
	rowEvents       = "history of a recovery, events"
	rowHistoryBytes = "history of a recovery, size"
)

// rowKind is what a row compares, and what it must not exceed.
type rowKind struct {
	name    string
	against string  // what the peer is; "" where ours is held against a limit
	unit    string  // of ours and peer
	rate    bool    // more is better: the ratio is peer over ours
	limit   float64 // in unit, where there is no peer
	target  float64 // the highest ratio that passes
}

// rowKinds are all rows, in the table's order.
func rowKinds() []rowKind {
	return []rowKind{
		{name: rowBackupFile, against: "pgBackRest full, zst 1, aes-256-cbc, two processes, local", unit: "s", target: 0.8},
		{name: rowBackupCloud, against: "the same", unit: "s", target: 1.2},
		{name: rowBackupS3, against: "the same", unit: "s", target: 1},
		{name: rowBackupTar, against: "tar | gzip | gpg, a local file", unit: "s", target: 0.1},
		{name: rowRestore, against: "pgBackRest restore, two processes, and start", unit: "s", target: 0.8},
		{name: rowRestoreFiles, against: "pgBackRest restore, two processes", unit: "s", target: 0.8},
		{name: rowDeltaSame, against: "pgBackRest --delta restore", unit: "s", target: 1},
		{name: rowDeltaChanged, against: "pgBackRest --delta restore", unit: "s", target: 1},
		{name: rowReplay, against: "cp from a local folder", unit: "MB/s", rate: true, target: 1 / 0.9},
		{name: rowFetchMedian, unit: "ms", limit: 15, target: 1},
		{name: rowFetchP95, unit: "ms", limit: 15, target: 1},
		{name: rowLoadPeer, against: "pgBackRest asynchronous archive-push, local", unit: "tps", rate: true, target: 1},
		{name: rowLoadNone, against: "archive_command = /bin/true", unit: "tps", rate: true, target: 1 / 0.8},
		{name: rowRPOLoad, unit: "s", limit: 5, target: 1},
		{name: rowRPOIdle, unit: "s", limit: 5, target: 1},
		{name: rowMemory, unit: "MiB", limit: 512, target: 1},
		{name: rowGrowth, against: "the same with a tenth of the data", unit: "MiB", target: 1.2},
		{name: rowStepMedian, unit: "ms", limit: 50, target: 1},
		{name: rowStepP95, unit: "ms", limit: 150, target: 1},
		{name: rowEvents, unit: "events", limit: 2000, target: 1},
		{name: rowHistoryBytes, unit: "MB", limit: 2, target: 1},
	}
}

// group is rows that are measured together.
type group struct {
	name    string
	rows    []string
	measure func(context.Context, *workshop, *findings) error
}

// groups are in an order that lets later ones use what earlier ones left. Those that
// grow the database come late, and last those that have a stack of their own.
func groups() []group {
	return []group{
		{"backup", []string{rowBackupFile, rowBackupCloud, rowBackupS3, rowBackupTar}, measureBackups},
		{"restore", []string{rowRestore, rowRestoreFiles}, measureRestores},
		{"delta", []string{rowDeltaSame, rowDeltaChanged}, measureDeltas},
		{"replay", []string{rowReplay, rowFetchMedian, rowFetchP95}, measureReplay},
		{"load", []string{rowLoadPeer, rowLoadNone}, measureLoad},
		{"rpo", []string{rowRPOLoad, rowRPOIdle}, measureRPO},
		{"memory", []string{rowMemory, rowGrowth}, measureMemory},
		{"run", []string{rowStepMedian, rowStepP95, rowEvents, rowHistoryBytes}, measureRun},
	}
}
