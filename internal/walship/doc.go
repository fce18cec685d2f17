// Package walship carries a database's write-ahead log to the stores and back:
// push (archive_command), fetch (restore_command), the tail over streaming
// replication, and the heartbeat rows that prove how far a recovery reached. It
// works while everything else of holdfast is down.
//
// # Objects
//
//	v1/<source>/wal/<system>/<timeline>/<file>-<hash>.zst.pgp              what PostgreSQL archived
//	v1/<source>/wal/<system>/<timeline>/<file>.history-<hash>.clear        which timeline left which, and where
//	v1/<source>/wal/<system>/<timeline>/tail/<segment>-<from>-<to>-<hash>.zst.pgp
//	v1/<source>/heartbeat/<system>/<incarnation>/<first>-<last>.json
//
// <hash> is the first 32 digits of the plaintext's SHA-256, so the same file has
// the same key whoever pushes it, however often; another content under the same
// file name is another key beside it, which push refuses and Inventory reports.
// A tail piece holds only what was flushed since the piece before: shipping
// costs what was written, not a segment every two seconds. While segments fill up,
// and are archived whole, within the tail's interval, it does not even stream.
//
// # Twice, half, late, on the wrong host
//
// Push twice is success; push of other content is failure.Exists. A push that
// died half-way left nothing, a spool entry, or an object that the next push
// finds. WAL of another cluster is refused by its page header, and by the system
// identifier in the key. Tail pieces may overlap after a crash; recovery checks
// that they agree.
package walship
