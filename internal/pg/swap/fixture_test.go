package swap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
)

// fixture is a service and a promoted, isolated restore of it, with a tablespace.
type fixture struct {
	config  Config
	archive string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	archive := pgtest.Dir(t)
	server := pgtest.Start(t, pgtest.ArchiveTo(archive), pgtest.With("work_mem", "5MB"))
	space := filepath.Join(server.Root, "space")
	if err := pgtest.Owner(t).MkdirAll(space); err != nil {
		t.Fatal(err)
	}
	c := server.Cluster(t)
	marker, err := c.Enroll()
	if err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "CREATE TABLESPACE space LOCATION '"+space+"'", "CREATE TABLE t (a int) TABLESPACE space", "INSERT INTO t VALUES (1)",
		"CREATE ROLE reader LOGIN PASSWORD 'pw'", "GRANT SELECT ON t TO reader", "CREATE ROLE app LOGIN PASSWORD 'pw'")
	workspace := filepath.Join(server.Root, "ws")
	restored := restoreOf(t, server, space, workspace)
	server.Exec(t, "INSERT INTO t VALUES (2)", "ALTER SYSTEM SET work_mem = '6MB'", "SELECT pg_reload_conf()") // the damaged one went on
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{archive: archive, config: Config{
		Run: "run1", Service: c.Config, Login: server.Super(), Workspace: restored.Config,
		Aside:    Aside{Port: pgtest.Port(t), SocketDir: filepath.Join(server.Root, "a"), Readers: []string{"reader"}},
		Damaged:  Identity{Expected: cluster.Expected{SystemID: identity.SystemID, Incarnation: marker.Incarnation}, Timeline: 1},
		Restored: Identity{Expected: cluster.Expected{SystemID: identity.SystemID, Incarnation: "the-restored-one"}, Timeline: 2},
	}}
	for _, p := range []Place{AtData, AtAside, AtKept, AtWorkspace} {
		pgtest.StopAfter(t, &cluster.Cluster{Config: f.config.clusterAt(p), Programs: c.Programs})
	}
	return f
}

// restoreOf makes what a restore leaves: a copy, replayed and promoted, running.
func restoreOf(t *testing.T, server *pgtest.Server, space, workspace string) *cluster.Cluster {
	t.Helper()
	owner := pgtest.Owner(t)
	for _, dir := range []string{workspace, filepath.Join(workspace, "tablespaces")} {
		if err := owner.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(workspace, "data")
	pgtest.Run(t, "pg_basebackup", "-D", data, "-h", server.SocketDir, "-p", pgtest.PortText(server), "-U", "postgres", "-c", "fast",
		"-T", space+"="+filepath.Join(workspace, "tablespaces", "1"))
	c, err := cluster.Open(cluster.Config{DataDir: data, BinDir: server.BinDir, SocketDir: filepath.Join(workspace, "s"), Port: pgtest.Port(t)})
	if err != nil {
		t.Fatal(err)
	}
	marker := cluster.NewMarker("run1")
	marker.Incarnation = "the-restored-one"
	if err := cluster.WriteMarker(owner, data, marker, true); err != nil {
		t.Fatal(err)
	}
	target := replay.Target{Kind: replay.Immediate, Timeline: 1}
	if err := replay.Configure(t.Context(), c, replay.Config{Target: target, RestoreCommand: "false"}); err != nil {
		t.Fatal(err)
	}
	reached, err := replay.Run(t.Context(), c, target, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Promote(t.Context(), c, cluster.Of(identity), target, "postgres", reached); err != nil {
		t.Fatal(err)
	}
	return c
}

// requireIn checks the cut-over from outside: at the service port, on disk, aside.
func (f *fixture) requireIn(t *testing.T, got Swapped) {
	t.Helper()
	if rows := pgtest.QueryAt[int](t, f.config.Login, "SELECT count(*) FROM t"); rows != 1 {
		t.Errorf("the service has %d rows, want the restored cluster's 1", rows)
	}
	settings := pgtest.QueryAt[string](t, f.config.Login, `SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings
		WHERE name IN ('archive_mode', 'listen_addresses', 'work_mem')`)
	if settings != "on 127.0.0.1 6144" {
		t.Errorf("the service's settings are %q", settings)
	}
	space := pgtest.QueryAt[string](t, f.config.Login, "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'space'")
	if !strings.HasPrefix(space, f.config.tablespaceDir()) {
		t.Errorf("the tablespace is at %s: it would go with the workspace", space)
	}
	if names, err := filepath.Glob(filepath.Join(f.config.dataDir(), "pg_wal/archive_status/00000001*.ready")); err != nil || len(names) > 0 {
		t.Errorf("segments of the damaged cluster's timeline are to be archived again: %v %v", names, err)
	}
	aside := f.config.Login
	aside.Host, aside.Port = f.config.Aside.SocketDir, f.config.Aside.Port
	if !got.AsideReads || got.AsideDir != f.config.asideDir() || got.At.IsZero() || got.Serving.Timeline != 2 {
		t.Errorf("Swapped = %+v", got)
		return
	}
	if rows := pgtest.QueryAt[int](t, aside, "SELECT count(*) FROM t"); rows != 2 {
		t.Errorf("the damaged cluster has %d rows, want 2", rows)
	}
}

func (f *fixture) requireBack(t *testing.T, got Swapped) {
	t.Helper()
	if rows := pgtest.QueryAt[int](t, f.config.Login, "SELECT count(*) FROM t"); rows != 2 {
		t.Errorf("the service has %d rows, want the damaged cluster's 2", rows)
	}
	settings := pgtest.QueryAt[string](t, f.config.Login, `SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings
		WHERE name IN ('archive_mode', 'default_transaction_read_only', 'work_mem')`)
	if settings != "on off 6144" {
		t.Errorf("the service's settings are %q", settings)
	}
	if _, err := os.Stat(filepath.Join(got.AsideDir, "PG_VERSION")); err != nil {
		t.Errorf("the restored cluster is not kept: %v", err)
	}
}

// rewind makes a finished Back look as if the run had not begun.
func (f *fixture) rewind(t *testing.T) {
	t.Helper()
	if err := os.Remove(f.config.recordFile()); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(f.config.keptDir(), autoConf)
	content, err := os.ReadFile(conf)
	if os.IsNotExist(err) {
		return // it is in the workspace still
	}
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(retiredLine+"\n", "", quietLine+"\n", "", idleLine+"\n", "").Replace(string(content))
	text += "port = '" + portText(f.config.Workspace.Port) + "'\nunix_socket_directories = '" + f.config.Workspace.SocketDir + "'\n"
	if err := pgtest.Owner(t).WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(f.config.keptDir(), dressedFile)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	f.tablespaceInto(t)
	if err := os.Rename(f.config.keptDir(), f.config.Workspace.DataDir); err != nil {
		t.Fatal(err)
	}
}

// tablespaceInto puts the restored cluster's tablespace into the workspace again.
func (f *fixture) tablespaceInto(t *testing.T) {
	t.Helper()
	links, err := filepath.Glob(filepath.Join(f.config.keptDir(), "pg_tblspc", "*"))
	if err != nil || len(links) != 1 {
		t.Fatalf("tablespace links: %v %v", links, err)
	}
	place, err := os.Readlink(links[0])
	if err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(filepath.Dir(f.config.Workspace.DataDir), "tablespaces", "1")
	if place == inside {
		return
	}
	if err := os.Rename(place, inside); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(links[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inside, links[0]); err != nil {
		t.Fatal(err)
	}
}
