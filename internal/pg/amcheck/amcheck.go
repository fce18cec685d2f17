package amcheck

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
)

// MaxFindings bounds what is kept; Result.More counts on.
const MaxFindings = 1000

// Options say what to check and how.
type Options struct {
	Databases      []string                     `json:"databases,omitempty"` // default: all that accept connections
	HeapAllIndexed bool                         `json:"heap_all_indexed"`    // also prove that every row is in its indexes; slower
	Sessions       int                          `json:"sessions,omitempty"`  // at a time; default 2
	Limit          time.Duration                `json:"limit,omitempty"`     // per relation; default 10 min
	Install        bool                         `json:"install"`             // create the extension where it is missing
	Progress       func(checked, relations int) `json:"-"`                   // may be nil
}

// Finding is one thing amcheck found wrong.
type Finding struct {
	Database string `json:"database"`
	Relation string `json:"relation"` // schema.name
	Kind     string `json:"kind"`     // table, toast, matview or index
	Block    *int64 `json:"block,omitempty"`
	Message  string `json:"message"`
}

// Result is the outcome of a run.
type Result struct {
	Relations int       `json:"relations"` // checked to the end
	Findings  []Finding `json:"findings,omitempty"`
	More      int       `json:"more,omitempty"`
	Unknown   []string  `json:"unknown,omitempty"` // what could not be checked, and why
	Skipped   []string  `json:"skipped,omitempty"` // what this version or state cannot check, by rule
}

// Sound reports whether everything was checked and nothing was found.
func (r Result) Sound() bool {
	return !r.Failed() && len(r.Skipped) == 0
}

// Failed reports whether damage was found, or a check that this version has did
// not run to its end. What the version cannot check is neither failed nor Sound.
func (r Result) Failed() bool {
	return r.Relations == 0 || len(r.Findings) > 0 || len(r.Unknown) > 0
}

// Run checks every relation. Damage is a result, not an error; the error is for
// a server that cannot be asked at all. It changes nothing but, with Install,
// the extension, so it may run any number of times.
func Run(ctx context.Context, server pg.Server, opts Options) (Result, error) {
	databases := opts.Databases
	if len(databases) == 0 {
		var err error
		if databases, err = damage.Databases(ctx, server); err != nil {
			return Result{}, err
		}
	}
	r := &runner{opts: opts}
	if r.opts.Limit <= 0 {
		r.opts.Limit = 10 * time.Minute
	}
	for _, database := range databases {
		if err := r.database(ctx, server.In(database), database); err != nil {
			r.unknown("database " + database + ": " + err.Error())
		}
	}
	if err := ctx.Err(); err != nil {
		return r.result, failure.Wrap(failure.Unavailable, err, "run amcheck")
	}
	return r.result, nil
}

type runner struct {
	opts     Options
	mu       sync.Mutex
	checked  int
	expected int
	result   Result
}

func (r *runner) database(ctx context.Context, server pg.Server, database string) error {
	var targets []target
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		if err := r.install(ctx, conn); err != nil {
			return err
		}
		var err error
		targets, err = r.targets(ctx, conn, database)
		return err
	})
	if err != nil {
		return err
	}
	r.expected += len(targets)
	queue := make(chan target, len(targets))
	for _, t := range targets {
		queue <- t
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for range max(r.opts.Sessions, 2) {
		group.Go(func() error { return r.session(ctx, server, queue) })
	}
	return group.Wait()
}

func (r *runner) install(ctx context.Context, conn *pgx.Conn) error {
	there, err := pg.One[bool](ctx, conn, "look for amcheck", "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck')")
	if err != nil || there {
		return err
	}
	if !r.opts.Install {
		return failure.New(failure.NotFound, "extension amcheck is not installed").WithHint("CREATE EXTENSION amcheck")
	}
	return pg.Exec(ctx, conn, "install amcheck", "CREATE EXTENSION IF NOT EXISTS amcheck")
}

// session works off the queue, with a new connection after one is lost.
func (r *runner) session(ctx context.Context, server pg.Server, queue <-chan target) error {
	for {
		conn, err := server.Connect(ctx)
		if err != nil {
			return err
		}
		done, err := r.drain(ctx, conn, queue)
		_ = conn.Close(context.WithoutCancel(ctx))
		if err != nil || done {
			return err
		}
	}
}

func (r *runner) drain(ctx context.Context, conn *pgx.Conn, queue <-chan target) (done bool, err error) {
	// A replay paused inside a transaction holds its exclusive locks for good: a
	// relation that stays locked is unknown, not waited for.
	limit := fmt.Sprintf("SET statement_timeout = %d; SET lock_timeout = '5s'", r.opts.Limit.Milliseconds())
	if err := pg.Exec(ctx, conn, "limit statements", limit); err != nil {
		return false, err
	}
	for t := range queue {
		findings, err := t.check(ctx, conn, r.opts.HeapAllIndexed)
		r.record(t, findings, err)
		if conn.IsClosed() {
			return false, ctx.Err()
		}
	}
	return true, nil
}

func (r *runner) record(t target, findings []Finding, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.result.Unknown = append(r.result.Unknown, t.String()+": "+err.Error())
	} else {
		r.result.Relations++
	}
	room := max(0, MaxFindings-len(r.result.Findings))
	r.result.Findings = append(r.result.Findings, findings[:min(room, len(findings))]...)
	r.result.More += max(0, len(findings)-room)
	r.checked++
	if r.opts.Progress != nil {
		r.opts.Progress(r.checked, r.expected)
	}
}

func (r *runner) unknown(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Unknown = append(r.result.Unknown, what)
}
