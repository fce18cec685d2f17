package fence_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/fence"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

const rolesAsTheyAre = `SELECT string_agg(format('%s %s %s %s', rolname, rolconnlimit, rolcanlogin,
	(SELECT setconfig FROM pg_db_role_setting WHERE setrole = r.oid)), '; ' ORDER BY rolname)
	FROM pg_roles r WHERE rolname IN ('app', 'boss', 'other')`

func start(t *testing.T) (*pgtest.Server, fence.Options) {
	t.Helper()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE ROLE app LOGIN PASSWORD 'pw' CONNECTION LIMIT 7", "CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'pw'",
		"CREATE ROLE other LOGIN", "CREATE DATABASE shop OWNER app", "ALTER ROLE app IN DATABASE shop SET default_transaction_read_only = 'off'",
		"ALTER ROLE app IN DATABASE shop SET work_mem = '5MB'")
	identity, err := server.Cluster(t).Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server, fence.Options{
		Roles: []string{"app", "boss"}, Databases: []string{"shop"}, SystemID: identity.SystemID,
		RecordPath: filepath.Join(server.Root, "fence.json"), Owner: pgtest.Owner(t),
		Logins: []pg.Server{server.TCP("app", "pw").In("shop"), server.TCP("boss", "pw").In("shop")},
	}
}

