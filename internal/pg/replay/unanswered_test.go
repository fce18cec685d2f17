package replay_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// feed is a restore_command that tells the truth, except about one file: while abort
// names it nobody can say whether it exists, and while hold does the answer is awaited.
type feed struct{ abort, hold, asked, command string }

func (s source) feed(t *testing.T) feed {
	t.Helper()
	dir := pgtest.Dir(t)
	f := feed{abort: filepath.Join(dir, "abort"), hold: filepath.Join(dir, "hold"), asked: filepath.Join(dir, "asked")}
	script := filepath.Join(dir, "fetch")
	f.command = script + " %f %p"
	text := "#!/bin/sh\necho $1 >> " + f.asked + "\nis() { [ \"$(cat $1 2>/dev/null)\" = \"$2\" ]; }\n" +
		"while is " + f.hold + " $1; do sleep 0.05; done\n" +
		"is " + f.abort + " $1 && exit 200\nexec cp " + s.archive + "/$1 $2\n"
	f.write(t, script, text, 0o755)
	return f
}

func (f feed) write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := pgtest.Owner(t).WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func (f feed) set(t *testing.T, trouble, file string) { t.Helper(); f.write(t, trouble, file, 0o644) }

func (f feed) clear(t *testing.T, trouble string) {
	t.Helper()
	if err := os.Remove(trouble); err != nil {
		t.Fatal(err)
	}
}

// untilAsked waits until the server asks for file once more than before.
func (f feed) untilAsked(t *testing.T, file string, before int) {
	t.Helper()
	pgtest.Eventually(t, file+" to be asked for", func() bool { return f.count(file) > before })
}

func (f feed) count(file string) int {
	text, _ := os.ReadFile(f.asked) // absent: nothing was asked for yet
	return strings.Count(string(text), file+"\n")
}

func (f feed) replay(t *testing.T, c *cluster.Cluster, target replay.Target) (replay.Reached, error) {
	t.Helper()
	if err := replay.Configure(t.Context(), c, replay.Config{Target: target, RestoreCommand: f.command}); err != nil {
		t.Fatal(err)
	}
	return replay.Run(t.Context(), c, target, replay.Options{})
}

