package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

// house is a primary that archives into an S3 server and a directory, and a plan
// that says so. Names are those of the invented plan.
type house struct {
	*pgtest.Server

	dir      string
	plan     *plan.Plan
	planFile string
	signer   string // private key file of host quay-1
	key      string // private key file of recipient "safe"
	wal      string // the wal program
	files    string // directory of the store "cellar"
}

const (
	houseDatabase = "bookings"
	houseHost     = "quay-1"
)

// newStores is a house in which no server runs: the plan and its stores.
func newStores(t *testing.T) *house {
	t.Helper()
	dir := pgtest.Dir(t)
	h := &house{dir: dir, Server: &pgtest.Server{DataDir: filepath.Join(dir, "none"), SocketDir: dir, BinDir: dir, Port: pgtest.Port(t)}}
	h.makePlan(t)
	return h
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{dir: pgtest.Dir(t)}
	h.wal = filepath.Join(h.dir, "wal")
	if out, err := exec.Command("go", "build", "-o", h.wal, "../worker/wal").CombinedOutput(); err != nil {
		t.Fatalf("build wal: %v: %s", err, out)
	}
	config := filepath.Join(h.dir, "wal.yaml")
	h.Server = pgtest.Start(t, pgtest.Stopped(), pgtest.Fresh(), pgtest.With("archive_mode", "on"), pgtest.With("fsync", "on"),
		pgtest.With("archive_command", h.wal+" --config "+config+" push %p"), pgtest.With("max_slot_wal_keep_size", "512MB"))
	h.makePlan(t)
	h.archive(t, config)
	return h
}

// makePlan points the invented plan at this house.
func (h *house) makePlan(t *testing.T) {
	t.Helper()
	p, _, err := plan.Load("../internal/plan/testdata/second.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p.Databases = p.Databases[:1]
	p.Services = p.Services[:3]
	p.Runbooks[0].Services = []string{"booking-desk"}
	db := &p.Databases[0]
	db.DBName, db.Superuser, db.OSUser = "postgres", "postgres", h.account(t)
	db.Hosts[0].DataDir, db.Hosts[0].Port, db.Hosts[0].SocketDir, db.Hosts[0].BinDir = h.DataDir, h.Port, h.SocketDir, h.BinDir
	db.Hosts[0].Workspace = filepath.Join(h.dir, "workspace")
	db.Hosts[1].Port = pgtest.Port(t) // nobody listens there
	h.makeStores(t, p)
	h.makeKeys(t, p)
	p.Communication.SMTP = nil
	text, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	h.planFile = filepath.Join(h.dir, "plan.yaml")
	h.write(t, h.planFile, string(text))
	if h.plan, _, err = plan.Load(h.planFile); err != nil {
		t.Fatal(err)
	}
}

func (h *house) account(t *testing.T) string {
	t.Helper()
	owner, err := user.LookupId(strconv.Itoa(int(pgtest.Owner(t).UID)))
	if err != nil {
		t.Fatal(err)
	}
	return owner.Username
}

func (h *house) makeStores(t *testing.T, p *plan.Plan) {
	t.Helper()
	server, err := objectstore.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if err := server.CreateBucket(t.Context(), "annex", true); err != nil {
		t.Fatal(err)
	}
	access, secret := filepath.Join(h.dir, "access"), filepath.Join(h.dir, "secret")
	h.write(t, access, server.AccessKey)
	h.write(t, secret, server.SecretKey.Reveal())
	h.files = filepath.Join(h.dir, "cellar")
	if err := os.Mkdir(h.files, 0o700); err != nil {
		t.Fatal(err)
	}
	p.Stores = []plan.Store{
		{Name: "cellar", Provider: plan.StoreFile, Path: h.files},
		{
			Name: "annex", Provider: plan.StoreS3, Bucket: "annex", Region: server.Region, Endpoint: server.Endpoint, PathStyle: true,
			AccessKey: plan.SecretRef("file:" + access), SecretKey: plan.SecretRef("file:" + secret),
		},
	}
}

func (h *house) makeKeys(t *testing.T, p *plan.Plan) {
	t.Helper()
	generate := func(name string) (private string, public keyring.PublicKey, file string) {
		code, out, complaints := starter(t, "key", "generate", "--recipient", name, "--email", name+"@example.org", "--out", h.dir, "-o", "json")
		if code != 0 {
			t.Fatalf("key generate: %s", complaints)
		}
		made := decode[generated](t, out)
		text, err := os.ReadFile(made.PublicFile)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := keyring.ParsePublicKeys(text)
		if err != nil {
			t.Fatal(err)
		}
		return made.PrivateFile, keys[0], made.PublicFile
	}
	for i := range p.Encryption.Recipients {
		h.key, _, p.Encryption.Recipients[i].PublicKeyFile = generate(p.Encryption.Recipients[i].Name)
	}
	private, public, _ := generate("signer")
	line, err := public.Line()
	if err != nil {
		t.Fatal(err)
	}
	h.signer = private
	today := time.Now().UTC()
	p.Sites[0].Hosts[0].SigningKeys = []plan.SigningKey{{
		Key: line, ValidFrom: plan.Date(today.AddDate(0, 0, -1).Format(time.DateOnly)), ValidUntil: plan.Date(today.AddDate(0, 0, 2).Format(time.DateOnly)),
	}}
}

// archive starts the server and, in this process, the daemon that carries its WAL.
func (h *house) archive(t *testing.T, config string) {
	t.Helper()
	c := h.Server.Cluster(t)
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made := settings.Settings{
		Source: houseDatabase, SystemID: identity.SystemID, DataDir: h.DataDir, Socket: filepath.Join(h.dir, "wal.sock"),
		Worker: filepath.Join(h.dir, "worker"), Spool: settings.Spool{Dir: filepath.Join(h.dir, "spool")},
		Tail: settings.Tail{Interval: 200 * time.Millisecond}, Heartbeat: settings.Heartbeat{Interval: 200 * time.Millisecond, ShipInterval: 400 * time.Millisecond},
		Database: settings.Database{Conn: h.Super().Conninfo()},
	}
	for _, one := range h.plan.Stores {
		made.Stores = append(made.Stores, storeSettings(one))
	}
	text, err := yaml.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, config, string(text))
	if made, err = settings.Parse(text); err != nil {
		t.Fatal(err)
	}
	h.Server.Start(t)
	h.serve(t, made)
}

