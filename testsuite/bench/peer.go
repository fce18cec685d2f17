package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/stack"
)

// peer is pgBackRest with one local repository, set up as its documentation
// recommends for speed: zstd at level 1, two processes, asynchronous archiving.
type peer struct {
	*lab
	config string
	backed bool // there is a backup
}

const stanza = "bench"

func newPeer(ctx context.Context, l *lab) (*peer, error) {
	dir := filepath.Join(l.dir, "pgbackrest")
	for _, name := range []string{"repo", "log", "lock", "spool"} {
		if err := l.owner.MkdirAll(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	p := &peer{lab: l, config: filepath.Join(dir, "pgbackrest.conf")}
	lines := []string{
		"[global]", "repo1-path=" + dir + "/repo", "repo1-cipher-type=aes-256-cbc", "repo1-cipher-pass=" + rand.Text(), "repo1-retention-full=1",
		"compress-type=zst", "compress-level=1", "process-max=2", "start-fast=y", "archive-async=y",
		"log-path=" + dir + "/log", "lock-path=" + dir + "/lock", "spool-path=" + dir + "/spool", "log-level-console=warn", "log-level-file=info",
		"[" + stanza + "]", "pg1-path=" + l.Primary.DataDir, "pg1-socket-path=" + l.Primary.SocketDir, fmt.Sprintf("pg1-port=%d", l.Primary.Port),
		"pg1-user=" + l.Primary.Superuser, "pg1-database=" + l.Database().DBName, "",
	}
	if err := l.owner.WriteFile(p.config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		return nil, err
	}
	return p, l.do(ctx, p.command(ctx, "stanza-create"))
}

func (p *peer) command(ctx context.Context, args ...string) *exec.Cmd {
	return p.other(ctx, "pgbackrest", append([]string{"--config=" + p.config, "--stanza=" + stanza}, args...)...)
}

func (p *peer) archiveCommand() string {
	return "pgbackrest --config=" + p.config + " --stanza=" + stanza + " archive-push %p"
}

func (p *peer) backUp(ctx context.Context) (sample, error) {
	made, _, err := p.measure(ctx, p.command(ctx, "--type=full", "backup"))
	p.backed = p.backed || err == nil
	return made, err
}

// ensureBackup makes a backup where there is none.
func (p *peer) ensureBackup(ctx context.Context) error {
	if p.backed {
		return nil
	}
	if err := p.archiveBy(ctx, p.archiveCommand()); err != nil {
		return err
	}
	if _, err := p.backUp(ctx); err != nil {
		return err
	}
	return p.archiveBy(ctx, noArchive)
}

// restore brings the newest backup's files to dir.
func (p *peer) restore(ctx context.Context, dir string, further ...string) (sample, error) {
	if err := p.owner.MkdirAll(dir); err != nil {
		return sample{}, err
	}
	args := append([]string{"--pg1-path=" + dir, "--type=immediate", "--target-action=pause"}, further...)
	made, _, err := p.measure(ctx, p.command(ctx, append(args, "restore")...))
	return made, err
}

// aside is a server beside the primary, on a socket of its own.
type aside struct {
	*stack.Process
	socketDir string
}

// stop ends the server at once, and waits for all of its processes: a killed
// postmaster's would go on writing to a directory that is being removed.
func (a aside) stop() {
	if a.Process == nil {
		return
	}
	a.Signal(syscall.SIGQUIT)
	select {
	case <-a.Exited():
	case <-time.After(settleTime):
		a.Kill()
	}
}

// startAside starts a server in dir that archives nothing and is reached by its
// socket alone, and returns at once.
func (l *lab) startAside(dir string, settings ...string) (aside, error) {
	socketDir := filepath.Join(l.dir, "s")
	if err := l.owner.MkdirAll(socketDir); err != nil {
		return aside{}, err
	}
	args := []string{"-D", dir}
	for _, setting := range append([]string{
		"listen_addresses=", "unix_socket_directories=" + socketDir, "port=5432", "archive_mode=off",
	}, settings...) {
		args = append(args, "-c", setting)
	}
	process, err := l.Spawn(l.unique("aside"), filepath.Join(l.Primary.BinDir, "postgres"), nil, args...)
	return aside{process, socketDir}, err
}

// consistent waits until the server answers: a hot standby does when what it
// replayed is consistent.
func (l *lab) consistent(ctx context.Context, server aside) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	url := fmt.Sprintf("host=%s port=5432 user=%s dbname=%s password=%s", server.socketDir, l.Primary.Superuser, l.Database().DBName, l.Primary.Password.Reveal())
	return poll(ctx, "the restored server, log "+server.Log, 10*time.Millisecond, func() (bool, error) {
		select {
		case <-server.Exited():
			return true, failure.New(failure.CheckFailed, "the restored server ended: %s", ending(read(server.Log)))
		default:
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return false, err
		}
		defer func() { _ = conn.Close(ctx) }() // read only
		var recovering bool
		err = conn.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&recovering)
		return err == nil, err
	})
}
