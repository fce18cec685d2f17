// Package observe measures how a PostgreSQL cluster serves its applications
// and compares what it measured with a baseline.
//
//	throughput  committed transactions a second, from pg_stat_database, without
//	            those of the measurement itself
//	latency     95th percentile of given queries, run as the application and
//	            spread over the time watched
//	lag         of every streaming replica, from pg_stat_replication; greatest
//
// The baseline of the throughput is counted before the disruption, where the archiving
// daemon noted it (package heartbeat); otherwise, as of the rest, it is what was
// watched when the run began.
//
// Measuring and judging are apart: Watch touches the server, Judge is a pure
// function. What could not be measured says so, and its verdict is unknown, never
// passed: no baseline, too few samples, statistics that were reset meanwhile, a
// role that may not see replication.
package observe
