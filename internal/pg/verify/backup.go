package verify

import (
	"context"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

// Backup is the verdict of pg_verifybackup.
type Backup struct {
	Tool     string   `json:"tool"` // with its version
	Sound    bool     `json:"sound"`
	Problems []string `json:"problems,omitempty"` // at most 100
}

const maxProblems = 100

// RestoredBackup runs pg_verifybackup over a restored directory that was not
// started yet: every file of the manifest must be there with its size and, unless
// the restore has just read back all content (archive.RestoreConfig.ReadBack),
// its checksum; a file the manifest does not know is a problem. WAL is not looked
// at: it is proved in the stores. Bad files are a result; the error is for a tool
// that could not run.
func RestoredBackup(ctx context.Context, c *cluster.Cluster, readBack bool) (Backup, error) {
	version, err := c.Programs.Run(ctx, "pg_verifybackup", "--version")
	if err != nil {
		return Backup{}, err
	}
	if err := c.RequireStopped(ctx); err != nil {
		return Backup{}, err
	}
	args := []string{"-n", "-i", cluster.MarkerFile}
	verdict := Backup{Tool: strings.TrimSpace(version.Stdout)}
	if readBack {
		args = append(args, "-s")
		verdict.Tool += ", content read back by the restore"
	}
	out, err := c.Programs.Run(ctx, "pg_verifybackup", append(args, c.DataDir)...)
	if err != nil {
		return Backup{}, err
	}
	verdict.Sound = out.ExitCode == 0
	for line := range strings.Lines(out.Stderr) {
		if text := strings.TrimSpace(line); text != "" && len(verdict.Problems) < maxProblems {
			verdict.Problems = append(verdict.Problems, strings.TrimPrefix(text, "pg_verifybackup: "))
		}
	}
	// "backup successfully verified" is the only good answer: exit 0 is not enough.
	if verdict.Sound && !strings.Contains(out.Stdout, "successfully verified") {
		verdict.Sound = false
		verdict.Problems = append(verdict.Problems, "pg_verifybackup did not say that it verified the backup")
	}
	return verdict, nil
}

// Must turns an unsound verdict into a Corrupt error.
func (b Backup) Must() error {
	if b.Sound {
		return nil
	}
	return failure.New(failure.Corrupt, "%s: %s", b.Tool, strings.Join(b.Problems[:min(5, len(b.Problems))], "; ")).
		WithHint("restore the set again, or choose an earlier one: starter backup list")
}

// Login proves that a role can log in and ask. Forbidden, Unavailable, … say
// why it cannot. It changes nothing.
func Login(ctx context.Context, server pg.Server) error {
	conn, err := server.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	user, err := pg.One[string](ctx, conn, "ask who is logged in", "SELECT current_user::text")
	if err == nil && user != server.User {
		return failure.New(failure.CheckFailed, "logged in as %s, not as %s", user, server.User)
	}
	return err
}