// open opens the stores of the plan, closed with the test.
func (h *house) open(t *testing.T) []store.Store {
	t.Helper()
	stores, closeStores, err := binding.Stores(t.Context(), h.plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeStores() }) // holds no data
	return stores
}

func (h *house) serve(t *testing.T, made settings.Settings) {
	t.Helper()
	stores := h.open(t)
	recipients, err := binding.Recipients(h.plan)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- walship.Serve(ctx, walship.Options{Settings: made, Stores: stores, Recipients: recipients})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the wal daemon: %v", err)
		}
	})
}

func (h *house) write(t *testing.T, path, text string) {
	t.Helper()
	if err := pgtest.Owner(t).WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// starter runs one command line in this process.
func starter(t *testing.T, args ...string) (code int, out, complaints string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, streams{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

// must runs one command line of this house that has to end in want.
func (h *house) must(t *testing.T, want int, args ...string) string {
	t.Helper()
	code, out, complaints := starter(t, append(args, "--plan", h.planFile)...)
	if code != want {
		t.Fatalf("%v ended with %d, want %d\n%s\n%s", args, code, want, out, complaints)
	}
	if code != 0 {
		return complaints
	}
	return out
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// flush waits until everything written so far is archived.
func (h *house) flush(t *testing.T) {
	t.Helper()
	name := pgtest.Query[string](t, h.Server, "SELECT pg_walfile_name(pg_switch_wal())")
	pgtest.Eventually(t, name+" archived", func() bool {
		return pgtest.Query[bool](t, h.Server, "SELECT coalesce(last_archived_wal >= $1, false) FROM pg_stat_archiver", name)
	})
}

// stopped opens a restored directory and stops what runs in it after the test.
func (h *house) stopped(t *testing.T, dir string, port int) *cluster.Cluster {
	t.Helper()
	return pgtest.Daemon(t, cluster.Config{DataDir: filepath.Join(dir, "data"), BinDir: h.BinDir, SocketDir: filepath.Join(dir, "s"), Port: port})
}
