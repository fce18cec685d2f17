// Package stack starts everything the demo and the end-to-end tests run on, as
// real servers on free loopback ports and under one private directory:
//
//	Temporal dev server with Web UI      PgBouncer with a writer and a reader entry
//	PostgreSQL primary and replica       SMTP server that keeps what it is sent
//	S3 (versitygw), GCS (fake-gcs)       workers and the WAL daemon, on demand
//
//	s, err := stack.Start(ctx, stack.Options{PlanFile: "deploy/plans/ai-scientist.yaml"})
//	if err != nil { ... }
//	defer s.Close(...)
//	s.PlanFile   // that plan, with this stack's hosts, ports, keys and passwords
//
// # Promises
//
//  1. Nothing outside: no port off loopback, no file outside the directory, no
//     system service, no system cluster.
//  2. Nothing stays: Close ends every server in reverse order, by its process
//     ID, also PostgreSQL servers that a worker started inside the directory. When
//     this process is killed the kernel ends its children, and the next Start
//     removes what a killed one left.
//  3. No root: as root, PostgreSQL, PgBouncer, Temporal and workers run as an
//     unprivileged user, from copies of the binaries they need.
//  4. No blind waiting: each server has a probe that looks at what it is for.
//
// All names (databases, roles, hosts, buckets, people) come from the plan.
package stack
