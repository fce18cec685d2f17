package swap

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

func portText(port int) string { return strconv.Itoa(port) }

func must(t *testing.T, swapped Swapped, err error) Swapped {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return swapped
}

func TestInTwiceThenBackTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in, err := In(t.Context(), f.config)
	f.requireIn(t, must(t, in, err))
	f.requireReaders(t)
	again, err := In(t.Context(), f.config)
	if must(t, again, err) != in {
		t.Errorf("second In = %+v, want %+v", again, in)
	}
	f.write(t, "INSERT INTO t VALUES (3)")
	back, err := Back(t.Context(), f.config)
	f.requireBack(t, must(t, back, err))
	if again, err := Back(t.Context(), f.config); must(t, again, err) != back {
		t.Errorf("second Back = %+v, want %+v", again, back)
	}
	if _, err := In(t.Context(), f.config); !failure.Is(err, failure.Refused) {
		t.Errorf("a late In = %v, want Refused", err)
	}
	if back.AsideDir != f.config.keptDir() {
		t.Errorf("the restored cluster with new work is kept in %s", back.AsideDir)
	}
	state, err := (&swap{config: f.config.withDefaults(), goal: GoalBack}).look(t.Context())
	if err != nil || !state.Retired || state.TablespacesInside {
		t.Errorf("the kept cluster could still archive or is not whole: %+v %v", state, err)
	}
}

func (f *fixture) write(t *testing.T, sql string) {
	t.Helper()
	if err := f.config.Login.Do(t.Context(), func(conn *pgx.Conn) error { return pg.Exec(t.Context(), conn, sql, sql) }); err != nil {
		t.Fatal(err)
	}
}

// requireReaders: named roles read the damaged cluster, the application is out.
func (f *fixture) requireReaders(t *testing.T) {
	t.Helper()
	login := pg.Server{Host: "127.0.0.1", Port: f.config.Aside.Port, User: "reader", Password: config.NewSecret("pw"), SSLMode: "disable"}
	if rows := pgtest.QueryAt[int](t, login, "SELECT count(*) FROM t"); rows != 2 {
		t.Errorf("a reader sees %d rows aside, want 2", rows)
	}
	err := login.As("app", config.NewSecret("pw")).Do(t.Context(), func(*pgx.Conn) error { return nil })
	if !failure.Is(err, failure.Forbidden) {
		t.Errorf("the application aside: %v, want Forbidden", err)
	}
	aside := f.config.Login
	aside.Host, aside.Port = f.config.Aside.SocketDir, f.config.Aside.Port
	err = aside.Do(t.Context(), func(conn *pgx.Conn) error { return pg.Exec(t.Context(), conn, "write", "DELETE FROM t") })
	if pg.StateOf(err) != "25006" {
		t.Errorf("a write to the damaged cluster: %v, want a refusal as read only", err)
	}
}

var errKilled = errors.New("killed")

// killAt stops at the nth change on disk.
func killAt(n int) func(string) error {
	return func(string) error {
		if n--; n < 0 {
			return errKilled
		}
		return nil
	}
}

// TestKilledAnywhereInIsCompletedOrReversed stops In before every change on disk.
func TestKilledAnywhereInIsCompletedOrReversed(t *testing.T) {
	t.Parallel()
	for _, goal := range []Goal{GoalIn, GoalBack} {
		t.Run("then "+string(goal), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			for n := 0; ; n++ {
				_, err := run(t.Context(), f.config, GoalIn, killAt(n))
				if err == nil {
					break // n is past the last change
				}
				if !errors.Is(err, errKilled) {
					t.Fatalf("before change %d: %v", n, err)
				}
				if goal == GoalIn {
					in, err := In(t.Context(), f.config)
					f.requireIn(t, must(t, in, err))
				}
				back, err := Back(t.Context(), f.config)
				f.requireBack(t, must(t, back, err))
				f.rewind(t)
			}
		})
	}
}

// TestKilledAnywhereBackIsCompleted also tries In in between: it either
// completes, or is refused because the damaged cluster is in its place again.
func TestKilledAnywhereBackIsCompleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := 0; ; n++ {
		in, err := In(t.Context(), f.config)
		f.requireIn(t, must(t, in, err))
		_, err = run(t.Context(), f.config, GoalBack, killAt(n))
		if err == nil {
			break
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("before change %d: %v", n, err)
		}
		if in, err = In(t.Context(), f.config); err == nil {
			f.requireIn(t, in)
		} else if !failure.Is(err, failure.Refused) {
			t.Fatalf("In after change %d of Back: %v", n, err)
		}
		back, err := Back(t.Context(), f.config)
		f.requireBack(t, must(t, back, err))
		f.rewind(t)
	}
}

