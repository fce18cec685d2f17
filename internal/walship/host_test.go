package walship_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// asWorker makes the test binary behave as `worker`: PostgreSQL and the small
// wal binary start it as a process of its own.
const asWorker = "HOLDFAST_TEST_AS_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) != "" {
		os.Exit(walship.Command(context.Background(), os.Args[2:], openFiles, os.Stdout, os.Stderr)) //nolint:forbidigo // here this is a main
	}
	code := m.Run()
	binaries.remove()
	os.Exit(code) //nolint:forbidigo // what TestMain is for
}

// openFiles is the composition root of the tests: directory stores, keys by file.
func openFiles(_ context.Context, s settings.Settings) (walship.Options, func() error, error) {
	opts := walship.Options{Settings: s}
	for _, one := range s.Stores {
		opened, err := file.Open(file.Config{Name: one.Name, Dir: one.Dir})
		if err != nil {
			return opts, nil, err
		}
		opts.Stores = append(opts.Stores, opened)
	}
	var err error
	opts.Recipients, opts.Keys, err = walship.LoadKeys(s.Keys)
	return opts, func() error { return nil }, err
}

// programs are built or copied once for all tests, where the server's user can run them.
type programs struct {
	once sync.Once
	dir  string
	err  error
}

var binaries programs //nolint:gochecknoglobals // one build for the whole test binary, as testing has no per-package fixture

func (p *programs) get(t testing.TB) string {
	t.Helper()
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "hfbin"); p.err != nil { //nolint:usetesting // outlives the first test
			return
		}
		p.err = p.build()
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.dir
}

func (p *programs) build() error {
	if err := os.Chmod(p.dir, 0o755); err != nil { //nolint:gosec // the server's user must be able to run what is in it
		return err
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(p.dir, "wal"), "../../worker/wal").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build wal: %w: %s", err, out)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.dir, "tests"), self, 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	script := "#!/bin/sh\n" + asWorker + "=1 exec " + filepath.Join(p.dir, "tests") + ` "$@"` + "\n"
	return os.WriteFile(filepath.Join(p.dir, "worker"), []byte(script), 0o755) //nolint:gosec // as above
}

func (p *programs) remove() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir) // a leftover of a test run, at worst
	}
}

// host is one database host: a server that archives, its settings, two stores.
type host struct {
	dir    string
	config string
	bin    string
	server *pgtest.Server
	text   string
	stores []store.Store
	keys   *keyring.Private
	places []string
	system wal.SystemID
}

type hostOption func(*hostSpec)

type hostSpec struct {
	yaml string
}

func withYAML(text string) hostOption { return func(h *hostSpec) { h.yaml += text } }

func newHost(t testing.TB, opts ...hostOption) *host {
	t.Helper()
	var spec hostSpec
	for _, apply := range opts {
		apply(&spec)
	}
	h := &host{dir: pgtest.Dir(t), bin: binaries.get(t)}
	h.config = filepath.Join(h.dir, "wal.yaml")
	h.server = pgtest.Start(t,
		pgtest.With("archive_mode", "on"), pgtest.With("archive_command", h.command("push %p")),
		pgtest.With("max_slot_wal_keep_size", "512MB"), pgtest.With("fsync", "on"),
	)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(h.dir, "daemon.log"))
			t.Logf("server: %s\ndaemon: %s", h.server.Log(t), log)
		}
	})
	conn := h.server.Connect(t)
	if err := heartbeat.Enroll(t.Context(), conn, heartbeat.EnrollOptions{Writer: "postgres"}); err != nil {
		t.Fatal(err)
	}
	h.write(t, filepath.Join(h.server.DataDir, "holdfast.incarnation"), `{"incarnation":"FIRST"}`)
	h.system = systemID(t, h.server)
	h.makeKeys(t)
	for _, name := range []string{"near", "far"} {
		h.addStore(t, name)
	}
	h.text = h.settingsFor(t, h.server, "") + spec.yaml
	h.write(t, h.config, h.text)
	return h
}

func (h *host) command(verb string) string {
	return filepath.Join(h.bin, "wal") + " --config " + h.config + " " + verb
}

func (h *host) write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.give(t, path)
}

func (h *host) give(t testing.TB, path string) {
	t.Helper()
	if err := pgtest.Owner(t).Give(path); err != nil {
		t.Fatal(err)
	}
}

func (h *host) makeKeys(t testing.TB) {
	t.Helper()
	key, err := keyring.Generate("host test", "host@example.test")
	if err != nil {
		t.Fatal(err)
	}
	offline, err := keyring.Generate("offline test", "offline@example.test")
	if err != nil {
		t.Fatal(err)
	}
	for name, armored := range map[string]func() (string, error){
		"private.asc": key.Armored, "public.asc": key.Public().Armored, "offline.asc": offline.Public().Armored,
	} {
		text, err := armored()
		if err != nil {
			t.Fatal(err)
		}
		h.write(t, filepath.Join(h.dir, name), text)
	}
	h.keys = keyring.NewPrivate(key)
}

