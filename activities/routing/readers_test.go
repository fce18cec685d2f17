package routing_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

// pooler is a real PgBouncer with two entries, and a plan that names it.
type pooler struct {
	config string
	port   int
	plan   *plan.Plan
	state  string // of the host
	at     routing.Input
}

// the runs' names and the replica of the second plan.
const run = "recover/booking-desk/run-1"

func replica() routing.Server { return routing.Server{Address: "10.30.0.11", Port: 6001} }

// on returns the activities of a host with that plan.
func (p *pooler) on(loaded *plan.Plan) *routing.Activities {
	return routing.New(routing.Config{Plan: loaded, StateDir: p.state})
}

// byHand is how a person carries an undo out.
func byHand(t *testing.T) context.Context {
	t.Helper()
	return guard.ByHand(t.Context(), "undo by hand", 1)
}

func program(t *testing.T) string {
	t.Helper()
	for _, path := range []string{filepath.Join(os.Getenv("HOLDFAST_TOOLS"), "pgbouncer"), "pgbouncer", "/usr/sbin/pgbouncer"} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Fatal("pgbouncer is missing: run make tools")
	return ""
}

func start(t *testing.T, settings ...string) *pooler {
	t.Helper()
	dir, port, owner := pgtest.Dir(t), pgtest.Port(t), pgtest.Owner(t)
	p := &pooler{config: filepath.Join(dir, "pgbouncer.ini"), port: port, state: filepath.Join(dir, "state")}
	require.NoError(t, owner.MkdirAll(p.state))
	require.NoError(t, owner.WriteFile(filepath.Join(dir, "users.txt"), []byte(`"boss" ""`+"\n"), 0o600))
	require.NoError(t, owner.WriteFile(p.config, []byte(strings.Join([]string{
		"[databases]", "desk = host=127.0.0.1 port=6001 dbname=Bookings", "desk_read = host=127.0.0.1 port=6001 dbname=Bookings pool_size=5", "",
		"[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "unix_socket_dir = " + dir,
		"auth_type = any", "auth_file = " + filepath.Join(dir, "users.txt"), "admin_users = boss",
		strings.Join(settings, "\n"), "",
	}, "\n")), 0o600))
	process := exec.CommandContext(t.Context(), program(t), p.config)
	process.SysProcAttr = owner.Attributes()
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill() // it may have ended with the test's context
		_ = process.Wait()         // it was killed; its status says so
	})
	var err error
	p.plan, _, err = plan.Load(filepath.Join("..", "..", "internal", "plan", "testdata", "second.yaml"))
	require.NoError(t, err)
	p.plan.Databases[0].Endpoint = plan.Endpoint{
		Kind: plan.EndpointPgBouncer, Host: "quay-1", ConfigFile: p.config, WriterEntry: "desk", ReaderEntry: "desk_read",
		AdminConn: fmt.Sprintf("host=127.0.0.1 port=%d user=boss dbname=pgbouncer sslmode=disable", port),
	}
	p.at = routing.Input{PlanHash: p.plan.Hash(), Database: "bookings"}
	require.Eventually(t, func() bool {
		_, err := p.on(p.plan).Readers(t.Context(), p.at)
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	return p
}

func (p *pooler) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.config)
	require.NoError(t, err)
	return string(text)
}

func TestReadersAreSentThereAndBack(t *testing.T) {
	t.Parallel()
	p := start(t)
	activities, before := p.on(p.plan), p.text(t)
	from, err := activities.Readers(t.Context(), p.at)
	require.NoError(t, err)
	require.Equal(t, routing.Server{Address: "127.0.0.1", Port: 6001}, from)

	to := replica()
	for range 2 { // twice is harmless
		sent, err := activities.SendReaders(byHand(t), routing.Redirection{Input: p.at, To: to, Run: run})
		require.NoError(t, err)
		require.Equal(t, to, sent)
		now, err := activities.Readers(t.Context(), p.at)
		require.NoError(t, err)
		require.Equal(t, to, now, "PgBouncer itself says so")
	}
	require.Contains(t, p.text(t), "desk = host=127.0.0.1 port=6001", "writers stay where they are")
	_, err = activities.SendReaders(byHand(t), routing.Redirection{Input: p.at, To: from, Run: run})
	require.NoError(t, err)
	require.Equal(t, before, p.text(t), "nothing is left of the detour")
}

