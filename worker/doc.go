// Command worker is the one binary that runs on every machine holdfast uses. It
// polls the task queues it is told to: control (workflows and cloud calls),
// site.<name>, host.<name> (work on that host's disks).
//
//	worker run --plan FILE [--host NAME] [--site NAME] [--queues control,...]
//	worker wal --config FILE serve|push PATH|fetch NAME PATH|status
//
// How it reaches Temporal is read the way Temporal's own tools read it:
// TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS…, or a
// profile of temporal.toml (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE).
//
// SIGTERM and SIGINT stop it gracefully: it takes no new work, gives what is
// under way --stop-timeout to end, and then leaves it to a retry elsewhere. A
// second signal ends it at once. Exit codes are those of failure.Class.
package main
