// Package postgres holds the activities that touch a PostgreSQL server or its
// host's disks. They run on the task queue of that host, one file per verb.
//
// An input names things by their names in the plan; the worker resolves them in
// its own copy of the plan and refuses an input made for another one, so that no
// message can point it at a path or a server that its plan does not hold.
// Secrets are resolved on the host and never leave it.
//
// Every activity may run twice, or be killed half-way and run again; what happens
// then stands in its comment.
package postgres
