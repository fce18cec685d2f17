// Package basebackup copies a running cluster into an archive set that recovery
// can start from.
//
// # Promises
//
//   - The set holds what pg_basebackup would take, by PostgreSQL's own exclusion
//     rules, with backup_label, and a backup_manifest that pg_verifybackup checks.
//   - Every page's checksum is verified while it is read; damage marks the set,
//     and such a set never counts as verified.
//   - The set becomes visible only when the WAL it needs is archived.
//   - A backup that a failover or restart happened under is refused (L2).
//
// tablespace_map is left out on purpose: with it the server would put the
// tablespaces where they were, over the original's. The links are in the set and
// a restore points them elsewhere.
//
// Killed half-way: the server ends the backup with its session; nothing is
// visible; running again with the same set ID reuses what was uploaded.
package basebackup