// TestAdminConsoleElsewhereMustProveItsName: where nothing is said, a console that
// is not on this machine by its name is reached encrypted and proven, or not at all.
func TestAdminConsoleElsewhereMustProveItsName(t *testing.T) {
	t.Parallel()
	const elsewhere = "LOCALHOST" // this machine, under a name that is not known for its own
	right, wrong := tlstest.New(t), tlstest.New(t)
	cert, key := serverFiles(t, right)
	encrypted := start(t, "client_tls_sslmode = allow", "client_tls_cert_file = "+cert, "client_tls_key_file = "+key)
	plain := start(t)
	for name, row := range map[string]struct {
		pooler *pooler
		host   string
		more   string
		fails  string // "": it does not
	}{
		"the right authority":    {encrypted, elsewhere, "sslrootcert=" + right.File, ""},
		"another authority":      {encrypted, elsewhere, "sslrootcert=" + wrong.File, "certificate"},
		"in the clear":           {plain, elsewhere, "sslrootcert=" + right.File, "TLS"},
		"in the clear, as asked": {plain, elsewhere, "sslmode=disable", ""},
		"this machine":           {plain, "127.0.0.1", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here := *row.pooler.plan
			here.Databases = append([]plan.Database(nil), here.Databases...)
			here.Databases[0].Endpoint.AdminConn = fmt.Sprintf("host=%s port=%d user=boss dbname=pgbouncer %s", row.host, row.pooler.port, row.more)
			_, err := row.pooler.on(&here).Readers(t.Context(), row.pooler.at)
			if row.fails == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, failure.Unavailable, failure.ClassOf(boundary.In(err)), err)
			require.ErrorContains(t, err, row.fails)
			require.Contains(t, failure.HintOf(boundary.In(err)), "sslrootcert")
		})
	}
}

// serverFiles are a certificate and its key that the server's account can read.
func serverFiles(t *testing.T, by tlstest.Authority) (cert, key string) {
	t.Helper()
	pair, dir := by.Server(t), pgtest.Dir(t)
	secret, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	for name, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		require.NoError(t, pgtest.Owner(t).WriteFile(name, pem.EncodeToMemory(block), 0o600))
	}
	return cert, key
}

func TestRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	before := p.text(t)
	for name, row := range map[string]struct {
		spoil func(in *routing.Input, e *plan.Endpoint)
		class failure.Class
	}{
		"entry missing":    {func(_ *routing.Input, e *plan.Endpoint) { e.ReaderEntry = "nobody" }, failure.NotFound},
		"another plan":     {func(in *routing.Input, _ *plan.Endpoint) { in.PlanHash = "" }, failure.IdentityMismatch},
		"unknown database": {func(in *routing.Input, _ *plan.Endpoint) { in.Database = "tides" }, failure.NotFound},
		"no endpoint":      {func(_ *routing.Input, e *plan.Endpoint) { e.Kind = plan.EndpointNone }, failure.InvalidInput},
		"nobody listens": {func(_ *routing.Input, e *plan.Endpoint) {
			e.AdminConn = "host=127.0.0.1 port=1 user=boss dbname=pgbouncer sslmode=disable"
		}, failure.Unavailable},
	} {
		spoiled, in := *p.plan, p.at
		spoiled.Databases = append([]plan.Database(nil), p.plan.Databases...)
		row.spoil(&in, &spoiled.Databases[0].Endpoint)
		_, err := p.on(&spoiled).Readers(t.Context(), in)
		require.Equal(t, row.class, failure.ClassOf(boundary.In(err)), "%s: %v", name, err)
		_, err = p.on(&spoiled).SendReaders(byHand(t), routing.Redirection{Input: in, To: replica(), Run: run})
		require.Equal(t, row.class, failure.ClassOf(boundary.In(err)), "%s: %v", name, err)
		require.Equal(t, before, p.text(t), name)
	}
}