func (h *host) addStore(t testing.TB, name string) {
	t.Helper()
	dir := filepath.Join(h.dir, "store-"+name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.give(t, dir)
	h.places = append(h.places, dir)
	opened, err := file.Open(file.Config{Name: name, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{"objects", "sha256", "tmp", "locks"} {
		h.give(t, filepath.Join(dir, entry))
	}
	h.stores = append(h.stores, opened)
}

func systemID(t testing.TB, server *pgtest.Server) wal.SystemID {
	t.Helper()
	var id wal.SystemID
	text := pgtest.Query[string](t, server, "SELECT system_identifier::text FROM pg_control_system()")
	if err := id.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return id
}

// settingsFor writes the settings of a server of this host's source. Names with
// another suffix have their own socket and spool.
func (h *host) settingsFor(t testing.TB, server *pgtest.Server, suffix string) string {
	t.Helper()
	spool := filepath.Join(h.dir, "spool"+suffix)
	if err := os.MkdirAll(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	h.give(t, spool)
	text := fmt.Sprintf("source: orders\nsystem_id: %q\ndata_dir: %s\nsocket: %s\nworker: %s\nspool: {dir: %s, max_bytes: 268435456}\n",
		h.system, server.DataDir, filepath.Join(h.dir, "sock"+suffix), filepath.Join(h.bin, "worker"), spool)
	text += fmt.Sprintf("database: {conn: \"host=%s port=%d user=postgres dbname=postgres\"}\n", server.SocketDir, server.Port)
	text += fmt.Sprintf("keys: {recipients: [%[1]s/public.asc, %[1]s/offline.asc], private: %[1]s/private.asc}\nstores:\n", h.dir)
	for _, place := range h.places {
		text += fmt.Sprintf("  - {name: %s, provider: file, dir: %s}\n", strings.TrimPrefix(filepath.Base(place), "store-"), place)
	}
	return text
}

// options are those of the host's settings, for calls within the test.
func (h *host) options(t testing.TB) walship.Options {
	t.Helper()
	s, err := settings.Parse([]byte(h.text))
	if err != nil {
		t.Fatal(err)
	}
	recipients, keys, err := walship.LoadKeys(s.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return walship.Options{Settings: s, Stores: h.stores, Recipients: recipients, Keys: keys}
}

// daemonProcess is `wal serve` as a process of its own.
type daemonProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// serve starts the daemon as the server's user and waits until it answers.
func (h *host) serve(t testing.TB, config string) *daemonProcess {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(h.dir, "daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(h.bin, "tests"), "wal", "--config", config, "serve")
	cmd.Env = append(os.Environ(), asWorker+"=1")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = pgtest.Owner(t).Attributes()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	d := &daemonProcess{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig follows the thread that started the child
		defer runtime.UnlockOSThread()
		defer close(d.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed on purpose
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.kill(t) })
	h.until(t, "the daemon answers", func() bool { _, err := h.status(config); return err == nil })
	return d
}

// kill ends the daemon as a crash would.
func (d *daemonProcess) kill(t testing.TB) {
	t.Helper()
	if d.cmd.Process != nil {
		_ = d.cmd.Process.Kill() // it may be gone already
		<-d.done
	}
}

func (h *host) status(config string) (walship.Status, error) {
	var status walship.Status
	out, err := exec.Command(filepath.Join(h.bin, "wal"), "--config", config, "status").Output()
	if err == nil {
		err = json.Unmarshal(out, &status)
	}
	return status, err
}

// until polls a condition with a deadline and shows the daemon's log when it is missed.
func (h *host) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	poll := time.NewTicker(25 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-poll.C:
		case <-deadline:
			log, _ := os.ReadFile(filepath.Join(h.dir, "daemon.log"))
			status, err := h.status(h.config)
			t.Fatalf("timed out waiting until %s; status %+v %v; daemon: %s; server: %s", what, status, err, log, h.server.Log(t))
		}
	}
}

// switchWAL ends the segment being written and returns its name.
func (h *host) switchWAL(t testing.TB) string {
	t.Helper()
	h.server.Exec(t, "SELECT pg_logical_emit_message(true, 'test', 'x')")
	name := pgtest.Query[string](t, h.server, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
	h.server.Exec(t, "SELECT pg_switch_wal()")
	return name
}

// keysUnder lists one store.
func keysUnder(t testing.TB, s store.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for obj, err := range s.List(t.Context(), prefix, store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, obj.Key)
	}
	return keys
}

// archivedIn reports whether a store holds the file.
func archivedIn(t testing.TB, s store.Store, name string) bool {
	t.Helper()
	for _, key := range keysUnder(t, s, "v1/orders/wal/") {
		if strings.Contains(key, "/"+name+"-") && !strings.Contains(key, "/tail/") {
			return true
		}
	}
	return false
}

func wantClass(t testing.TB, err error, class failure.Class) {
	t.Helper()
	if !failure.Is(err, class) {
		t.Errorf("got %v (%s), want %s", err, failure.ClassOf(err), class)
	}
}
