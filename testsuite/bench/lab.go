package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

const (
	seed       = 1 // of the data set and of everything drawn by lot
	noArchive  = "/bin/true"
	settleTime = 2 * time.Minute // for the archiver to catch up
)

// lab is a stack with a database of one size, what backs it up, and a directory
// for results of restores. Its replica is stopped: it would cost both sides the same.
type lab struct {
	*stack.Stack
	workshop *workshop
	owner    pg.Owner
	dir      string // belongs to owner
	passFile string // for pgbench and pgBackRest

	file, cloud, s3 *bed
	peer            *peer
	counter         int // makes names of processes differ
	loads           int // turns of pgbench so far
}

// openLab starts a stack and fills its database.
func (w *workshop) openLab(ctx context.Context, sizeBytes int64) (*lab, error) {
	w.say("start the servers")
	planFile, err := w.benchPlan()
	if err != nil {
		return nil, err
	}
	started, err := stack.Start(ctx, stack.Options{
		PlanFile: planFile, BinDir: w.programs, ArchiveCommand: noArchive, PersistGCS: true,
		PostgresSettings: []string{"max_slot_wal_keep_size = '16GB'"},
	})
	if err != nil {
		return nil, err
	}
	l := &lab{Stack: started, workshop: w, owner: started.Account(), dir: filepath.Join(started.Dir, "bench")}
	if err := l.prepare(ctx, sizeOf(sizeBytes)); err != nil {
		logs, closing := l.CloseKeepingLogs()
		return nil, failure.Wrap(failure.ClassOf(err), err, "prepare the database (logs: %s, %v)", logs, closing)
	}
	return l, nil
}

// benchPlan is the plan with two stores in directories beside its own.
func (w *workshop) benchPlan() (string, error) {
	loaded, _, err := plan.Load(w.options.plan)
	if err != nil {
		return "", err
	}
	for _, name := range fileStores() {
		loaded.Stores = append(loaded.Stores, plan.Store{Name: name, Provider: plan.StoreFile, Path: "/srv/" + name}) // the stack has its own place
	}
	text, err := yaml.Marshal(loaded)
	if err != nil {
		return "", failure.Wrap(failure.Internal, err, "write the plan as YAML")
	}
	path := filepath.Join(w.scratch, "plan.yaml")
	return path, failure.Wrap(failure.Forbidden, os.WriteFile(path, text, 0o644), "write the plan")
}

func (l *lab) prepare(ctx context.Context, size dataset.Size) error {
	if err := l.owner.MkdirAll(l.dir); err != nil {
		return err
	}
	l.Replica.Stop()
	if err := l.dropSlots(ctx); err != nil {
		return err
	}
	if err := l.writePassFile(); err != nil {
		return err
	}
	l.workshop.say("load %d experiments, %d results, %d models", size.Experiments, size.Results, size.Models)
	if err := dataset.Load(ctx, l.connect, l.Database().Roles[0].Name, size, seed); err != nil {
		return err
	}
	if err := l.sql(ctx, "VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"); err != nil {
		return err
	}
	enroll := l.starter(ctx, l.PlanFile, "enroll", "database", "enroll", "--database", l.Database().Name, "--host", l.Primary.Host)
	if err := l.do(ctx, enroll); err != nil {
		return err
	}
	if err := l.makeBeds(); err != nil {
		return err
	}
	var err error
	l.peer, err = newPeer(ctx, l)
	return err
}

func (l *lab) connect(ctx context.Context) (*pgx.Conn, error) {
	return l.Primary.Connect(ctx, l.Database().DBName)
}

func (l *lab) sql(ctx context.Context, statements ...string) error {
	return l.Primary.Exec(ctx, l.Database().DBName, statements...)
}

func (l *lab) databaseBytes(ctx context.Context) (size int64, err error) {
	conn, err := l.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }() // read only
	err = conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&size)
	return size, failure.Wrap(failure.Unavailable, err, "ask for the size of the database")
}

func (l *lab) writePassFile() error {
	l.passFile = filepath.Join(l.dir, "pgpass")
	line := "*:*:*:" + l.Primary.Superuser + ":" + l.Primary.Password.Reveal() + "\n"
	return l.owner.WriteFile(l.passFile, []byte(line), 0o600)
}

// starter returns the command a person would type, under a plan; name is for
// its profile.
func (l *lab) starter(ctx context.Context, planFile, name string, args ...string) *exec.Cmd {
	command := l.Command(ctx, "starter", append([]string{"--plan", planFile, "-o", "json"}, args...)...)
	command.Env = append(command.Env, l.profile(name)...)
	return command
}

// profile is the environment that has a program write its profile under a name.
func (l *lab) profile(name string) []string {
	if l.workshop.options.profile == "" {
		return nil
	}
	return []string{profileVariable + "=" + filepath.Join(l.workshop.options.profile, name)}
}

// other returns a program that is not ours, to be run as the servers' account.
func (l *lab) other(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = l.dir
	command.Env = []string{
		"PATH=" + l.Primary.BinDir + ":" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + l.dir, "PGPASSFILE=" + l.passFile, "TZ=UTC", "LC_ALL=C.UTF-8",
	}
	command.SysProcAttr = l.owner.Attributes()
	return command
}

// serversCPU is what the servers have used so far that work for whoever asks.
func (l *lab) serversCPU() map[string]time.Duration {
	return map[string]time.Duration{
		"postgres": treeCPU(l.Primary.PID()), "versitygw": treeCPU(l.S3.PID()), "fake-gcs-server": treeCPU(l.GCS.PID()),
	}
}

// unique makes a name that no process of this lab has had.
func (l *lab) unique(name string) string {
	l.counter++
	return name + "-" + decimal(l.counter)
}

// archiveBy has PostgreSQL archive by another command, once it has archived
// everything by the one before.
func (l *lab) archiveBy(ctx context.Context, command string) error {
	if err := l.drain(ctx); err != nil {
		return err
	}
	quoted := "ALTER SYSTEM SET archive_command TO '" + command + "'" // no command here holds a quote
	if err := l.sql(ctx, quoted, "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	return l.drain(ctx)
}

// calm ends what a group that failed left behind.
func (l *lab) calm(ctx context.Context) error {
	err := l.sql(ctx, "ALTER SYSTEM SET archive_command TO '"+noArchive+"'", "SELECT pg_reload_conf()")
	for _, b := range []*bed{l.file, l.cloud, l.s3} {
		err = errors.Join(err, b.unserve(ctx))
	}
	for _, name := range []string{"restored", "restored-peer", "delta", "delta-peer", "replay-base", "replayed", "wal-folder"} {
		err = errors.Join(err, failure.Wrap(failure.Forbidden, os.RemoveAll(filepath.Join(l.dir, name)), "clear away"))
	}
	return err
}

// drain ends the current segment and waits until all are archived.
func (l *lab) drain(ctx context.Context) error {
	if err := l.sql(ctx, "SELECT pg_logical_emit_message(true, 'bench', 'end of segment')", "SELECT pg_switch_wal()"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return poll(ctx, "the archiver to catch up", 20*time.Millisecond, func() (bool, error) {
		waiting, err := l.waiting()
		return err == nil && waiting == 0, err
	})
}

// waiting counts segments that are not archived yet.
func (l *lab) waiting() (int, error) {
	marks, err := filepath.Glob(filepath.Join(l.Primary.DataDir, "pg_wal", "archive_status", "*.ready"))
	return len(marks), failure.Wrap(failure.Internal, err, "look at the archiver")
}