// newForked makes a source whose archive also knows a timeline 2, which somebody made before:
// the right timeline of a promotion is 3, and 2 for whoever takes silence for absence.
func newForked(t *testing.T) (s source, targets map[string]replay.Target) {
	t.Helper()
	s = newSource(t)
	s.Exec(t, "SELECT pg_create_restore_point('good')")
	s.ship(t)
	s.Exec(t, "DELETE FROM t WHERE id > 500")
	s.ship(t)
	if err := pgtest.Owner(t).WriteFile(filepath.Join(s.archive, history), []byte("1\t0/1000000\tanother time\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, map[string]replay.Target{
		"name":   {Kind: replay.ByName, Name: "good", Inclusive: true, Timeline: 1},
		"latest": {Kind: replay.Latest, LSN: position(t, s.Server), Timeline: 1},
	}
}

const history = "00000002.history"

// TestL29SilenceNeverChoosesATimeline: a promotion that cannot learn whether a timeline
// exists ends the server, and the next one brings it back to where it stood and finds the
// timeline it should. So do one that is given up while it waits for the answer, and one
// that finds the server dead.
func TestL29SilenceNeverChoosesATimeline(t *testing.T) {
	t.Parallel()
	s, targets := newForked(t)
	interrupt := map[string]func(*testing.T, feed, func(context.Context) error, *cluster.Cluster){
		"no answer": func(t *testing.T, f feed, promote func(context.Context) error, _ *cluster.Cluster) {
			t.Helper()
			f.set(t, f.abort, history)
			for range 2 { // it comes back, and ends again
				if err := promote(t.Context()); !failure.Is(err, failure.Unavailable) || !strings.Contains(err.Error(), history) || failure.HintOf(err) == "" {
					t.Fatalf("Promote without an answer = %v, want Unavailable, with the file", err)
				}
			}
			f.clear(t, f.abort)
		},
		"given up": func(t *testing.T, f feed, promote func(context.Context) error, _ *cluster.Cluster) {
			t.Helper()
			f.set(t, f.hold, history)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { f.untilAsked(t, history, 0); cancel() }()
			requireSeen(t, promote(ctx))
			time.AfterFunc(300*time.Millisecond, func() { f.clear(t, f.hold) }) // while the next one waits
		},
		"dead": func(t *testing.T, _ feed, _ func(context.Context) error, c *cluster.Cluster) {
			t.Helper()
			if err := c.Stop(t.Context(), s.id, cluster.StopOptions{}); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, kind := range map[string]string{"no answer": "name", "given up": "latest", "dead": "latest"} {
		t.Run(name+", "+kind, func(t *testing.T) {
			t.Parallel()
			f, c, target := s.feed(t), s.copyBackup(t), targets[kind]
			reached, err := f.replay(t, c, target)
			if err != nil {
				t.Fatal(err)
			}
			rows := pgtest.QueryAt[int](t, c.Server("postgres"), "SELECT count(*) FROM t")
			interrupt[name](t, f, func(ctx context.Context) error {
				_, err := replay.Promote(ctx, c, s.id, target, "postgres", reached)
				return err
			}, c)
			requirePromoted(t, c, s.id, target, reached, rows)
		})
	}
}

// requireSeen requires of a wait that was given up that it says what it saw and what next.
func requireSeen(t *testing.T, err error) {
	t.Helper()
	if !failure.Is(err, failure.Unavailable) || !strings.Contains(err.Error(), "last seen: ") || !strings.Contains(failure.HintOf(err), "psql -h /") {
		t.Fatalf("given up: %v (hint %q), want Unavailable, with what was seen and the next command", err, failure.HintOf(err))
	}
}

func requirePromoted(t *testing.T, c *cluster.Cluster, id cluster.Expected, target replay.Target, reached replay.Reached, rows int) {
	t.Helper()
	for range 2 {
		done, err := replay.Promote(t.Context(), c, id, target, "postgres", reached)
		if err != nil || done.Timeline != 3 || done.Parent != 1 || done.Switch < reached.LSN || done.Switch > reached.LSN+wal.LSN(wal.DefaultSegmentSize) {
			t.Fatalf("Promote at %s = %+v, %v, want timeline 3 from there", reached.LSN, done, err)
		}
	}
	if got := pgtest.QueryAt[int](t, c.Server("postgres"), "SELECT count(*) FROM t"); got != rows {
		t.Errorf("%d rows are promoted, and %d were checked", got, rows)
	}
}

// TestL29SilenceNeverEndsAReplay: nobody could say whether a segment exists, at first and
// then while the server waited for it: each time the next call goes on to the same place.
func TestL29SilenceNeverEndsAReplay(t *testing.T) {
	t.Parallel()
	s, targets := newForked(t)
	segment := wal.DefaultSegmentSize.Name(wal.DefaultSegmentSize.SegmentAt(1, targets["latest"].LSN-1))
	target := targets["latest"]
	want, err := s.replay(t, s.copyBackup(t), target)
	if err != nil {
		t.Fatal(err)
	}
	f, c := s.feed(t), s.copyBackup(t)
	f.set(t, f.abort, segment)
	if _, err := f.replay(t, c, target); !failure.Is(err, failure.Unavailable) || !strings.Contains(err.Error(), segment) {
		t.Fatalf("Run without an answer = %v, want Unavailable, with the file", err)
	}
	f.set(t, f.hold, segment)
	f.clear(t, f.abort)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { f.untilAsked(t, segment, 1); cancel() }()
	_, err = replay.Run(ctx, c, target, replay.Options{})
	requireSeen(t, err)
	f.clear(t, f.hold)
	if got, err := replay.Run(t.Context(), c, target, replay.Options{}); err != nil || got.LSN != want.LSN || got.Timeline != want.Timeline {
		t.Errorf("Run = %+v, %v, want what an undisturbed one reached: %+v", got, err, want)
	}
}

// TestL3NothingIsolatedIsNotStarted: a directory whose isolation was taken out, as before
// it serves, is started neither to replay nor to promote.
func TestL3NothingIsolatedIsNotStarted(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	c := s.copyBackup(t)
	target := replay.Target{Kind: replay.Immediate, Timeline: 1}
	if _, err := replay.Run(t.Context(), c, target, replay.Options{}); !failure.Is(err, failure.Refused) {
		t.Errorf("Run = %v, want Refused", err)
	}
	if _, err := replay.Promote(t.Context(), c, s.id, target, "postgres", replay.Reached{}); !failure.Is(err, failure.Refused) {
		t.Errorf("Promote = %v, want Refused", err)
	}
}
