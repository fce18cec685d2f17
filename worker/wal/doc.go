// Command wal is what PostgreSQL calls for every WAL file:
//
//	archive_command = 'wal --config /etc/holdfast/wal.yaml push %p'
//	restore_command = 'wal --config /etc/holdfast/wal.yaml fetch %f %p'
//
// It asks the daemon (worker wal serve), which holds warm store connections. If
// no daemon answers it becomes the full worker, which does the same by itself:
// archiving never waits for a service to be up. It links no cloud SDK and starts
// in milliseconds.
//
// Settings without a worker are those of a recovery whose WAL one process serves, since
// it alone was given the keys. While that process is gone a fetch waits for the next
// one: nobody else can say whether a file exists, and recovery goes on where it stood.
//
//	wal --config FILE status     prints the daemon's status as JSON
//
// Exit codes. push: 0 archived; 2–71 not archived, PostgreSQL keeps the segment
// and tries again. fetch: 0 restored; 1 the archive ends here; 200 a store could
// not be asked or holds damage, or the call cannot be read: recovery must stop rather
// than end early. A crash ends a fetch by SIGABRT, with the same effect.
package main
