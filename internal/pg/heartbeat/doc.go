// Package heartbeat owns the table that proves which position a database
// reached: schema holdfast, table heartbeat. One row is committed every second
// on the primary by the archiving daemon, which keeps at least seven days; after
// a recovery the newest surviving row says how far it came.
//
// A heartbeat proves position, not the health of other tables.
//
// Beside it, table throughput remembers for a day how many transactions were
// committed: the baseline for a recovered database.
package heartbeat
