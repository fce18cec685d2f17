package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// childEnv holds the task of a test process that is to be killed.
const childEnv = "HOLDFAST_ARCHIVE_TEST_CHILD"

// child is what a killed process was doing.
type child struct {
	Do       string // backup or restore
	Dirs     []string
	State    string
	Data     string
	Space    string
	Host     string // armored private keys
	Online   string
	Offline  string
	Set      archive.SetID
	Kind     archive.Kind
	Target   string
	Map      map[string]string
	PerSec   int64
	Reported string // file whose growth shows progress
}

// TestChild is the body of a process that killAt starts; alone it does nothing.
func TestChild(t *testing.T) {
	task := os.Getenv(childEnv)
	if task == "" {
		return
	}
	var c child
	must(t, json.Unmarshal([]byte(task), &c))
	c.run(t)
}

func (c child) run(t *testing.T) {
	t.Helper()
	f := c.fixture(t)
	if c.Do == "backup" {
		cfg := f.config(c.Kind)
		cfg.SetID, cfg.ReadBytesPerSecond = c.Set, c.PerSec
		f.backup(cfg)
		return
	}
	cfg := f.restoreConfig(c.Set)
	cfg.Target, cfg.Map, cfg.Workers = c.Target, c.Map, 1
	cfg.Progress = func(archive.Progress) {
		must(t, os.WriteFile(c.Reported, []byte("some"), 0o600))
		select {} // hold still in the middle until killed
	}
	_, err := archive.Restore(context.Background(), cfg)
	must(t, err)
}

func (c child) fixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, dirs: c.Dirs, state: c.State, data: c.Data, space: c.Space}
	f.stores = openStores(t, c.Dirs)
	for text, into := range map[string]*keyring.PrivateKey{c.Host: &f.host, c.Online: &f.online, c.Offline: &f.offline} {
		keys, err := keyring.ParsePrivateKeys([]byte(text), nil)
		must(t, err)
		*into = keys[0]
	}
	var err error
	f.recipients, err = keyring.NewRecipients(f.online.Public(), f.offline.Public())
	must(t, err)
	f.signer, err = keyring.NewSigner(f.host)
	must(t, err)
	return f
}

// killAt starts the task in a process of its own and kills it (SIGKILL) as soon
// as ready answers true.
func (f *fixture) killAt(c child, ready func() bool) {
	f.t.Helper()
	c.Dirs, c.State, c.Data, c.Space = f.dirs, f.state, f.data, f.space
	for key, into := range map[*keyring.PrivateKey]*string{&f.host: &c.Host, &f.online: &c.Online, &f.offline: &c.Offline} {
		text, err := key.Armored()
		must(f.t, err)
		*into = text
	}
	task, err := json.Marshal(c)
	must(f.t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "TMPDIR="+f.t.TempDir(), childEnv+"="+string(task))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(f.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline, tick := time.After(30*time.Second), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case err := <-ended:
			f.t.Fatalf("ended before it was killed: %v\n%s", err, out.String())
		case <-deadline:
			_ = cmd.Process.Kill()
			f.t.Fatalf("nothing happened\n%s", out.String())
		case <-tick.C:
		}
	}
	must(f.t, cmd.Process.Kill())
	<-ended
}

func TestKilledBackupResumes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	set := archive.NewSetID(time.Now(), archive.Full)
	journal := filepath.Join(f.state, source, string(set)+".journal")
	lines := func() int {
		content, _ := os.ReadFile(journal) // absent at first
		return bytes.Count(content, []byte("\n"))
	}
	f.killAt(child{Do: "backup", Set: set, Kind: archive.Full, PerSec: 1 << 20}, func() bool { return lines() >= 2 })
	if f.visible() != 0 {
		t.Fatal("a killed backup is visible")
	}
	// A record cut by the crash is passed over.
	content, err := os.ReadFile(journal)
	must(t, err)
	must(t, os.WriteFile(journal, append(content, "AAAA {cut"...), 0o600))
	journaled := lines()

	cfg := f.config(archive.Full)
	cfg.SetID = set
	d, stats := f.backup(cfg)
	if stats.Resumed < 2 || stats.Resumed != journaled {
		t.Fatalf("resumed %d parts of %d", stats.Resumed, journaled)
	}
	seen := map[string]bool{}
	for _, part := range d.Parts {
		seen[part.Key] = true
	}
	named := 0
	f.each(f.dirs[0], "/parts/", func(path string) {
		rel, err := filepath.Rel(filepath.Join(f.dirs[0], "objects"), path)
		must(t, err)
		if seen[rel] {
			named++
		}
	})
	if named != len(d.Parts) {
		t.Fatalf("%d of %d parts are there", named, len(d.Parts))
	}
	if len(d.Keys) != 2 {
		t.Fatalf("%d key headers, want one of each attempt", len(d.Keys))
	}
	if _, err := os.Stat(journal); !os.IsNotExist(err) {
		t.Fatalf("journal stays: %v", err)
	}
	restore := f.restoreConfig(d.Set)
	_, err = archive.Restore(context.Background(), restore)
	must(t, err)
	f.same(restore)
}

func (f *fixture) visible() int {
	listing, err := archive.List(context.Background(), f.stores, source, f.trust())
	must(f.t, err)
	return len(listing.Sets)
}

func TestKilledRestoreResumes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	d, _ := f.backup(f.config(archive.Full))
	cfg := f.restoreConfig(d.Set)
	reported := filepath.Join(t.TempDir(), "reported")
	f.killAt(child{Do: "restore", Set: d.Set, Target: cfg.Target, Map: cfg.Map, Reported: reported}, func() bool {
		_, err := os.Stat(reported)
		return err == nil
	})
	other := cfg
	other.Map = map[string]string{"pg_tblspc/16400": t.TempDir()}
	if _, err := archive.Restore(context.Background(), other); classOf(err) != "Refused" {
		t.Fatalf("another restore into the same target: %v", err)
	}
	result, err := archive.Restore(context.Background(), cfg)
	must(t, err)
	if !result.Resumed {
		t.Fatal("did not resume")
	}
	f.same(cfg)
}
