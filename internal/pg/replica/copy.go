package replica

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

// copy makes the new replica beside the old one, which keeps serving. The note
// is written last: without it the copy is unfinished, whatever it looks like.
func (r *rebuild) copy(ctx context.Context) error {
	old, err := r.oldReplica(ctx)
	if err != nil {
		return err
	}
	spaces, err := r.prepareUpstream(ctx)
	if err != nil {
		return err
	}
	owner := old.Programs.Owner
	if err := r.before("claim the copy"); err != nil {
		return err
	}
	if err := owner.WriteFile(r.config.claimFile(), []byte(r.config.Run+"\n"), 0o600); err != nil {
		return err
	}
	if err := r.writePassFile(owner); err != nil {
		return err
	}
	if err := r.baseBackup(ctx, old, spaces); err != nil {
		return err
	}
	if err := r.before("configure the copy"); err != nil {
		return err
	}
	if err := r.configure(ctx, old); err != nil {
		return err
	}
	if err := r.before("finish the copy"); err != nil {
		return err
	}
	content, err := json.Marshal(r.config.note())
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the replica's note")
	}
	return owner.WriteFile(filepath.Join(r.config.buildingDir(), noteFile), append(content, '\n'), 0o600)
}

// oldReplica finds it where it is now.
func (r *rebuild) oldReplica(ctx context.Context) (*cluster.Cluster, error) {
	kind, err := r.kindOf(r.config.dataDir())
	if err != nil {
		return nil, err
	}
	if kind == Old {
		return r.requireOldReplica(ctx, r.config.dataDir())
	}
	return r.requireOldReplica(ctx, r.config.oldDir())
}

// baseBackup runs PostgreSQL's own program into an empty directory, with the WAL
// streamed alongside through the slot, so that nothing the copy needs can be
// recycled. The kernel ends it with this process, but not the second process that
// it streams WAL with: freeSlot ends that one from the primary's side.
func (r *rebuild) baseBackup(ctx context.Context, old *cluster.Cluster, spaces []tablespace) error {
	owner := old.Programs.Owner
	args := []string{
		"-D", r.config.buildingDir(), "-d", r.upstreamConninfo(r.copyName()), "-X", "stream", "-S", r.config.Slot,
		"-c", "fast", "--no-password", "-P",
	}
	for _, space := range spaces {
		to := filepath.Join(r.config.tablespaceDir(), strconv.FormatInt(space.OID, 10))
		args = append(args, "-T", escapeMapping(space.Location)+"="+escapeMapping(to))
		if err := owner.MkdirAll(to); err != nil {
			return err
		}
	}
	if err := owner.MkdirAll(r.config.buildingDir()); err != nil {
		return err
	}
	if err := r.before("copy the primary"); err != nil {
		return err
	}
	cmd := old.Programs.Command(ctx, "pg_basebackup", args...)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // both processes
	watcher := &watcher{report: r.report}
	cmd.Stderr = watcher
	cmd.Stdout = io.Discard
	// The kernel watches the thread that started the program, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		return failure.Wrap(failure.Unavailable, err, "pg_basebackup from %s: %s", r.config.Upstream, watcher.words())
	}
	return r.requireCopy(ctx)
}

// requireCopy proves that what was copied is the primary that was named.
func (r *rebuild) requireCopy(ctx context.Context) error {
	c, err := r.config.at(r.config.buildingDir())
	if err != nil {
		return err
	}
	got, err := c.Require(ctx, r.config.Primary)
	if err != nil {
		return err
	}
	if got.Timeline != r.config.Timeline {
		return failure.New(failure.IdentityMismatch, "%s gave a copy on timeline %d; expected %d", r.config.Upstream, got.Timeline, r.config.Timeline)
	}
	return nil
}

// escapeMapping escapes what separates the two halves of a tablespace mapping.
func escapeMapping(path string) string { return strings.ReplaceAll(path, "=", `\=`) }

// watcher reads pg_basebackup's progress and keeps its last words.
type watcher struct {
	report func(Progress)
	tail   string
}

var progressLine = regexp.MustCompile(`(\d+)/(\d+) kB`)

const maxTailBytes = 2000

func (w *watcher) Write(p []byte) (int, error) {
	text := string(p)
	if found := progressLine.FindAllStringSubmatch(text, -1); found != nil {
		last := found[len(found)-1]
		done, errDone := strconv.ParseInt(last[1], 10, 64)
		total, errTotal := strconv.ParseInt(last[2], 10, 64)
		if errDone == nil && errTotal == nil {
			w.report(Progress{Step: Copy, DoneBytes: done * 1024, TotalBytes: total * 1024})
		}
	}
	w.tail += text
	w.tail = w.tail[max(0, len(w.tail)-maxTailBytes):]
	return len(p), nil
}

// words are the lines that are not progress.
func (w *watcher) words() string {
	var kept []string
	for _, line := range strings.FieldsFunc(w.tail, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if !progressLine.MatchString(line) {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, "; ")
}

type tablespace struct {
	OID      int64  `db:"oid"`
	Location string `db:"location"`
}

const maxTablespaces = 1000

// prepareUpstream proves which primary answers and that its copy fits here, and
// makes the slot, which from then on keeps the WAL the copy will need.
func (r *rebuild) prepareUpstream(ctx context.Context) ([]tablespace, error) {
	var spaces []tablespace
	err := r.config.Admin.Do(ctx, func(conn *pgx.Conn) error {
		if err := r.requirePrimary(ctx, conn); err != nil {
			return err
		}
		if err := r.requireSpace(ctx, conn); err != nil {
			return err
		}
		var err error
		spaces, err = pg.Rows[tablespace](ctx, conn, maxTablespaces, "list tablespaces",
			"SELECT oid::int8 AS oid, pg_tablespace_location(oid) AS location FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''")
		if err != nil {
			return err
		}
		if err := r.before("make the slot"); err != nil {
			return err
		}
		return r.makeSlot(ctx, conn)
	})
	return spaces, err
}
