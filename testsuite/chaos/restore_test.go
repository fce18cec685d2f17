package chaos_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// restoredOut is what `backup restore -o json` prints, as far as it is judged here.
type restoredOut struct {
	Set     string   `json:"set"`
	DataDir string   `json:"data_dir"`
	Repairs []string `json:"repairs"`
	Judged  string   `json:"judged"`
	Next    []string `json:"next"`
	Reached *struct {
		Timeline       uint32    `json:"timeline"`
		LSN            string    `json:"lsn"`
		LastCommitTime time.Time `json:"last_commit_time"`
	} `json:"reached"`
}

// restore restores, with the recipient's key, into a directory of its own, which
// is removed again: the newest set, or what further flags lead to.
func (b *bed) restore(t *testing.T, further ...string) (restoredOut, error) {
	t.Helper()
	return b.restoreAnd(t, nil, further...)
}

// restoreAnd lets look ask the server that a restore to a target left running.
func (b *bed) restoreAnd(t *testing.T, look func(*pgx.Conn) error, further ...string) (out restoredOut, err error) {
	t.Helper()
	dir := b.ownDir(t)
	if len(further) == 0 {
		sets, err := b.Sets(b.ctx)
		must(t, err)
		further = []string{"--set", sets[len(sets)-1].ID}
	}
	to := filepath.Join(dir, "data")
	defer func() { b.stopServer(out.DataDir) }()
	args := []string{"backup", "restore", "--database", b.Stack.Database().Name, "--to", to, "--key", b.recipient(t)}
	if err := b.Starter(b.ctx, &out, append(args, further...)...); err != nil || look == nil {
		return out, err
	}
	var socket string
	for _, next := range out.Next {
		if _, after, found := strings.Cut(next, "psql -h "); found {
			socket = firstWords(after, 1)
		}
	}
	conn, err := pgx.Connect(b.ctx, fmt.Sprintf("host=%s port=5442 user=%s dbname=%s password=%s", socket, b.Primary.Superuser, b.Stack.Database().DBName, b.Primary.Password.Reveal()))
	if err != nil {
		return out, fmt.Errorf("look at what was restored, at %q: %w", socket, err)
	}
	defer conn.Close(b.ctx) //nolint:errcheck // read only
	return out, look(conn)
}

// ownDir is a directory of the stack's account, for one test.
func (b *bed) ownDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(b.Primary.Workspace, "by-hand-") //nolint:usetesting // where the account may go
	must(t, err)
	must(t, os.Chown(dir, int(b.Account().UID), int(b.Account().GID)))
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

// recipient is the file of a private key that opens what is in the stores.
func (b *bed) recipient(t *testing.T) string {
	t.Helper()
	for _, one := range b.Plan.Encryption.Recipients {
		if !one.Offline {
			return b.Keys.Private[one.Name]
		}
	}
	t.Fatal("every recipient's key is offline")
	return ""
}

// stopServer ends the server that a restore to a target left running there.
func (b *bed) stopServer(dir string) {
	stop := b.Stack.Postgres(b.ctx, "pg_ctl", "stop", "-D", dir, "-m", "immediate", "-w")
	_ = stop.Run() // none runs where only files were restored
}

// isRefusal takes apart how a command said no.
func isRefusal(err error) (*scenario.RefusedError, bool) {
	var refused *scenario.RefusedError
	return refused, errors.As(err, &refused)
}

func firstWords(text string, count int) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(count, len(words))], " ")
}

// requireSound reads every set back from every store.
func (b *bed) requireSound(t *testing.T) {
	t.Helper()
	must(t, b.Starter(b.ctx, nil, "backup", "verify", "--database", b.Stack.Database().Name, "--all"))
}
