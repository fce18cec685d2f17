package activities_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities"
	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// host is a database host of a plan, with a real server, as `starter undo` meets it.
type host struct {
	set     *activities.Set
	work    *postgres.Activities
	server  *pgtest.Server
	cluster *cluster.Cluster
	where   postgres.Where
	damaged postgres.Identity
}

// newHost starts a server and makes a plan that names it.
func newHost(t *testing.T) *host {
	t.Helper()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE ROLE desk LOGIN PASSWORD 'pw'", "CREATE ROLE terminal LOGIN PASSWORD 'pw'", `CREATE DATABASE "Bookings" OWNER desk`)
	c := server.Cluster(t)
	marker, err := c.Enroll()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	loaded := planFor(t, server)
	work := postgres.New(postgres.Config{Plan: loaded, Host: "quay-1", StateDir: filepath.Join(server.Root, "state"), Stores: twoStores(t)})
	if err := pgtest.Owner(t).MkdirAll(work.StateDir); err != nil {
		t.Fatal(err)
	}
	return &host{
		set: &activities.Set{Postgres: work}, work: work, server: server, cluster: c,
		where:   postgres.Where{PlanHash: loaded.Hash(), Database: "bookings", Host: "quay-1", Run: "recover/booking-desk/run-1"},
		damaged: postgres.Identity{SystemID: identity.SystemID, Timeline: identity.Timeline, Incarnation: marker.Incarnation},
	}
}

// twoStores are directories, as a host reaches them.
func twoStores(t *testing.T) []store.Store {
	t.Helper()
	var stores []store.Store
	for _, name := range []string{"one", "two"} {
		s, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() }) // a test may have closed it, so that it does not answer
		stores = append(stores, s)
	}
	return stores
}

// planFor is the second plan with the primary of its database at the server.
func planFor(t *testing.T, server *pgtest.Server) *plan.Plan {
	t.Helper()
	raw, err := os.ReadFile("../internal/plan/testdata/second.yaml")
	if err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(server.Root, "password")
	if err := os.WriteFile(password, []byte("pw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"{host: quay-1, role: primary, data_dir: /srv/pg/bookings, port: 6001, bin_dir: /opt/pg17/bin, aside_port: 6101, workspace: /srv/restore/bookings}",
		fmt.Sprintf("{host: quay-1, role: primary, data_dir: %s, port: %d, socket_dir: %s, bin_dir: %s, aside_port: %d, workspace: %s}",
			server.DataDir, server.Port, server.SocketDir, server.BinDir, pgtest.Port(t), filepath.Join(server.Root, "ws")),
		"superuser: harbourmaster", "superuser: postgres",
		"{name: desk}", "{name: desk, password: file:"+password+"}", "env:TERMINAL_PASSWORD", "file:"+password,
	).Replace(string(raw))
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, findings, err := plan.Load(file)
	if err != nil {
		t.Fatal(err, findings)
	}
	return loaded
}

// ownLease is the lease of a person who acts by hand.
var ownLease = evidence.Lease{Holder: "undo by hand", Token: 1}

func byHand(t *testing.T) context.Context {
	t.Helper()
	return guard.ByHand(t.Context(), ownLease.Holder, ownLease.Token)
}

// undo carries out a record as `starter undo` does.
func (h *host) undo(t *testing.T, name string, input any) {
	t.Helper()
	if err := h.set.Call(t.Context(), ownLease, postgres.Prefix+name, encoded(t, input)); err != nil {
		t.Fatalf("undo %s: %v", name, err)
	}
}

// encoded is an activity's input as an undo record holds it.
func encoded(t *testing.T, input any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (h *host) mayLogIn(t *testing.T) bool {
	t.Helper()
	login := h.server.TCP("desk", "pw").In("Bookings")
	return login.Do(t.Context(), func(conn *pgx.Conn) error {
		return pg.Exec(t.Context(), conn, "write", "CREATE TEMPORARY TABLE t (a int)")
	}) == nil
}

// TestUndoAfterAFenceOfAStoppedServer: the run fenced a server that was down and
// was terminated before its cut-over. Both undos are carried out, last first, by
// themselves and again, with the server still down and with one that somebody
// started meanwhile.
func TestUndoAfterAFenceOfAStoppedServer(t *testing.T) {
	t.Parallel()
	for name, started := range map[string]bool{"still down": false, "started meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.server.Kill(t)
			in := postgres.FenceInput{Where: h.where, Side: postgres.Serving, Expect: h.damaged}
			fenced, err := h.work.FenceWrites(byHand(t), in)
			if err != nil || !fenced.Offline {
				t.Fatalf("%+v %v", fenced, err)
			}
			if started {
				h.server.Start(t)
				if h.mayLogIn(t) {
					t.Fatal("the fence does not hold")
				}
			}
			restored := postgres.Identity{SystemID: h.damaged.SystemID, Timeline: h.damaged.Timeline + 1, Incarnation: "restored"}
			for range 2 {
				h.undo(t, "SwapBack", postgres.SwapInput{Where: h.where, Damaged: h.damaged, Restored: restored})
				h.undo(t, "LiftFence", in)
			}
			process, err := h.cluster.Process(t.Context())
			if err != nil || (process.Life == cluster.Running) != started {
				t.Errorf("the server is %+v, %v", process, err)
			}
			if !started {
				h.server.Start(t)
			}
			pgtest.Eventually(t, "the application gets in", func() bool { return h.mayLogIn(t) })
			records, err := filepath.Glob(filepath.Join(h.work.StateDir, "fence", "*", "*"))
			if err != nil || len(records) > 0 {
				t.Errorf("the fence's record is left: %v %v", records, err)
			}
		})
	}
}

// TestFenceOfAClusterThatWasNeverEnrolled keeps its record by the cluster's system
// identifier, and takes it away when it is lifted.
func TestFenceOfAClusterThatWasNeverEnrolled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	if err := os.Remove(filepath.Join(h.server.DataDir, cluster.MarkerFile)); err != nil {
		t.Fatal(err)
	}
	h.damaged.Incarnation = ""
	in := postgres.FenceInput{Where: h.where, Side: postgres.Serving, Expect: h.damaged}
	stranger := filepath.Join(h.work.StateDir, "fence", "bookings", "unmarked-1.json")
	if err := pgtest.Owner(t).MkdirAll(filepath.Dir(stranger)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stranger, []byte(`{"system_id":"1","roles":[{"name":"desk","limit":3}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h.server.Kill(t) // offline: no store answers here, and none is asked
	if _, err := h.work.FenceWrites(byHand(t), in); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(filepath.Dir(stranger), "unmarked-"+h.damaged.SystemID.String()+".json")
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	h.undo(t, "LiftFence", in)
	if _, err := os.Stat(own); !os.IsNotExist(err) {
		t.Errorf("the record is left: %v", err)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("another cluster's record is gone: %v", err)
	}
}