func TestFenceTwiceAndLiftTwice(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	before := pgtest.Query[string](t, server, rolesAsTheyAre)
	app := server.ConnectTo(t, opts.Logins[0])
	server.ConnectTo(t, server.Super().As("other", server.Super().Password).In("shop"))
	first, err := fence.Writes(t.Context(), server.Super(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if first.Terminated != 1 || first.LSN == 0 || len(first.Others) != 1 {
		t.Errorf("fenced = %+v", first)
	}
	if _, err := app.Exec(t.Context(), "CREATE TABLE late (a int)"); err == nil {
		t.Error("the application's session survived the fence")
	}
	second, err := fence.Writes(t.Context(), server.Super(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if second.Record.Roles[0].Limit == 0 || len(second.Record.Roles) != 2 {
		t.Errorf("the second fence took the fenced values for the prior ones: %+v", second.Record)
	}
	for range 2 {
		if err := fence.Lift(t.Context(), server.Super(), opts.RecordPath, opts.SystemID); err != nil {
			t.Fatal(err)
		}
	}
	if after := pgtest.Query[string](t, server, rolesAsTheyAre); after != before {
		t.Errorf("after the fence: %s\nbefore: %s", after, before)
	}
	server.ConnectTo(t, opts.Logins[0])
}

// TestFenceThatCameWithTheCopyIsLifted: a copy replayed to the latest position
// has its origin's fence in it. Its own fence must not take that for how things
// were, or lifting it leaves the application shut out and says that it is not.
func TestFenceThatCameWithTheCopyIsLifted(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	before := pgtest.Query[string](t, server, rolesAsTheyAre)
	if _, err := fence.Writes(t.Context(), server.Super(), opts); err != nil {
		t.Fatal(err)
	}
	own := opts
	own.RecordPath, own.PriorPath = opts.RecordPath+".copy", opts.RecordPath
	if _, err := fence.Writes(t.Context(), server.Super(), own); err != nil {
		t.Fatal(err)
	}
	if err := fence.Lift(t.Context(), server.Super(), own.RecordPath, own.SystemID); err != nil {
		t.Fatal(err)
	}
	if after := pgtest.Query[string](t, server, rolesAsTheyAre); after != before {
		t.Errorf("after the fence: %s\nbefore: %s", after, before)
	}
	server.ConnectTo(t, opts.Logins[0])
}

// TestRecordThatWasLeftBehind: a fence was lifted by hand, its record stayed, and
// roles changed since. The next fence restores what it found, not what that one did.
func TestRecordThatWasLeftBehind(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	server.Exec(t, "CREATE ROLE gone LOGIN")
	old := opts
	old.Roles = append(slices.Clone(opts.Roles), "gone")
	if _, err := fence.Writes(t.Context(), server.Super(), old); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "ALTER ROLE app CONNECTION LIMIT 9", "ALTER ROLE app IN DATABASE shop RESET default_transaction_read_only",
		"ALTER ROLE boss LOGIN CONNECTION LIMIT 3", "ALTER ROLE boss IN DATABASE shop SET default_transaction_read_only = off",
		"ALTER ROLE gone IN DATABASE shop RESET ALL", "DROP ROLE gone")
	before := pgtest.Query[string](t, server, rolesAsTheyAre)
	if _, err := fence.Writes(t.Context(), server.Super(), opts); err != nil {
		t.Fatal(err)
	}
	if err := fence.Lift(t.Context(), server.Super(), opts.RecordPath, opts.SystemID); err != nil {
		t.Fatal(err)
	}
	if after := pgtest.Query[string](t, server, rolesAsTheyAre); after != before {
		t.Errorf("after the fence: %s\nbefore: %s", after, before)
	}
}

func TestFenceRefusesWhatItCannotProve(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	tests := map[string]struct {
		change func(*fence.Options)
		class  failure.Class
	}{
		"own role":       {func(o *fence.Options) { o.Roles = []string{"postgres"} }, failure.Refused},
		"unknown role":   {func(o *fence.Options) { o.Roles = []string{"nobody"} }, failure.NotFound},
		"other system":   {func(o *fence.Options) { o.SystemID++ }, failure.IdentityMismatch},
		"nothing named":  {func(o *fence.Options) { o.Databases = nil }, failure.InvalidInput},
		"a login works":  {func(o *fence.Options) { o.Logins = []pg.Server{server.Super()} }, failure.CheckFailed},
		"no login there": {func(o *fence.Options) { o.Logins = []pg.Server{server.TCP("app", "wrong")} }, failure.CheckFailed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			changed := opts
			tt.change(&changed)
			changed.RecordPath += name
			if _, err := fence.Writes(t.Context(), server.Super(), changed); failure.ClassOf(err) != tt.class {
				t.Errorf("Writes = %v, want %s", err, tt.class)
			}
		})
	}
}

func TestFenceOfAStoppedServerHoldsWhenItStarts(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	c := server.Cluster(t)
	want := cluster.Expected{SystemID: opts.SystemID}
	if _, err := fence.Stopped(t.Context(), c, want, opts); !failure.Is(err, failure.Unsafe) {
		t.Errorf("Stopped on a running server = %v, want Unsafe", err)
	}
	server.Kill(t)
	for range 2 {
		if _, err := fence.Stopped(t.Context(), c, want, opts); err != nil {
			t.Fatal(err)
		}
	}
	server.Start(t)
	for _, login := range opts.Logins {
		if err := login.Do(t.Context(), func(*pgx.Conn) error { return nil }); !failure.Is(err, failure.Forbidden) {
			t.Errorf("login as %s = %v, want Forbidden", login, err)
		}
	}
	server.Stop(t)
	for range 2 {
		if err := fence.LiftOffline(t.Context(), c, want, opts.RecordPath); err != nil {
			t.Fatal(err)
		}
	}
	server.Start(t)
	server.ConnectTo(t, opts.Logins[0])
}

// TestOfflineFenceIsLiftedFromAServerThatWasStarted: somebody started the server
// before the fence was lifted. It keeps running, and lets the application in.
func TestOfflineFenceIsLiftedFromAServerThatWasStarted(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	c := server.Cluster(t)
	want := cluster.Expected{SystemID: opts.SystemID}
	server.Stop(t)
	if _, err := fence.Stopped(t.Context(), c, want, opts); err != nil {
		t.Fatal(err)
	}
	server.Start(t)
	server.Exec(t, "ALTER SYSTEM SET work_mem = '5MB'") // writes the file with the fence's lines anew
	before, err := c.Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := fence.LiftOffline(t.Context(), c, want, opts.RecordPath); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Eventually(t, "the application gets in", func() bool {
		return opts.Logins[0].Do(t.Context(), func(*pgx.Conn) error { return nil }) == nil
	})
	if after, err := c.Process(t.Context()); err != nil || after.PID != before.PID {
		t.Errorf("the server was ended: %+v, before %+v, %v", after, before, err)
	}
	server.Restart(t)
	if file := pgtest.Query[string](t, server, "SHOW hba_file"); filepath.Base(file) != "pg_hba.conf" {
		t.Errorf("after a restart the server still uses %s", file)
	}
	if workers := pgtest.Query[string](t, server, "SHOW max_logical_replication_workers"); workers == "0" {
		t.Errorf("after a restart the server still applies no subscription")
	}
	if memory := pgtest.Query[string](t, server, "SHOW work_mem"); memory != "5MB" {
		t.Errorf("after a restart work_mem is %s", memory)
	}
	server.ConnectTo(t, opts.Logins[0])
}
