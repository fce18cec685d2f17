package stack

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	// replicationRole streams to the replica and ships the tail.
	replicationRole = "holdfast"
	replicaSlot     = "stack_replica"
)

// startReplica copies the primary while it is small and has it stream.
func (s *Stack) startReplica(ctx context.Context) error {
	p, from := s.Replica, s.Primary
	if err := s.writePassFile(); err != nil {
		return err
	}
	copied := s.programs().Command(ctx, "pg_basebackup", "--pgdata", p.DataDir, "--write-recovery-conf", "--wal-method=stream",
		"--checkpoint=fast", "--create-slot", "--slot="+replicaSlot, "--no-sync", "--dbname",
		fmt.Sprintf("host=127.0.0.1 port=%d user=%s passfile=%s application_name=%s", from.Port, replicationRole, s.passFile(), p.Host))
	if out, err := copied.CombinedOutput(); err != nil {
		return failure.Wrap(failure.Unavailable, err, "pg_basebackup: %.1500s", out)
	}
	// The last setting of a name counts: these replace the primary's.
	settings := []string{"", "port = " + strconv.Itoa(p.Port), "unix_socket_directories = " + quoteConf(p.SocketDir)}
	if err := appendFile(p.DataDir+"/postgresql.conf", strings.Join(settings, "\n")+"\n"); err != nil {
		return err
	}
	if err := s.servePostgres(ctx, p); err != nil {
		return err
	}
	return p.ready(ctx, s.replicaStreams)
}

// replicaStreams asks the primary: a standby that runs need not receive anything.
func (s *Stack) replicaStreams(ctx context.Context) error {
	conn, err := s.Primary.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // read only
	var state string
	err = conn.QueryRow(ctx, "SELECT coalesce(max(state), 'nobody') FROM pg_stat_replication WHERE application_name = $1", s.Replica.Host).Scan(&state)
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "look at replication")
	}
	if state != "streaming" {
		return failure.New(failure.Unavailable, "the replica's connection is in state %s", state)
	}
	return nil
}