// TestBackBeforeAnyInLeavesAStoppedServerStopped: an undo that comes before the
// cut-over finds nothing to reverse, and must not bring a damaged server up that
// was down, nor touch one that runs. A late In is refused all the same.
func TestBackBeforeAnyInLeavesAStoppedServerStopped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c, err := cluster.Open(f.config.Service)
	if err != nil {
		t.Fatal(err)
	}
	process, err := c.Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	back, err := Back(t.Context(), f.config)
	if must(t, back, err).ServingDir != c.DataDir || !back.At.IsZero() {
		t.Errorf("Back = %+v", back)
	}
	if after, err := c.Process(t.Context()); err != nil || after.PID != process.PID {
		t.Errorf("the running server was touched: %+v, before %+v, %v", after, process, err)
	}
	f.rewind(t)
	if err := c.Stop(t.Context(), f.config.Damaged.Expected, cluster.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Back(t.Context(), f.config); err != nil {
			t.Fatal(err)
		}
		if err := c.RequireStopped(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := In(t.Context(), f.config); !failure.Is(err, failure.Refused) {
		t.Errorf("a late In = %v, want Refused", err)
	}
}

func TestL24NothingMovesWhenAnIdentityIsWrong(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	tests := map[string]func(*Config){
		"restored timeline":    func(c *Config) { c.Restored.Timeline = 7 },
		"restored incarnation": func(c *Config) { c.Restored.Incarnation = "another" },
		"damaged incarnation":  func(c *Config) { c.Damaged.Incarnation = "another" },
		"system":               func(c *Config) { c.Damaged.SystemID++; c.Restored.SystemID++ },
		"different systems":    func(c *Config) { c.Restored.SystemID++ },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			config := f.config
			change(&config)
			if _, err := In(t.Context(), config); !failure.Is(err, failure.IdentityMismatch) {
				t.Errorf("In = %v, want IdentityMismatch", err)
			}
			if rows := pgtest.QueryAt[int](t, f.config.Login, "SELECT count(*) FROM t"); rows != 2 {
				t.Errorf("the service has %d rows; it should not have been touched", rows)
			}
		})
	}
}

// TestRestoredClusterKilledAfterItsPromotion still shows the old timeline in
// pg_control; In brings it to a clean shutdown before it believes that.
func TestRestoredClusterKilledAfterItsPromotion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pgtest.Run(t, "pg_ctl", "stop", "-m", "immediate", "-D", f.config.Workspace.DataDir)
	in, err := In(t.Context(), f.config)
	f.requireIn(t, must(t, in, err))
}

// TestTooDamagedToStartIsPutAside: pg_control is lost, the marker still names
// the cluster, and the cut-over succeeds without a readable damaged cluster.
func TestTooDamagedToStartIsPutAside(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c, err := cluster.Open(f.config.Service)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(t.Context(), f.config.Damaged.Expected, cluster.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(c.DataDir, "global/pg_control"), 100); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		in, err := In(t.Context(), f.config)
		if must(t, in, err).AsideReads || in.Why == "" || in.AsideDir != f.config.asideDir() {
			t.Errorf("In = %+v, want a reason why the damaged cluster cannot be read", in)
		}
	}
}

func TestACopyAtASecondPlaceIsUnsafe(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Stopped())
	c := server.Cluster(t)
	marker, err := c.Enroll()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Run: "r", Service: c.Config, Login: server.Super(), Aside: Aside{Port: 1, SocketDir: server.Root},
		Workspace: cluster.Config{DataDir: filepath.Join(server.Root, "ws/data")},
		Damaged:   Identity{Expected: cluster.Of(identity)}, Restored: Identity{Expected: cluster.Expected{SystemID: identity.SystemID, Incarnation: "other"}, Timeline: 2},
	}
	config.Damaged.Incarnation = marker.Incarnation
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", server.DataDir, config.asideDir()).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v %s", err, out)
	}
	if _, err := Back(t.Context(), config); !failure.Is(err, failure.Unsafe) {
		t.Errorf("Back = %v, want Unsafe", err)
	}
}
