package walship_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship"
)

func TestL8PushRefusesWhatIsNotWholeWAL(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := h.switchWAL(t)
	walDir := filepath.Join(h.server.DataDir, "pg_wal")
	good, err := os.ReadFile(filepath.Join(walDir, name))
	if err != nil {
		t.Fatal(err)
	}
	otherSystem := append([]byte(nil), good...)
	otherSystem[24] ^= 0xFF
	zeroed := append([]byte(nil), good...)
	clear(zeroed[:8192])
	cases := map[string]struct {
		name    string
		content []byte
		class   failure.Class
	}{
		"truncated":         {"0000000100000000000000F0", good[:len(good)-1], failure.Corrupt},
		"recycled":          {"0000000100000000000000F1", good, failure.Corrupt},
		"of another system": {name, otherSystem, failure.IdentityMismatch},
		"no header":         {name, zeroed, failure.Corrupt},
		"too long":          {name, append(append([]byte(nil), good...), 0), failure.Corrupt},
		"not a WAL name":    {"postmaster.pid", good, failure.InvalidInput},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			other := newSandbox(t, h)
			other.put(t, c.name, c.content)
			wantClass(t, walship.Push(t.Context(), other.opts, "pg_wal/"+c.name), c.class)
			if found := keysUnder(t, other.opts.Stores[0], "v1/"); len(found) > 0 {
				t.Errorf("stored %v", found)
			}
		})
	}
}

func TestPushTwiceAndOtherContent(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := h.switchWAL(t)
	good, err := os.ReadFile(filepath.Join(h.server.DataDir, "pg_wal", name))
	if err != nil {
		t.Fatal(err)
	}
	box := newSandbox(t, h)
	box.put(t, name, good)
	for range 2 {
		if err := walship.Push(t.Context(), box.opts, "pg_wal/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range box.opts.Stores {
		if keys := keysUnder(t, one, "v1/"); len(keys) != 1 {
			t.Errorf("%s holds %v", one.Name(), keys)
		}
	}
	good[len(good)-1] ^= 1
	box.put(t, name, good)
	wantClass(t, walship.Push(t.Context(), box.opts, "pg_wal/"+name), failure.Exists)
	if keys := keysUnder(t, box.opts.Stores[0], "v1/"); len(keys) != 1 {
		t.Errorf("the refused content was stored: %v", keys)
	}
}

func TestPushConfinesPaths(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	box := newSandbox(t, h)
	secret := filepath.Join(box.dir, "000000010000000000000001")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{secret, "pg_wal/../../000000010000000000000001", "000000010000000000000001", "pg_wal/..", "/etc/passwd"} {
		if err := walship.Push(t.Context(), box.opts, path); failure.ClassOf(err) != failure.Refused && failure.ClassOf(err) != failure.NotFound {
			t.Errorf("push of %s: %v", path, err)
		}
	}
	if err := os.Symlink(secret, filepath.Join(box.opts.Settings.DataDir, "pg_wal", "000000010000000000000001")); err != nil {
		t.Fatal(err)
	}
	if err := walship.Push(t.Context(), box.opts, "pg_wal/000000010000000000000001"); err == nil {
		t.Error("a link out of pg_wal was followed")
	}
}

func TestL3ReadOnlyNeverArchives(t *testing.T) {
	t.Parallel()
	box := newSandbox(t, newHost(t))
	box.opts.Settings.ReadOnly = true
	wantClass(t, walship.Push(t.Context(), box.opts, "pg_wal/000000010000000000000001"), failure.Refused)
}
